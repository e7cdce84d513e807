"""Rewrites ``models/data/models/`` from a directory of fetched configuration files.

``python tests/catalogue/make_presets.py DATA_DIR`` reads ``DATA_DIR/model_configs/*.json`` with the
importer and writes one compact preset per file and the index. Aliases and notes are written by hand in
the presets and carried over. The fetched files stay outside the repository; ``test_presets.py`` checks
that the presets still equal what the importer makes of them. ``written`` makes those whose configuration is
written down in this directory.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.architecture import ModelSpec  # noqa: E402
from models.preset import encode, summary  # noqa: E402
from planner.importers.hf_config import read  # noqa: E402
from tests.catalogue import minicpm_v  # noqa: E402

TARGET = Path(__file__).parents[2] / "models/data/models"
SOURCE = "config.json of {} as bundled in aiconfigurator_core 0.12.0"
SIDE = "_hf_quant_config"


def preset(file: Path) -> ModelSpec:
    """Architecture of one fetched file, with the aliases and the note its preset already has."""
    name = file.stem.replace("--", "/")
    side = file.with_name(f"{file.stem}{SIDE}.json")
    quant = json.loads(side.read_text()) if side.exists() else None
    spec = read(json.loads(file.read_text()), quant=quant, id=name)
    written = TARGET / target(file)
    kept = json.loads(written.read_text()) if written.exists() else {}
    return replace(
        spec,
        aliases=tuple(kept.get("aliases", ())),
        source=SOURCE.format(name),
        note=kept.get("note", ""),
    )


def written() -> dict[str, ModelSpec]:
    """Architectures whose configuration stands in this directory, by the name of their preset."""
    spec = read(minicpm_v.CONFIG, id="openbmb/MiniCPM-V-2_6")
    assert spec.encoder is not None
    encoder = replace(spec.encoder, source=f"{minicpm_v.SOURCE}; a tile of 448 x 448 pixels")
    return {
        "minicpm-v-2_6.json": replace(
            spec,
            encoder=encoder,
            aliases=("openbmb/MiniCPM-V-2.6", "minicpm-v-2.6"),
            source=minicpm_v.SOURCE,
            note="8.10e9 with encoder and resampler, which are counted apart",
        )
    }


def target(file: Path) -> str:
    """Name of the preset made from a fetched file."""
    return f"{file.stem.split('--')[1].lower()}.json"


def fetched(data: Path) -> list[Path]:
    """Configuration files under ``data``, without the quantisation files beside them."""
    return sorted(f for f in (data / "model_configs").glob("*.json") if not f.stem.endswith(SIDE))


def text(row: dict[str, Any]) -> str:
    """Presets as JSON with one line per field and per kind, so that changes read well."""
    lines = []
    for key, value in row.items():
        if key == "kinds":
            body = ",\n    ".join(json.dumps(kind) for kind in value)
            lines.append(f'  "kinds": [\n    {body}\n  ]')
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(data: Path) -> None:
    """Write every preset and the index."""
    rows = []
    for file in fetched(data):
        spec = preset(file)
        (TARGET / target(file)).write_text(text(encode(spec)), encoding="utf-8")
        rows.append(asdict(summary(spec, target(file))))
    made = {row["file"] for row in rows}
    for name, spec in written().items():
        if name not in made:
            (TARGET / name).write_text(text(encode(spec)), encoding="utf-8")
            rows.append(asdict(summary(spec, name)))
    body = ",\n".join(json.dumps(row) for row in rows)
    index = f'{{\n"schema": "shardwright.models/1",\n"models": [\n{body}\n]\n}}\n'
    (TARGET / "index.json").write_text(index, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
