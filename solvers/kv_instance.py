"""Reads an instance of ``kv-routing``: workers, links and paths by name, figures as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.csr import Csr, Floats
from solvers.kv_flow import KvFlow
from solvers.reading import distinct, mapping, member, number, refuse, sequence, text

NAME = "kv-routing"
LARGEST = 1e18
"""Largest figure that is read: sums and products of such figures stay exact enough for a solver."""

_NAME = {"type": "string", "minLength": 1}
_AMOUNT = {"type": "number", "minimum": 0, "maximum": LARGEST}


def _worker(figure: str, told: str) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "model", figure],
            "properties": {"name": _NAME, "model": _NAME, figure: {**_AMOUNT, "description": told}},
        },
    }


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": NAME,
    "type": "object",
    "required": ["sources", "sinks", "links", "paths", "kv_bytes"],
    "properties": {
        "sources": _worker("rate_per_s", "requests/s this prefill worker or pool hands over, at most"),
        "sinks": _worker("capacity_per_s", "requests/s this decode worker or pool takes, at most"),
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "bytes_per_s"],
                "properties": {"name": _NAME, "bytes_per_s": _AMOUNT},
            },
        },
        "paths": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["from", "to", "links", "seconds"],
                "properties": {
                    "from": {**_NAME, "description": "name of a source"},
                    "to": {**_NAME, "description": "name of a sink of the same model"},
                    "links": {"type": "array", "items": _NAME, "description": "links crossed; may be empty"},
                    "seconds": {**_AMOUNT, "description": "time one cache travels without congestion"},
                },
            },
        },
        "kv_bytes": {
            "type": "object",
            "additionalProperties": _AMOUNT,
            "description": "bytes of one request's KV cache, per model",
        },
        "demand_per_s": {
            "type": "object",
            "additionalProperties": _AMOUNT,
            "description": "requests/s asked for, per model; where missing, all that its sources hand over",
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KvRouting:
    """One instance: its names, and its figures as arrays in the order of the names."""

    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    models: tuple[str, ...]
    links: tuple[str, ...]
    path_links: tuple[tuple[str, ...], ...]
    flow: KvFlow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Workers:
    """Sources or sinks: names, models, and requests per second."""

    names: tuple[str, ...]
    models: tuple[str, ...]
    figure_per_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """Indices of both ends and of the links crossed, and seconds."""

    source: int
    sink: int
    links: tuple[int, ...]
    seconds: float


def parse(instance: dict[str, Any]) -> KvRouting:
    """Read an instance; unknown keys are ignored, wrong ones refused."""
    document = mapping(instance, "")
    sources = _workers(document, "sources", "rate_per_s")
    sinks = _workers(document, "sinks", "capacity_per_s")
    models = tuple(dict.fromkeys(sources.models + sinks.models))
    kv_bytes = mapping(member(document, "kv_bytes", ""), "/kv_bytes")
    cache = {name: _amount(member(kv_bytes, name, "/kv_bytes"), f"/kv_bytes/{name}") for name in models}
    links, speed = _links(document)
    paths = [_path(row, at, sources, sinks, links) for at, row in _rows(document, "paths")]
    moved = [(e, p, cache[sources.models[path.source]]) for p, path in enumerate(paths) for e in path.links]
    row, col, data = np.array(moved, dtype=np.float64).reshape(-1, 3).T
    flow = KvFlow(
        rate_per_s=sources.figure_per_s,
        capacity_per_s=sinks.figure_per_s,
        demand_per_s=_demand(document, models, sources),
        link_bytes_per_s=speed,
        path_source=np.array([path.source for path in paths], dtype=np.int64),
        path_sink=np.array([path.sink for path in paths], dtype=np.int64),
        path_model=np.array([models.index(sources.models[path.source]) for path in paths], dtype=np.int64),
        path_s=np.array([path.seconds for path in paths], dtype=np.float64),
        moved=Csr.from_triplets(row, col, data, (len(links), len(paths))),
    )
    return KvRouting(
        sources=sources.names,
        sinks=sinks.names,
        models=models,
        links=links,
        path_links=tuple(tuple(links[e] for e in path.links) for path in paths),
        flow=flow,
    )


def _rows(document: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the pointer and the content of every object of an array."""
    for i, row in enumerate(sequence(member(document, key, ""), f"/{key}")):
        yield f"/{key}/{i}", mapping(row, f"/{key}/{i}")


def _workers(document: dict[str, Any], key: str, figure: str) -> _Workers:
    names, models, figures = [], [], []
    for at, row in _rows(document, key):
        names.append(text(member(row, "name", at), f"{at}/name"))
        models.append(text(member(row, "model", at), f"{at}/model"))
        figures.append(_amount(member(row, figure, at), f"{at}/{figure}"))
    return _Workers(
        names=distinct(names, f"/{key}", "name"),
        models=tuple(models),
        figure_per_s=np.array(figures, dtype=np.float64),
    )


def _links(document: dict[str, Any]) -> tuple[tuple[str, ...], Floats]:
    names, speeds = [], []
    for at, row in _rows(document, "links"):
        names.append(text(member(row, "name", at), f"{at}/name"))
        speeds.append(_amount(member(row, "bytes_per_s", at), f"{at}/bytes_per_s"))
    return distinct(names, "/links", "name"), np.array(speeds, dtype=np.float64)


def _path(row: dict[str, Any], at: str, sources: _Workers, sinks: _Workers, links: tuple[str, ...]) -> _Path:
    source = _index(member(row, "from", at), f"{at}/from", sources.names, "a source")
    sink = _index(member(row, "to", at), f"{at}/to", sinks.names, "a sink")
    wanted, found = sources.models[source], sinks.models[sink]
    if wanted != found:
        hint = f"Maybe another sink was meant: this one decodes {found!r}."
        raise refuse(f"{at}/to", row["to"], f"a sink of model {wanted!r} like its source", hint)
    crossed = sequence(member(row, "links", at), f"{at}/links")
    return _Path(
        source=source,
        sink=sink,
        links=tuple(_index(name, f"{at}/links/{i}", links, "a link") for i, name in enumerate(crossed)),
        seconds=_amount(member(row, "seconds", at), f"{at}/seconds"),
    )


def _amount(value: Any, pointer: str) -> float:
    """Read a figure from 0 to the largest."""
    figure = number(value, pointer)
    if figure > LARGEST:
        raise refuse(pointer, value, f"at most {LARGEST:g}", "Maybe the unit is another one.")
    return figure


def _index(name: Any, pointer: str, known: tuple[str, ...], kind: str) -> int:
    """Find a name among those defined."""
    if name not in known:
        raise refuse(pointer, name, f"the name of {kind}", f"Maybe one of: {', '.join(known[:8]) or 'none'}.")
    return known.index(name)


def _demand(document: dict[str, Any], models: tuple[str, ...], sources: _Workers) -> Floats:
    """Requests asked for, of every model [models]."""
    given = mapping(document.get("demand_per_s", {}), "/demand_per_s")
    for name in given:
        _index(name, f"/demand_per_s/{name}", models, "a model of a source or sink")
    emitted = {
        name: float(sum(r for m, r in zip(sources.models, sources.figure_per_s, strict=True) if m == name))
        for name in models
    }
    asked = [_amount(given.get(name, emitted[name]), f"/demand_per_s/{name}") for name in models]
    return np.array(asked, dtype=np.float64)
