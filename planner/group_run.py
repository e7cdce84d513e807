"""Replicas of a plan at the load they really carry: latencies, memory, power, step breakdown."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from models.plan import EngineLimits, MemoryBytes
from planner.assignments import Assignment
from planner.columns import Columns
from planner.operating_point import Replica
from planner.pricing import Priced, build_replica, load_range
from planner.queueing import Statistic
from planner.watts import base_watt, joule_per_request

METRICS = ("ttft_s", "tpot_s", "e2e_s")
STATISTICS: tuple[Statistic, ...] = ("mean", 0.5, 0.95, 0.99)
FULL_LOAD_FRAC = 0.999
BISECTIONS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRun:
    """One group of a plan in operation; ``classes`` holds it once for every class that shares it."""

    assignment: Assignment
    priced: Priced
    row: int
    latency_s: dict[str, dict[str, float]]
    limits: EngineLimits
    memory: MemoryBytes
    watt: float
    parts_s: dict[str, float]
    layer_partition: tuple[int, ...]
    classes: tuple["GroupRun", ...] = ()

    @property
    def streams(self) -> tuple["GroupRun", ...]:
        """The group as each stream sees it: what it carries of the stream, and in which times."""
        return self.classes or (self,)

    @property
    def joule_per_request(self) -> float:
        """Energy that a request adds, in the mean over what is carried [J]."""
        runs = self.streams
        total = sum(r.assignment.weight_per_s for r in runs)
        joule = [
            float(joule_per_request(r.priced.setting.site, r.priced.layouts.take(np.array([r.row])),
                                    r.priced.role, r.priced.replica.take(np.array([r.row])))[0])
            for r in runs
        ]  # fmt: skip
        return sum(r.assignment.weight_per_s * j for r, j in zip(runs, joule, strict=True)) / max(
            total, 1e-300
        )


def statistic_name(statistic: Statistic) -> str:
    """Key of a statistic in the answer: mean, p50, p99.9."""
    return statistic if isinstance(statistic, str) else f"p{100.0 * statistic:.10g}"


def run_groups(columns: Columns, assignments: Iterable[Assignment]) -> list[GroupRun]:
    """All groups of all plans, one evaluation per setting and role."""
    asked = list(assignments)
    runs: list[GroupRun] = []
    for block in sorted({int(columns.block[a.column]) for a in asked}):
        mine = [a for a in asked if int(columns.block[a.column]) == block]
        rows = [int(columns.row[a.column]) for a in mine]
        priced = columns.priced[block]
        runs += _run_shared(priced, mine, rows) if priced.classes else _run_block(priced, mine, rows)
    order = {id(a): i for i, a in enumerate(asked)}
    return sorted(runs, key=lambda r: order[id(r.assignment)])


def _run_shared(priced: Priced, assignments: list[Assignment], rows: list[int]) -> list[GroupRun]:
    """Groups that classes share: each class in the times it sees where the replica is as busy as it is."""
    rates = dict(priced.by_stream())
    parts: list[list[GroupRun]] = [[] for _ in assignments]
    for one in priced.classes:
        asked: list[tuple[int, Assignment]] = []
        for i, (a, row) in enumerate(zip(assignments, rows, strict=True)):
            carried, own = dict(a.by_stream), float(rates[one.stream][row])
            mine = carried.get(one.stream, 0.0)
            # what carries nothing at all is told for every class that could use it
            if own > 0.0 and (mine > 0.0 or a.carried_per_s <= 0.0):
                busy = sum(v / float(rates[w][row]) for w, v in carried.items())
                asked.append((i, replace(a, carried_per_s=busy * own, weight_per_s=mine, by_stream=())))
        runs = _run_block(one, [a for _, a in asked], [rows[i] for i, _ in asked]) if asked else []
        for (i, _), run in zip(asked, runs, strict=True):
            parts[i].append(run)
    return [_merged(priced, a, parts[i]) for i, a in enumerate(assignments)]


def _merged(priced: Priced, assignment: Assignment, parts: list[GroupRun]) -> GroupRun:
    """One group of its classes: engine limits and memory of the class that needs most of each."""
    main = max(parts, key=lambda r: r.assignment.weight_per_s)
    fullest = max(parts, key=lambda r: r.memory.activations)
    limits = replace(
        main.limits,
        max_num_seqs=max(r.limits.max_num_seqs for r in parts),
        max_model_len=max(r.limits.max_model_len for r in parts),
        kv_cache_tokens=min(r.limits.kv_cache_tokens for r in parts),
    )
    return replace(
        main, assignment=assignment, priced=priced, limits=limits, memory=fullest.memory,
        classes=tuple(parts),
    )  # fmt: skip


def _run_block(priced: Priced, assignments: list[Assignment], rows: list[int]) -> list[GroupRun]:
    picked = np.array(rows)
    layouts, budgets = priced.layouts.take(picked), priced.batched_tokens[picked]
    replica = build_replica(
        priced.setting, priced.role, layouts, priced.replica.traffic, budgets, priced.hand_over
    )
    full = priced.load[picked]
    wanted = np.array([a.carried_per_s / a.serving for a in assignments])
    low, _ = load_range(priced.role, layouts)
    load = load_for_rate(replica, np.minimum(low, full), full, wanted)
    state = replica.state(load)
    statistics = {statistic_name(s): s for s in (*STATISTICS, *_asked(priced))}
    latency = {
        m: {name: replica.latency(load, state, m, s) for name, s in statistics.items()} for m in METRICS
    }
    site, role = priced.setting.site, priced.role
    watt = base_watt(site, layouts, role) + joule_per_request(site, layouts, role, replica) * wanted
    cost = replica.shape(load)
    seats = np.ceil(replica.state(full).seats - 1e-9)
    pool, activations = np.maximum(replica.kv_pool(seats), 0.0), replica.activations(seats)
    return [
        GroupRun(
            assignment=a,
            priced=priced,
            row=rows[i],
            latency_s={m: {s: float(v[i]) for s, v in by.items()} for m, by in latency.items()},
            limits=EngineLimits(
                max_num_seqs=int(seats[i]),
                max_num_batched_tokens=int(budgets[i]),
                max_model_len=replica.traffic.max_model_len,
                kv_cache_tokens=int(
                    pool[i] / replica.memory.kv_per_sequence[i] * replica.traffic.context_tokens
                ),
            ),
            memory=_memory(replica, i, float(pool[i]), float(activations[i])),
            watt=float(watt[i]),
            parts_s={name: float(np.broadcast_to(v, load.shape)[i]) for name, v in cost.parts_s.items()},
            layer_partition=replica.stage_layers(i),
        )
        for i, a in enumerate(assignments)
    ]


def _asked(priced: Priced) -> list[Statistic]:
    return [limit.percentile for limit in priced.setting.deployment.slo.limits().values()]


def load_for_rate(replica: Replica, low: np.ndarray, full: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Load at which a replica carries the wanted rate; rates grow with the load."""
    state = replica.state
    busy = wanted >= FULL_LOAD_FRAC * state(full).rate_per_s
    if busy.all():
        return full
    floor, ceiling = np.log(low), np.log(full)
    for _ in range(BISECTIONS):
        middle = (floor + ceiling) / 2.0
        enough = state(np.exp(middle)).rate_per_s >= wanted
        floor, ceiling = np.where(enough, floor, middle), np.where(enough, middle, ceiling)
    return np.where(busy, full, np.exp(ceiling))


def _memory(replica: Replica, row: int, pool: float, activations: float) -> MemoryBytes:
    """Parts of the tightest rank's memory, adding up to its capacity."""
    memory = replica.memory
    weights, engine = float(memory.weights[row]), float(memory.engine[row])
    return MemoryBytes(
        weights=weights, kv_cache=pool, activations=activations, engine=engine,
        free=memory.capacity - weights - pool - activations - engine, capacity=memory.capacity,
    )  # fmt: skip
