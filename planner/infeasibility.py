"""Why nothing works, and the smallest change of each kind that would.

Two ways to fail. A role has no candidate at all: then the latency an unloaded candidate reaches, or the
memory it lacks, is the answer. Or candidates exist but the cluster cannot hold enough of them: then the
fleet program with one slack at a time is. Every change is applied and solved again before it is called
sufficient.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from models.plan import Infeasibility, Relaxation
from models.scenario import WHOLE_ROLES, Deployment, Scenario
from models.workload import Slo
from planner.candidates import Candidates
from planner.fleet_program import Translated
from planner.group_run import statistic_name
from planner.setting import Site
from planner.streams import Stream, streams_of
from planner.unloaded import Unloaded
from planner.variants import roles_of
from solvers.relaxation import Family, explain_infeasibility

Feasible = Callable[[Scenario], bool]
WIDEST_FACTOR = 1e4
"""A limit is not relaxed beyond this multiple."""
STEP_FRAC = 0.005
"""Relative precision of a smallest relaxation."""


class OutOfTime(Exception):
    """The time for finding relaxations is used up; what was found stands."""


def bounded(feasible: Feasible, limit_s: float) -> Feasible:
    """The same test, for so many seconds in all.

    Raises
    ------
    OutOfTime
        On any call after that.
    """
    until = time.perf_counter() + limit_s

    def test(scenario: Scenario) -> bool:
        if time.perf_counter() > until:
            raise OutOfTime
        return feasible(scenario)

    return test


def in_time(relaxations: Iterator[Relaxation]) -> list[Relaxation]:
    """Relaxations as far as time allows."""
    found: list[Relaxation] = []
    try:
        for relaxation in relaxations:
            found.append(relaxation)
    except OutOfTime:
        pass
    return found


def without_candidates(scenario: Scenario, candidates: Candidates) -> list[int]:
    """Deployments that no priced candidate can serve: neither by a whole role nor as a pair."""
    streams = streams_of(scenario)
    have: dict[int, set[tuple[str, float]]] = {w: set() for w in range(len(streams))}
    for p in candidates.priced:
        images = p.setting.images
        for one in p.classes or (p,):
            have[one.stream].add((p.role, 0.0 if images is None else images.pool_frac))
    missing = [streams[w].deployment_index for w, roles in have.items() if not _serves(roles)]
    return list(dict.fromkeys(missing))


def _serves(roles: set[tuple[str, float]]) -> bool:
    """Whether roles, each with the share of an encode pool in front of it, make a way for a request."""
    for frac in {frac for _, frac in roles}:
        fed = frac == 0.0 or ("encode", frac) in roles
        pair = ("prefill", frac) in roles and ("decode", 0.0) in roles
        if fed and (pair or any((role, frac) in roles for role in WHOLE_ROLES)):
            return True
    return False


def explain_missing(
    scenario: Scenario, sites: list[Site], candidates: Candidates, missing: list[int], feasible: Feasible
) -> Infeasibility:
    """No candidate for some deployment."""
    binding: list[str] = []
    relaxations: list[Relaxation] = []
    for m in missing:
        counts: Counter[str] = Counter()
        for role in roles_of(scenario):
            counts.update(candidates.without.get((m, role), {}))
        mine = [
            *in_time(slo_relaxations(scenario, m, candidates, feasible)),
            *_memory_relaxation(streams_of(scenario), m, sites, candidates),
        ]
        relaxations += mine
        binding += _binding(scenario.deployments[m], counts, mine)
    relaxations += in_time(device_relaxations(scenario, feasible))
    return Infeasibility(binding=tuple(binding), relaxations=tuple(relaxations))


def _binding(deployment: Deployment, counts: Counter[str], relaxations: list[Relaxation]) -> list[str]:
    """Limits that alone stand in the way; when no single change helps, all that dropped a layout."""
    failed = [
        name
        for name, n in counts.items()
        if n and (name.startswith("slo:") or name in ("memory", "rule:engine_colocated"))
    ]
    enough = [
        name
        for name in failed
        if any(r.makes_feasible and f".{name.removeprefix('slo:')}_s." in r.change for r in relaxations)
    ]
    names = enough or failed or ["rules"]
    return [_binding_text(deployment, name, counts[name]) for name in names]


def _classes_of(deployment: Deployment) -> list[Deployment]:
    """The deployment as each class with an SLO of its own sees it."""
    return [replace(deployment, slo=c.slo, classes=()) for c in deployment.classes if c.slo is not None]


def _binding_text(deployment: Deployment, name: str, count: int) -> str:
    if name == "rules":
        return f"{deployment.name}: no layout obeys the engine's and the model's rules on this cluster"
    if name == "rule:engine_colocated":
        return (
            f"{deployment.name}: {deployment.engine.name} does not split the SMs of these devices (colocated)"
        )
    if name == "memory":
        return f"{deployment.name}: memory; {count} layouts do not hold the weights and one request"
    metric = name.removeprefix("slo:") + "_s"
    limits = [d.slo.limits() for d in (deployment, *_classes_of(deployment))]
    limit = min((one[metric] for one in limits if metric in one), key=lambda one: one.limit_s)
    return (
        f"slo.{deployment.name}.{metric}: {count} layouts exceed {limit.limit_s:g} s "
        f"({statistic_name(limit.percentile)}) even without load"
    )


def slo_relaxations(
    scenario: Scenario, m: int, candidates: Candidates, feasible: Feasible
) -> Iterator[Relaxation]:
    """For each limit alone: the value at which a plan exists, found by bisection and confirmed."""
    for number, stream in enumerate(streams_of(scenario)):
        if stream.deployment_index == m:
            unloaded = [u for role in roles_of(scenario) for u in candidates.unloaded.get((number, role), [])]
            yield from _slo_relaxations(scenario, stream, unloaded, feasible)


def _slo_relaxations(
    scenario: Scenario, stream: Stream, unloaded: list[Unloaded], feasible: Feasible
) -> Iterator[Relaxation]:
    m = stream.deployment_index
    for metric, limit in stream.deployment.slo.limits().items():
        reached = [u.latency_s[metric] for u in unloaded if metric in u.latency_s]
        start = max(min(reached, default=limit.limit_s), limit.limit_s)
        change = f"slo.{stream.name}.{metric}.limit_s"

        def works(value: float, metric: str = metric) -> bool:
            return feasible(with_limit(scenario, m, metric, value, stream.class_index))

        found = smallest_value(start, limit.limit_s * WIDEST_FACTOR, works)
        yield Relaxation(change=change, from_=limit.limit_s, to=found, makes_feasible=found is not None)


def smallest_value(start: float, widest: float, works: Callable[[float], bool]) -> float | None:
    """Smallest value in [start, widest] that works, to STEP_FRAC; None when not even the widest does."""
    value = start * (1.0 + 1e-6)
    if works(value):
        return value
    if widest <= value or not works(widest):
        return None
    low, high = np.log(value), np.log(widest)
    # widen in doublings first: the answer is usually near the start
    step = np.log1p(STEP_FRAC)
    while low + step < high:
        trial = low + step
        if works(float(np.exp(trial))):
            high = trial
            break
        low, step = trial, step * 2.0
    while high - low > np.log1p(STEP_FRAC):
        middle = (low + high) / 2.0
        if works(float(np.exp(middle))):
            high = middle
        else:
            low = middle
    return float(np.exp(high))


def with_limit(
    scenario: Scenario, deployment: int, metric: str, limit_s: float, class_index: int | None = None
) -> Scenario:
    """The scenario with one SLO limit changed, of a deployment or of one of its classes."""
    old = scenario.deployments[deployment]
    slo = old.slo if class_index is None else old.classes[class_index].slo or old.slo
    limit = replace(slo.limits()[metric], limit_s=limit_s)
    wider = Slo(**{**slo.limits(), metric: limit})
    if class_index is None:
        changed = replace(old, slo=wider)
    else:
        own = (replace(c, slo=wider) if i == class_index else c for i, c in enumerate(old.classes))
        changed = replace(old, classes=tuple(own))
    deployments = tuple(changed if i == deployment else d for i, d in enumerate(scenario.deployments))
    return replace(scenario, deployments=deployments)


def _memory_relaxation(
    streams: tuple[Stream, ...], m: int, sites: list[Site], candidates: Candidates
) -> Iterator[Relaxation]:
    """Device memory that the best layout lacks."""
    missing = [
        u.extra_bytes
        for (number, role), us in candidates.unloaded.items()
        if streams[number].deployment_index == m
        and role != "encode"  # an encoder alone fits nearly everywhere
        for u in us
    ]
    extra = min(missing, default=np.inf)
    if 0.0 < extra < np.inf:
        memory = max(s.device.memory_bytes for s in sites)
        yield Relaxation(change="device.memory_bytes", from_=memory, to=memory + extra, makes_feasible=False)


def device_relaxations(scenario: Scenario, feasible: Feasible) -> Iterator[Relaxation]:
    """More nodes in one pool alone: they admit wider replicas, and more of them."""
    for i, pool in enumerate(scenario.cluster.pools):
        if pool.nodes is None:
            continue
        nodes = pool.nodes
        found = smallest_count(nodes, lambda n, i=i: feasible(with_nodes(scenario, i, n)))  # type: ignore[misc]
        yield Relaxation(
            change=f"cluster.pools.{pool.name}.nodes", from_=float(nodes),
            to=None if found is None else float(found), makes_feasible=found is not None,
        )  # fmt: skip


def with_nodes(scenario: Scenario, pool: int, nodes: int) -> Scenario:
    """The scenario with another number of nodes in one pool."""
    pools = tuple(replace(p, nodes=nodes) if i == pool else p for i, p in enumerate(scenario.cluster.pools))
    return replace(scenario, cluster=replace(scenario.cluster, pools=pools))


def smallest_count(start: int, works: Callable[[int], bool], doublings: int = 6) -> int | None:
    """Smallest count above ``start`` that works, looking up to ``start * 2**doublings``."""
    low, high = start, start
    for _ in range(doublings):
        high *= 2
        if works(high):
            break
        low = high
    else:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def explain_shortage(
    scenario: Scenario,
    translated: Translated,
    candidates: Candidates,
    feasible: Feasible,
    time_limit_s: float,
) -> Infeasibility:
    """Candidates exist, but the cluster cannot hold enough of them."""
    # one slack at a time: more devices also mean more nodes to tile, so the tiling is left to the re-solve
    untiled = replace(translated.fleet, tiling=None)
    found = explain_infeasibility(untiled, translated.objectives, time_limit_s=time_limit_s)
    names = {
        (c.family, c.index): _constraint(scenario, translated, c.family, c.index)
        for c in (*found.binding, *(r.constraint for r in found.relaxations))
    }
    relaxations = []
    for r in found.relaxations:
        change, value, per_unit = names[r.constraint.family, r.constraint.index]
        sign = -1.0 if r.constraint.family is Family.DEMAND else 1.0
        to = None if r.slack is None else value + sign * r.slack
        if to is not None and per_unit != 1.0:
            # whole nodes are rounded up, requests in flight down
            exact = to / per_unit
            to = float(np.floor(exact + 1e-9) if sign < 0 else np.ceil(exact - 1e-9))
        if change:
            relaxations.append(
                Relaxation(change=change, from_=value / per_unit, to=to, makes_feasible=r.slack is not None)
            )
    for m in range(len(scenario.deployments)):
        relaxations += in_time(slo_relaxations(scenario, m, candidates, feasible))
    binding = [names[c.family, c.index][0] for c in found.binding]
    return Infeasibility(binding=tuple(b for b in binding if b), relaxations=tuple(relaxations))


def _constraint(
    scenario: Scenario, translated: Translated, family: Family, index: int
) -> tuple[str, float, float]:
    """Field of the scenario a row stands for, its value, and units of the row per unit of the field."""
    if family is Family.DEMAND:
        stream = streams_of(scenario)[index]
        deployment, where = stream.deployment, f"deployments.{stream.name}.workload.arrival"
        offered = float(translated.fleet.demand_per_s[index])
        in_flight = deployment.workload.arrival.concurrency
        if in_flight is not None:
            # requests in flight and requests per second are proportional (Little's law)
            return f"{where}.concurrency", offered, offered / in_flight
        return f"{where}.rate_per_s", offered, 1.0
    if family is Family.LINK:
        a, b = (scenario.cluster.pools[g].name for g in translated.links[index])
        return f"cluster.links.{a}-{b}.bytes_per_s", float(translated.fleet.link_bytes_per_s[index]), 1.0
    name, value = translated.resources[index], float(translated.fleet.limit[index])
    if name.startswith("pool:"):
        pool = next(p for p in scenario.cluster.pools if f"pool:{p.name}" == name)
        return f"cluster.pools.{pool.name}.nodes", value, float(pool.devices_per_node)
    if name.startswith("limit:"):
        return f"limits.{name.removeprefix('limit:')}", value, 1.0
    return "", value, 1.0
