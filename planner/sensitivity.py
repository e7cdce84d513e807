"""What one more device or node of each pool would bring, from exact re-solves and not from duals."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from models.plan import Sensitivity
from planner.setting import Site
from solvers.ranked import Ranking
from solvers.result import Status

SMALL = 1e-9
"""Relative difference below which nothing changed."""
Solve = Callable[[list[Site]], Ranking]
"""Solves the scenario again with pools of other sizes."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """More of one pool."""

    pool: int
    devices: int
    noun: str


def steps(sites: list[Site]) -> list[Step]:
    """One device and one node more of every pool of fixed size."""
    found = []
    for g, site in enumerate(sites):
        if site.capacity is None:
            continue
        node = site.pool.devices_per_node
        found.append(Step(pool=g, devices=1, noun="device"))
        if node > 1:
            found.append(Step(pool=g, devices=node, noun=f"node of {node}"))
    return found


def sensitivities(sites: list[Site], best: Ranking, unit: str, solve: Solve) -> tuple[Sensitivity, ...]:
    """Every step solved, in the order of the pools; none where there is no plan to compare with."""
    if not best.solutions:
        return ()
    told = []
    for step in steps(sites):
        larger = [_grown(s, step.devices) if g == step.pool else s for g, s in enumerate(sites)]
        told.append(_told(sites[step.pool], step, unit, best, solve(larger)))
    return tuple(told)


def _grown(site: Site, devices: int) -> Site:
    capacity = (site.capacity or 0) + devices
    return replace(site, capacity=capacity)


def _told(site: Site, step: Step, unit: str, before: Ranking, after: Ranking) -> Sensitivity:
    old, capacity = before.solutions[0].objective, site.capacity or 0
    new = after.solutions[0].objective if after.solutions else old
    proven = before.status is Status.OPTIMAL and after.status is Status.OPTIMAL
    change = new - old
    if abs(change) <= SMALL * max(abs(old), abs(new)):
        effect = "changes nothing"
    else:
        effect = f"{'adds' if change > 0 else 'saves'} {abs(change):.4g} {unit}"
    return Sensitivity(
        change=f"cluster.pools.{site.pool.name}.devices",
        from_=float(capacity),
        to=float(capacity + step.devices),
        objective_value=new,
        bound=float(after.bound),
        proven=proven,
        statement=f"one more {step.noun} of {site.pool.name} {effect}",
    )
