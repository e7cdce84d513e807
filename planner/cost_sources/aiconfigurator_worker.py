"""Worker process that asks the measured database: one JSON request on standard input, one answer out.

Runs as a script in any environment that has the package; nothing of this project is imported. Whatever the
package prints or logs is kept away from the answer, and it only ever sees a local model directory, so it
has no reason to look for one elsewhere.
"""

import importlib
import importlib.metadata
import importlib.resources
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGES = {"aiconfigurator_core": "aiconfigurator-core", "aisimulate_core": "aisimulate-core"}
"""Import name and distribution, in order of preference."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
Request = dict[str, Any]
Table = list[list[float]]


class Refused(Exception):
    """The request cannot be served; the text says why."""


def main() -> None:
    """Serve one request."""
    sys.stdout.flush()
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # compiled code prints too: redirect the descriptor, not only sys.stdout
    os.dup2(2, 1)
    os.environ.update(OFFLINE)
    with answer_to:
        json.dump(answer(json.load(sys.stdin)), answer_to)


def answer(request: Request) -> dict[str, Any]:
    """Tables of every layout, or why there are none."""
    try:
        name = package()
        with tempfile.TemporaryDirectory() as directory:
            write_configuration(name, request["model"], Path(directory))
            return sample(name, request, directory)
    except Refused as refusal:
        return {"refused": str(refusal)}


def package() -> str:
    """Import name of the first package that is installed."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        return name
    raise Refused(f"no measured source is installed (looked for {' and '.join(PACKAGES.values())})")


def write_configuration(name: str, model: Request, directory: Path) -> None:
    """Put the model's config.json into a directory of its own.

    Inline configurations come with the request; catalogue models are among those the package brings.
    """
    content = model.get("hf_config")
    if content is None:
        bundled = importlib.resources.files(name) / "model_configs"
        files = [bundled / f"{known.replace('/', '--')}_config.json" for known in model["names"]]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise Refused(f"{name} brings no configuration of {model['names'][0]}")
        content = json.loads(found.read_text(encoding="utf-8"))
    (directory / "config.json").write_text(json.dumps(content), encoding="utf-8")


def sample(name: str, request: Request, directory: str) -> dict[str, Any]:
    """Every layout, one engine open at a time."""
    engines = importlib.import_module(f"{name}.sdk.engine")
    version, mode = database(name, request)
    preferred: list[Request] = request["formats"]
    layouts: list[dict[str, Any]] = []
    for layout in request["layouts"]:
        reasons: list[str] = []
        for formats in preferred:
            try:
                handle = open_engine(engines, request | formats, directory, version, layout)
                layouts.append(tables(handle, request["axes"]))
            except BaseException as error:  # a panic of compiled code is no Exception
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
                reasons.append(told(error))
                continue
            # what works for one layout is kept for all: a grid has one set of formats
            preferred = [formats]
            break
        else:
            layouts.append({"reason": reasons[-1]})
    return {
        "package": PACKAGES[name],
        "package_version": importlib.metadata.version(PACKAGES[name]),
        "database_version": version,
        "mode": mode,
        "formats": preferred[0],
        "layouts": layouts,
    }


def database(name: str, request: Request) -> tuple[str, str]:
    """Version the tables were collected with, and the mode they answer in."""
    databases = importlib.import_module(f"{name}.sdk.perf_database")
    system, backend, asked = request["system"], request["backend"], request["version"] or "current"
    try:
        found = databases.get_database(system, backend, asked)
    except (ValueError, RuntimeError, OSError, KeyError) as error:
        raise Refused(f"{system} {backend} {asked}: {told(error)}") from None
    if found is None:
        raise Refused(f"no tables of {system} with {backend} at version {asked}")
    mode = found.get_default_database_mode()
    return str(found.version), str(getattr(mode, "name", mode))


def open_engine(engines: Any, request: Request, directory: str, version: str, layout: Request) -> Any:
    """Compile one layout; the model always is a local directory."""
    return engines.EngineHandle.compile(
        directory,
        request["system"],
        request["backend"],
        backend_version=version,
        tp_size=layout["tp"],
        pp_size=layout["pp"],
        attention_dp_size=layout["dp"],
        moe_tp_size=layout["moe_tp"],
        moe_ep_size=layout["ep"],
        gemm_quant_mode=request["gemm"],
        moe_quant_mode=request["experts"],
        kvcache_quant_mode=request["cache"],
        fmha_quant_mode=request["attention"],
    )


def tables(handle: Any, axes: dict[str, list[int]]) -> dict[str, Table]:
    """The three tables of one layout [s].

    ``decode_step_latency`` places a step at the context ``isl + osl // 2``; ``predict_prefill_latency``
    takes whole lengths, of which ``prefix`` tokens are cached.
    """
    return {
        "decode_s": [
            [seconds(handle.decode_step_latency(b, s, 1)) for s in axes["decode_context_tokens"]]
            for b in axes["decode_sequences"]
        ],
        "prefill_s": [
            [seconds(handle.predict_prefill_latency(n, c)) for c in axes["prompt_tokens"]]
            for n in axes["prompts"]
        ],
        "chunk_s": [
            [seconds(handle.predict_prefill_latency(1, c + p, p)) for p in axes["prior_tokens"]]
            for c in axes["chunk_tokens"]
        ],
    }


def seconds(milliseconds: float) -> float:
    """To seconds, at the six digits a grid keeps."""
    return float(f"{milliseconds / 1e3:.6g}")


def told(error: BaseException) -> str:
    """First line of an error, without the paths of this machine."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"(?<![\w.])/[^\s,;:'\")]+", "(file)", text)[:300]


if __name__ == "__main__":
    main()
