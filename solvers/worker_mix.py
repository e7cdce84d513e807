"""Most requests per second from prefill, decode and aggregated workers on a number of devices.

The configuration program of ``fleet`` on one pool: prefill workers count with a factor, decode workers with
another, requests pass both in turn or one aggregated worker alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.answer import answer, only_used
from solvers.csr import Csr
from solvers.dominance import undominated
from solvers.fleet import Fleet, max_goodput
from solvers.ranked import k_best
from solvers.reading import distinct, mapping, member, number, refuse, sequence, text, whole
from solvers.result import Status

NAME = "worker-mix"
ROLES = ("aggregated", "prefill", "decode")
"""Roles in the order of their supplies."""

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": NAME,
    "type": "object",
    "required": ["devices", "workers"],
    "properties": {
        "devices": {"type": "integer", "minimum": 0, "description": "devices that may be used"},
        "workers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "role", "devices", "rate_per_s"],
                "properties": {
                    "id": {"type": "string", "minLength": 1},
                    "role": {"enum": sorted(ROLES)},
                    "devices": {"type": "integer", "minimum": 1, "description": "devices of one worker"},
                    "rate_per_s": {"type": "number", "minimum": 0, "description": "requests/s of one worker"},
                },
            },
        },
        "factors": {
            "type": "object",
            "properties": {
                "prefill": {"type": "number", "minimum": 0, "default": 1},
                "decode": {"type": "number", "minimum": 0, "default": 1},
            },
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMix:
    """One instance; tuples are indexed by worker, rates already carry the factor of their role."""

    devices: int
    ids: tuple[str, ...]
    roles: tuple[str, ...]
    worker_devices: tuple[int, ...]
    rate_per_s: tuple[float, ...]


def parse(instance: dict[str, Any]) -> WorkerMix:
    """Read an instance; unknown keys are ignored, wrong ones refused."""
    document = mapping(instance, "")
    devices = whole(member(document, "devices", ""), "/devices")
    factor = _factors(document.get("factors", {}))
    rows = [
        mapping(row, f"/workers/{i}")
        for i, row in enumerate(sequence(member(document, "workers", ""), "/workers"))
    ]
    ids, roles, sizes, rates = [], [], [], []
    for i, row in enumerate(rows):
        at = f"/workers/{i}"
        ids.append(text(member(row, "id", at), f"{at}/id"))
        role = member(row, "role", at)
        if role not in ROLES:
            raise refuse(f"{at}/role", role, "one of prefill, decode, aggregated")
        roles.append(role)
        sizes.append(whole(member(row, "devices", at), f"{at}/devices", least=1))
        rates.append(number(member(row, "rate_per_s", at), f"{at}/rate_per_s") * factor[role])
    return WorkerMix(
        devices=devices,
        ids=distinct(ids, "/workers", "id"),
        roles=tuple(roles),
        worker_devices=tuple(sizes),
        rate_per_s=tuple(rates),
    )


def _factors(value: Any) -> dict[str, float]:
    given = mapping(value, "/factors")
    factor = {role: number(given.get(role, 1.0), f"/factors/{role}") for role in ("prefill", "decode")}
    return {**factor, "aggregated": 1.0}


def to_fleet(problem: WorkerMix) -> Fleet:
    """Translate into the configuration program: one pool, one demand, two channels."""
    sizes = np.array(problem.worker_devices, dtype=np.float64)
    n = len(problem.ids)
    return Fleet(
        rate_per_s=np.array(problem.rate_per_s, dtype=np.float64),
        supply_of=np.array([ROLES.index(role) for role in problem.roles], dtype=np.int64),
        max_replicas=np.full(n, np.inf),
        identity_of=np.arange(n),
        uses=Csr.from_triplets(np.zeros(n), np.arange(n), sizes, (1, n)),
        limit=np.array([float(problem.devices)]),
        channel_supplies=((0,), (1, 2)),
        channel_demand=np.zeros(2, dtype=np.int64),
        demand_per_s=np.ones(1),
        link_bytes_per_request=Csr.empty(0, 2),
        link_bytes_per_s=np.zeros(0),
        tie_break=sizes,
    )


def solve(problem: WorkerMix, *, time_limit_s: float = 10.0, gap: float = 1e-4) -> dict[str, Any]:
    """Give the best counts per worker id, with objective, bound and gap."""
    started = time.perf_counter()
    fleet = to_fleet(problem)
    needed = undominated(fleet, (max_goodput(),)).columns
    if not len(needed):
        return _nothing(started)
    ranking = k_best(fleet.take(needed), (max_goodput(),), time_limit_s=time_limit_s, gap=gap)
    if not ranking.solutions:
        if ranking.status is Status.INFEASIBLE:
            return _nothing(started)
        wall_s = time.perf_counter() - started
        return answer(ranking.status, wall_s=wall_s, objective=None, bound=ranking.bound, solution={})
    best = ranking.solutions[0]
    return answer(
        ranking.status,
        wall_s=time.perf_counter() - started,
        objective=best.objective,
        bound=ranking.bound,
        solution=only_used({problem.ids[c]: int(count) for c, count in zip(needed, best.x, strict=True)}),
    )


def _nothing(started: float) -> dict[str, Any]:
    """No worker fits or none pairs up: zero requests per second is the best there is."""
    wall_s = time.perf_counter() - started
    return answer(Status.OPTIMAL, wall_s=wall_s, objective=0.0, bound=0.0, solution={})
