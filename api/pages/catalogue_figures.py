"""Catalogue rows as figures people read: each with its unit, its kind and its source."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from api.render.quantities import NOTHING, count, dollars, duration, gibibytes, percent, scaled
from models.architecture import LayerKind, ModelSpec
from models.engine import Engine
from models.hardware import Device, Source
from models.units import GIB

NAMED_BY_THE_PAGE = ("id", "name", "aliases", "sources", "tiers", "version", "vendor", "family")
BY_UNIT: tuple[tuple[str, Callable[[float], str]], ...] = (
    ("_flop_per_s", lambda v: scaled(v, "FLOP/s")),
    ("_bytes_per_s", lambda v: scaled(v, "B/s")),
    ("_usd_per_hour", lambda v: f"{dollars(v)} per hour"),
    ("_watt", lambda v: f"{count(v)} W"),
    ("_frac", lambda v: percent(v, 0)),
    ("_s", duration),
    ("_tokens", lambda v: f"{count(v)} tokens"),
)
"""How a figure is written, by the unit its name ends in."""
WORDS = {
    "memory_bytes": "memory",
    "memory_bytes_per_s": "memory bandwidth",
    "scale_up_bytes_per_s": "fabric, one direction",
    "scale_up_domain": "devices that share the fabric",
    "scale_up_latency_s": "latency of the fabric",
    "scale_out_bytes_per_s": "network between domains, one direction",
    "scale_out_latency_s": "latency of the network",
    "host_bytes_per_s": "link to the host",
    "peer_bytes_per_s": "one pair of devices, one direction",
    "peak_flop_per_s": "dense peak",
    "price_usd_per_hour": "price",
    "idle_watt": "power without load",
    "peak_watt": "power at full load",
    "kv_block_tokens": "block of the KV cache",
    "supports": "can cut",
    "memory_rule": "what the memory share is taken of",
    "memory_frac": "memory share",
    "reserve_bytes": "kept outside the KV cache",
    "reserve_bytes_per_batched_token": "kept more for each batched token",
    "reserve_bytes_per_graph_sequence": "kept more for each captured sequence",
    "reserve_bytes_per_device": "kept more for each device of a replica",
    "reserve_floor_bytes": "kept at least on large devices",
    "reserve_floor_memory_bytes": "devices that are large, from",
    "context_bytes": "context and libraries",
    "collective_bytes": "communication buffers",
    "graph_bytes": "CUDA graphs",
    "batched_tokens_ladder": "batched tokens worth trying",
    "expert_width_multiple": "expert widths are padded to a multiple of",
    "auto_kv": "what an automatic KV cache stands for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure as it is shown; ``kind`` is empty where no source is held for it."""

    name: str
    value: str
    kind: str = ""
    source: str = ""


def sourced_figures(item: Device | Engine) -> list[FigureRow]:
    """Every figure of a device or an engine."""
    return [row for f in fields(item) if f.name not in NAMED_BY_THE_PAGE for row in _rows(item, f.name)]


def _rows(item: Device | Engine, field: str) -> Iterator[FigureRow]:
    value, name = getattr(item, field), WORDS.get(field, _plain(field))
    source = item.sources.get(field, Source(kind="assumed", source=""))
    kind = source.kind if field in item.sources else ""
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield FigureRow(name=f"{name}, {key}", value=_value(field, one), kind=kind, source=source.source)
        return
    yield FigureRow(name=name, value=_value(field, value), kind=kind, source=source.source)


def _plain(field: str) -> str:
    for unit, _ in (*BY_UNIT, ("_bytes", None)):
        field = field.removesuffix(unit)
    return field.replace("_", " ")


def _value(field: str, value: Any) -> str:
    if value is None or value == () or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_value("", part) for part in value)
    if isinstance(value, str):
        return value.replace("_", " ")
    for unit, write in BY_UNIT:
        if field.endswith(unit):
            return write(value)
    if "_bytes" in field:
        return gibibytes(value) if value >= GIB / 10 else f"{count(value)} B"
    return count(value)


def model_figures(spec: ModelSpec) -> list[FigureRow]:
    """Every figure of an architecture: as published in its configuration, or counted from it."""
    published = {
        "layers": count(spec.layers),
        "hidden size": count(spec.hidden_size),
        "vocabulary": count(spec.vocab_size),
        "longest context": f"{count(spec.max_context_tokens)} tokens",
        "embedding and head share one table": _value("", spec.tied_embeddings),
        "weights of the checkpoint": spec.precision.weights,
        "weights of the experts": spec.precision.experts if spec.is_moe else NOTHING,
        "KV cache of the checkpoint": spec.precision.kv,
    }
    counted = {
        "parameters": count(spec.parameters()),
        "parameters a token passes": count(spec.active_parameters()),
        "cache of one token, bf16": f"{count(spec.kv_bytes_per_token('bf16'))} B",
        "cache of one token, fp8": f"{count(spec.kv_bytes_per_token('fp8'))} B",
        "parameters of encoders beside the language model": count(spec.vision_parameters),
        "parameters not loaded for serving": count(spec.unread_parameters),
    }
    return [
        *(FigureRow(name=n, value=v, kind="published", source=spec.source) for n, v in published.items()),
        *(
            FigureRow(name=n, value=v, kind="counted", source="counted from the layers")
            for n, v in counted.items()
        ),
    ]


def layer_rows(spec: ModelSpec) -> list[tuple[int, str, str]]:
    """How many layers there are of each kind, their token mixer and their feed-forward block."""
    return [
        (n, _block(kind, "mixer"), _block(kind, "ffn"))
        for n, kind in zip(spec.counts(), spec.kinds, strict=True)
    ]


def _block(kind: LayerKind, part: str) -> str:
    """A block by its kind and the sizes that are set."""
    block: Any = getattr(kind, part)
    if block is None:
        return NOTHING
    sizes = [
        f"{f.name.replace('_', ' ')} {_value('', value)}"
        for f in fields(block)
        if f.name != "kind" and (value := getattr(block, f.name)) not in (None, False, 0, True)
    ]
    return f"{block.kind}: {', '.join(sizes)}"
