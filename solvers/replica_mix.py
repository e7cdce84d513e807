"""Cheapest mix of replicas: from rates per request bucket, or from general columns.

Two forms of instance, told apart by ``gpus`` or ``columns``: see ``replica_slices`` and ``replica_covering``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers import replica_covering, replica_slices
from solvers.csr import Csr, Floats
from solvers.errors import InvalidInstance
from solvers.reading import distinct, flag, mapping, member, number, refuse, sequence, text, whole
from solvers.replica_covering import ReplicaCovering
from solvers.replica_slices import ReplicaSlices

NAME = "replica-mix"

_AMOUNT = {"type": "number", "minimum": 0}
_NAME = {"type": "string", "minLength": 1}
_AMOUNTS = {"type": "object", "additionalProperties": _AMOUNT}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": NAME,
    "type": "object",
    "oneOf": [
        {
            "required": ["gpus", "workload_share", "rate_req_s"],
            "properties": {
                "gpus": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name", "cost_per_h", "max_rate_per_bucket"],
                        "properties": {
                            "name": _NAME,
                            "cost_per_h": _AMOUNT,
                            "max_rate_per_bucket": {
                                "type": "array",
                                "description": "requests/s per bucket, shaped like workload_share; "
                                "0 or null: cannot serve",
                            },
                        },
                    },
                },
                "workload_share": {"type": "array", "description": "share of the rate in each bucket"},
                "rate_req_s": _AMOUNT,
                "splittable": {"type": "boolean", "default": True},
            },
        },
        {
            "required": ["resources", "demands", "columns"],
            "properties": {
                "resources": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "limit"],
                        "properties": {"name": _NAME, "limit": _AMOUNT},
                    },
                },
                "demands": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "amount"],
                        "properties": {"name": _NAME, "amount": _AMOUNT},
                    },
                },
                "columns": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["id", "cost", "uses", "serves"],
                        "properties": {
                            "id": _NAME,
                            "cost": _AMOUNT,
                            "uses": _AMOUNTS,
                            "serves": _AMOUNTS,
                            "max": {"type": ["integer", "null"], "minimum": 0},
                        },
                    },
                },
            },
        },
    ],
}


def parse(instance: dict[str, Any]) -> ReplicaSlices | ReplicaCovering:
    """Read an instance of either form; unknown keys are ignored, wrong ones refused."""
    document = mapping(instance, "")
    if "gpus" in document and "columns" in document:
        message = "gpus and columns are both given, an instance has one of them"
        raise InvalidInstance(message, "/columns", "Maybe two instances were merged.")
    if "columns" in document:
        return _covering(document)
    return _slices(document)


def solve(
    problem: ReplicaSlices | ReplicaCovering, *, time_limit_s: float = 10.0, gap: float = 1e-4
) -> dict[str, Any]:
    """Give the cheapest counts per name or id, with objective, bound and gap."""
    if isinstance(problem, ReplicaSlices):
        return replica_slices.solve(problem, time_limit_s=time_limit_s, gap=gap)
    return replica_covering.solve(problem, time_limit_s=time_limit_s, gap=gap)


def _slices(document: dict[str, Any]) -> ReplicaSlices:
    rows = [
        mapping(row, f"/gpus/{i}")
        for i, row in enumerate(sequence(member(document, "gpus", ""), "/gpus", least=1))
    ]
    share = _table(member(document, "workload_share", ""), "/workload_share")
    total = number(member(document, "rate_req_s", ""), "/rate_req_s")
    names = [text(member(row, "name", f"/gpus/{i}"), f"/gpus/{i}/name") for i, row in enumerate(rows)]
    cost = [
        number(member(row, "cost_per_h", f"/gpus/{i}"), f"/gpus/{i}/cost_per_h") for i, row in enumerate(rows)
    ]
    sustained = []
    for i, row in enumerate(rows):
        at = f"/gpus/{i}/max_rate_per_bucket"
        table = _table(member(row, "max_rate_per_bucket", f"/gpus/{i}"), at, missing=0.0)
        if _shape(table) != _shape(share):
            wanted = f"shaped {_shape(share)} like workload_share"
            raise refuse(
                at, row["max_rate_per_bucket"], wanted, f"Maybe a bucket is missing: {_shape(table)}."
            )
        sustained.append([rate for line in table for rate in line])
    return ReplicaSlices(
        names=distinct(names, "/gpus", "name"),
        cost_per_h=np.array(cost),
        max_rate_per_s=np.array(sustained),
        rate_per_s=total * np.array([part for line in share for part in line]),
        splittable=flag(document.get("splittable", True), "/splittable"),
    )


def _table(value: Any, pointer: str, missing: float | None = None) -> list[list[float]]:
    """Read an array of numbers or of arrays of numbers; null counts as ``missing`` where that is given."""
    lines = sequence(value, pointer, least=1)
    if not isinstance(lines[0], list):
        return [_line(lines, pointer, missing)]
    return [
        _line(sequence(line, f"{pointer}/{i}"), f"{pointer}/{i}", missing) for i, line in enumerate(lines)
    ]


def _line(values: list[Any], pointer: str, missing: float | None) -> list[float]:
    return [
        missing if value is None and missing is not None else number(value, f"{pointer}/{i}")
        for i, value in enumerate(values)
    ]


def _shape(table: list[list[float]]) -> list[int]:
    return [len(line) for line in table]


def _covering(document: dict[str, Any]) -> ReplicaCovering:
    resources, limit = _amounts(document, "resources", "limit")
    demands, amount = _amounts(document, "demands", "amount")
    rows = [
        mapping(row, f"/columns/{i}")
        for i, row in enumerate(sequence(member(document, "columns", ""), "/columns"))
    ]
    ids = [text(member(row, "id", f"/columns/{i}"), f"/columns/{i}/id") for i, row in enumerate(rows)]
    cost = [number(member(row, "cost", f"/columns/{i}"), f"/columns/{i}/cost") for i, row in enumerate(rows)]
    most = [
        np.inf if row.get("max") is None else float(whole(row["max"], f"/columns/{i}/max"))
        for i, row in enumerate(rows)
    ]
    return ReplicaCovering(
        ids=distinct(ids, "/columns", "id"),
        cost=np.array(cost, dtype=np.float64),
        uses=_matrix(rows, "uses", resources, "resource"),
        limit=limit,
        serves=_matrix(rows, "serves", demands, "demand"),
        amount=amount,
        max_replicas=np.array(most, dtype=np.float64),
    )


def _amounts(document: dict[str, Any], key: str, figure: str) -> tuple[tuple[str, ...], Floats]:
    """Read an array of named amounts."""
    names, values = [], []
    for i, value in enumerate(sequence(member(document, key, ""), f"/{key}")):
        at = f"/{key}/{i}"
        row = mapping(value, at)
        names.append(text(member(row, "name", at), f"{at}/name"))
        values.append(number(member(row, figure, at), f"{at}/{figure}"))
    return distinct(names, f"/{key}", "name"), np.array(values, dtype=np.float64)


def _matrix(rows: list[dict[str, Any]], key: str, names: tuple[str, ...], kind: str) -> Csr:
    """Read the named amounts of every column as a matrix [names, columns]."""
    index = {name: i for i, name in enumerate(names)}
    row_of, column_of, values = [], [], []
    for c, row in enumerate(rows):
        at = f"/columns/{c}"
        for name, value in mapping(member(row, key, at), f"{at}/{key}").items():
            if name not in index:
                wanted = f"the name of a {kind}"
                raise refuse(f"{at}/{key}", name, wanted, f"Maybe one of: {', '.join(names[:8])}.")
            row_of.append(index[name])
            column_of.append(c)
            values.append(number(value, f"{at}/{key}/{name}"))
    return Csr.from_triplets(row_of, column_of, values, (len(names), len(rows)))
