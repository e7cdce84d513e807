"""Rewrites ``models/data/models/`` from a directory of fetched configuration files.

``python tests/catalogue/make_presets.py DATA_DIR`` reads ``DATA_DIR/model_configs/*.json`` with the
importer and writes one compact preset per file and the index. The fetched files stay outside the
repository; ``test_presets.py`` checks that the presets still equal what the importer makes of them.
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

TARGET = Path(__file__).parents[2] / "models/data/models"
SOURCE = "config.json of {} as bundled in aiconfigurator_core 0.12.0"
SIDE = "_hf_quant_config"

_LLAMA31 = (
    "meta-llama/Llama-3.1-{0}",
    "meta-llama/Llama-3.1-{0}-Instruct",
    "meta-llama/Meta-Llama-3.1-{0}-Instruct",
)
ALIASES: dict[str, tuple[str, ...]] = {
    "meta-llama/Meta-Llama-3.1-8B": tuple(a.format("8B") for a in _LLAMA31),
    "meta-llama/Meta-Llama-3.1-70B": (
        *(a.format("70B") for a in _LLAMA31),
        "meta-llama/Llama-3.3-70B-Instruct",
        "meta-llama/Llama-3.3-70B",
    ),
    "meta-llama/Meta-Llama-3.1-405B": tuple(a.format("405B") for a in _LLAMA31),
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": ("llama-4-scout",),
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": ("llama-4-maverick",),
    "mistralai/Mixtral-8x7B-v0.1": ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
    "mistralai/Mixtral-8x22B-v0.1": ("mistralai/Mixtral-8x22B-Instruct-v0.1", "mixtral-8x22b"),
    "deepseek-ai/DeepSeek-V3": (
        "deepseek-ai/DeepSeek-V3-Base",
        "deepseek-ai/DeepSeek-V3-0324",
        "deepseek-ai/DeepSeek-V3.1",
        "deepseek-ai/DeepSeek-V3.1-Base",
        "deepseek-ai/DeepSeek-V3.1-Terminus",
    ),
    "deepseek-ai/DeepSeek-R1": ("deepseek-ai/DeepSeek-R1-0528", "deepseek-ai/DeepSeek-R1-Zero"),
    "deepseek-ai/DeepSeek-V3.2": ("deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-ai/DeepSeek-V3.2-Speciale"),
    "moonshotai/Kimi-K2-Instruct": ("moonshotai/Kimi-K2-Base", "kimi-k2"),
    "zai-org/GLM-5": ("zhipuai/GLM-5", "THUDM/GLM-5"),
    "zai-org/GLM-5.3": ("zhipuai/GLM-5.3", "THUDM/GLM-5.3"),
    "google/gemma-4-26B-A4B": ("google/gemma-4-26B-A4B-it",),
    "XiaomiMiMo/MiMo-V2-Flash": ("xiaomi/MiMo-V2-Flash",),
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1": ("nvidia/Llama-3.3-Nemotron-Super-49B-v1",),
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8": ("nvidia/Nemotron-3-Super-120B-A12B-FP8",),
}

_EMBEDDINGS = "active parameters here include embedding and head, the name's do not"
NOTES: dict[str, str] = {
    "Qwen/Qwen3-8B": "8.19e9: the name is rounded",
    "Qwen/Qwen3-32B": "32.8e9: the name is rounded",
    "Qwen/Qwen3-32B-FP8": "32.8e9: the name is rounded",
    "Qwen/Qwen3-30B-A3B": f"{_EMBEDDINGS} (0.62e9 of 3.35e9)",
    "Qwen/Qwen3.5-35B-A3B": f"{_EMBEDDINGS} (1.02e9 of 3.46e9); the image encoder is counted apart",
    "Qwen/Qwen3.5-397B-A17B": f"{_EMBEDDINGS} (2.0e9 of 17.3e9); the image encoder is counted apart",
    "Qwen/Qwen3.5-27B": "the image encoder is counted apart",
    "mistralai/Mixtral-8x7B-v0.1": "the name counts eight experts of a 7B model, which share attention",
    "mistralai/Mixtral-8x22B-v0.1": "the name counts eight experts of a 22B model, which share attention",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": "17B is the active size; the image encoder (about 0.9e9) is "
    "not described in the file and not counted",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": "17B is the active size; the image encoder (about 0.9e9) "
    "is not described in the file and not counted",
    "google/gemma-4-26B-A4B": "the model card says 25.2e9 and 3.8e9 active; the name is rounded up. Global "
    "layers make K and V from one matrix, but norm and rotation differ: the cache holds both",
    "nvidia/Gemma-4-31B-IT-NVFP4": "the model card says 30.7e9; only the FFN is NVFP4, attention stays bf16. "
    "Global layers make K and V from one matrix, but the cache holds both",
    "openai/gpt-oss-120b": f"the model card says 116.8e9, 5.1e9 active; {_EMBEDDINGS} (1.16e9 of 5.71e9)",
    "openai/gpt-oss-20b": f"the model card says 20.9e9, 3.6e9 active; {_EMBEDDINGS} (1.16e9 of 4.19e9)",
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8": f"{_EMBEDDINGS} (1.07e9 of 12.8e9)",
    "deepseek-ai/DeepSeek-V3": "without the layer for token prediction, which adds 11.6e9 when loaded",
    "deepseek-ai/DeepSeek-R1": "without the layer for token prediction, which adds 11.6e9 when loaded",
    "deepseek-ai/DeepSeek-V3.2": "V3 plus an indexer in every layer; the KV figure holds the indexer's cache in "
    "the format of the main one",
    "deepseek-ai/DeepSeek-V4-Flash": "published as 284e9, 13e9 active; experts are fp4 with an exponent per 32, "
    "read as mxfp4; the cache compresses 4:1 or 128:1 beside a window of 128 tokens",
    "deepseek-ai/DeepSeek-V4-Pro": "published as 1.6e12, 49e9 active (1.573e12 without the 26e9 of the layer for "
    "token prediction); experts are fp4 with an exponent per 32, read as mxfp4",
    "moonshotai/Kimi-K2.5": "int4 experts carry a scale per 32 weights, the format's default here is 128: about "
    "47e9 bytes of 595e9 are not counted; the image encoder is counted apart",
    "moonshotai/Kimi-K3": "published as 2.8e12; the pseudo-queries of attention residuals (a few 1e6) are left "
    "out; the image encoder is counted apart",
    "MiniMaxAI/MiniMax-M2.5": "without the layers for token prediction",
    "XiaomiMiMo/MiMo-V2-Flash": "published as 309e9, 15e9 active",
    "zai-org/GLM-5": "published as 744e9, 40e9 active",
    "zai-org/GLM-5.3": "GLM-5 with one indexer shared by up to four layers",
}


def preset(file: Path) -> ModelSpec:
    """Architecture of one fetched file, with this project's aliases, source and note."""
    name = file.stem.replace("--", "/")
    side = file.with_name(f"{file.stem}{SIDE}.json")
    quant = json.loads(side.read_text()) if side.exists() else None
    spec = read(json.loads(file.read_text()), quant=quant, id=name)
    return replace(
        spec,
        aliases=ALIASES.get(name, ()),
        source=SOURCE.format(name),
        note=NOTES.get(name, ""),
    )


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
        target = f"{file.stem.split('--')[1].lower()}.json"
        (TARGET / target).write_text(text(encode(spec)), encoding="utf-8")
        rows.append(asdict(summary(spec, target)))
    body = ",\n".join(json.dumps(row) for row in rows)
    index = f'{{\n"schema": "shardwright.models/1",\n"models": [\n{body}\n]\n}}\n'
    (TARGET / "index.json").write_text(index, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
