"""The compact form in which model architectures are stored: kinds, a run-length pattern, formats.

A preset is a plain JSON object; fields that hold their default are left out, so a row shows what is
special about a model. ``decode(encode(spec)) == spec``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import groupby
from typing import Any

from models.architecture import LayerKind, ModelSpec
from models.blocks.registry import FFNS, MIXERS
from models.precision import Precision
from models.vision_encoder import VisionEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One line of the list of models.

    ``attention`` names the token mixers (windows as ``gqa:128``); ``precision`` is weights, experts and
    KV cache as the checkpoint has them.
    """

    id: str
    file: str
    layers: int
    hidden_size: int
    parameters: int
    active_parameters: int
    kv_bytes_per_token: float
    attention: tuple[str, ...]
    precision: str
    aliases: tuple[str, ...]
    note: str = ""


def decode(row: Mapping[str, Any]) -> ModelSpec:
    """Read a preset."""
    kinds = tuple(
        LayerKind(mixer=_block(kind["mixer"], MIXERS), ffn=_block(kind["ffn"], FFNS)) for kind in row["kinds"]
    )
    pattern = tuple(k for k, count in row["pattern"] for _ in range(count))
    special = {
        "kinds": kinds,
        "pattern": pattern,
        "precision": Precision(**row["precision"]),
        "aliases": tuple(row.get("aliases", ())),
        "encoder": VisionEncoder(**row["encoder"]) if "encoder" in row else None,
    }
    plain = {key: value for key, value in row.items() if key not in {"schema", "parameters"}}
    return ModelSpec(**{**plain, **special})


def _block(row: Mapping[str, Any] | None, registry: Mapping[str, Any]) -> Any:
    return None if row is None else registry[row["kind"]](**row)


def encode(spec: ModelSpec) -> dict[str, Any]:
    """Write a preset; ``parameters`` is added as a check figure."""
    row = dict(_said(spec))
    row["kinds"] = [{"mixer": _written(k.mixer), "ffn": _written(k.ffn)} for k in spec.kinds]
    row["pattern"] = [[k, len(list(run))] for k, run in groupby(spec.pattern)]
    row["precision"] = dict(_said(spec.precision))
    if spec.encoder is not None:
        row["encoder"] = dict(_said(spec.encoder))
    if "aliases" in row:
        row["aliases"] = list(spec.aliases)
    return {"schema": "shardwright.model/1", **row, "parameters": spec.parameters()}


def _written(block: Any) -> dict[str, Any] | None:
    return None if block is None else {"kind": block.kind, **dict(_said(block))}


def _said(item: Any) -> Iterator[tuple[str, Any]]:
    """Fields that differ from their default."""
    for f in fields(item):
        value = getattr(item, f.name)
        default = f.default if f.default is not MISSING else MISSING
        if default is MISSING or value != default:
            yield f.name, value


def summary(spec: ModelSpec, file: str) -> ModelSummary:
    """Line of the list of models for one architecture."""
    mixers = [k.mixer for k in spec.kinds if k.mixer is not None]
    attention = [m.kind + (f":{w}" if (w := m.core().window_tokens) else "") for m in mixers]
    p = spec.precision
    formats = p.weights if p.experts == p.weights or not spec.is_moe else f"{p.weights}+{p.experts}"
    return ModelSummary(
        id=spec.id,
        file=file,
        layers=spec.layers,
        hidden_size=spec.hidden_size,
        parameters=spec.parameters(),
        active_parameters=spec.active_parameters(),
        kv_bytes_per_token=spec.kv_bytes_per_token(p.cache),
        attention=tuple(dict.fromkeys(attention)),
        precision=f"{formats}, kv {p.kv}",
        aliases=spec.aliases,
        note=spec.note,
    )
