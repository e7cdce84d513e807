"""A stand-in of the measured package: the same facade, times by a formula, and bad manners on demand.

It exists so that the process around the package is tested where the package is not installed: what it
prints, how it fails, which of its two names is found. The real one is tested in test_real_package.py.
"""

import textwrap
from pathlib import Path

ENGINE = """
import json, logging, os, sys, time
from pathlib import Path

TRAIT = {trait!r}

class Panic(BaseException):
    pass

class EngineHandle:
    def __init__(self, tp, pp, dp, ep, modes):
        self.n, self.pp, self.dp, self.ep, self.modes = tp, pp, dp, ep, modes

    @classmethod
    def compile(cls, model_path, system, backend, *, backend_version, tp_size, pp_size, attention_dp_size,
                moe_tp_size, moe_ep_size, gemm_quant_mode, moe_quant_mode, kvcache_quant_mode,
                fmha_quant_mode):
        print("a chatty package says hello")
        os.write(1, b"and so does its compiled part\\n")
        logging.getLogger().warning("warned about %s", model_path)
        config = json.loads((Path(model_path) / "config.json").read_text())
        if not os.path.isdir(model_path) or "hidden_size" not in config:
            raise ValueError("would have gone to the network")
        if TRAIT == "sleeps":
            time.sleep(60)
        if TRAIT == "dies":
            sys.stderr.write("cannot map {{}}\\n".format(model_path)); os._exit(3)
        if TRAIT == "panics" and tp_size == 2:
            raise Panic("index out of bounds at " + model_path + "/tables: the len is 3")
        if TRAIT == "no fp8 attention" and fmha_quant_mode == "fp8":
            raise RuntimeError("attention data missing for fp8")
        if moe_tp_size * moe_ep_size != tp_size * attention_dp_size:
            raise ValueError("widths differ")
        return cls(tp_size, pp_size, attention_dp_size, moe_ep_size, gemm_quant_mode)

    def decode_step_latency(self, gen_tokens, isl, osl):
        if TRAIT == "negative":
            return -1.0
        context = isl + osl // 2
        jitter = 0.9 if TRAIT == "jitters" and gen_tokens == 16 else 1.0
        return jitter * (10.0 + 0.05 * gen_tokens + 1e-5 * gen_tokens * context) / self.n

    def predict_prefill_latency(self, bs, isl, prefix=0):
        new = isl - prefix
        if new <= 0:
            raise ValueError("isl must be greater than 0 after removing prefix")
        return (10.0 + 0.02 * bs * new + 1e-6 * bs * new * (new / 2 + prefix)) / self.n
"""
DATABASE = """
class Mode:
    name = "SILICON"

class Database:
    def __init__(self, version):
        self.version = "9.1" if version == "current" else version

    def get_default_database_mode(self):
        return Mode()

def get_database(system, backend, version):
    if version == "0.0":
        raise ValueError("version 0.0 is not listed")
    return Database(version) if backend == "trtllm" else None
"""


def write_package(site: Path, *, name: str = "aiconfigurator_core", trait: str = "", model: str = "") -> None:
    """Write the package and its metadata; ``model`` is the catalogue model it brings a configuration of."""
    folder = site / name
    (folder / "sdk").mkdir(parents=True)
    (folder / "model_configs").mkdir()
    for module in (folder, folder / "sdk"):
        (module / "__init__.py").write_text("")
    (folder / "sdk" / "engine.py").write_text(textwrap.dedent(ENGINE).format(trait=trait))
    (folder / "sdk" / "perf_database.py").write_text(DATABASE)
    if model:
        target = folder / "model_configs" / f"{model.replace('/', '--')}_config.json"
        target.write_text('{"hidden_size": 4096}')
    metadata = site / f"{name}-7.8.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 7.8\n"
    )
