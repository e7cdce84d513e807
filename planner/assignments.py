"""Solutions of the fleet program as replicas and requests per column, period by period."""

from dataclasses import dataclass

import numpy as np

from models.cost.base import Array
from planner.day import Day
from planner.fleet_program import Translated
from solvers.ranked import RankedSolution
from solvers.served import idle_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Replicas of one column in one plan.

    Attributes
    ----------
    replicas : int
        Most that run at one time.
    serving, carried_per_s
        Replicas and the requests they carry together [1/s], in the period that predictions are made for.
    weight_per_s : float
        Requests in the busiest period of the deployment [1/s]; 0 for replicas that only run in others.
    by_period : tuple of int
        Replicas in every period; empty for one steady state.
    carried_by_period : tuple of float
        Requests they carry together in every period [1/s].
    by_stream : tuple of (int, float)
        Streams that share them, and the requests of each [1/s]; empty where there is one.
    """

    plan: int
    column: int
    replicas: int
    serving: int
    carried_per_s: float
    weight_per_s: float
    by_period: tuple[int, ...] = ()
    carried_by_period: tuple[float, ...] = ()
    by_stream: tuple[tuple[int, float], ...] = ()


def assignments_of(
    plan: int, solution: RankedSolution, translated: Translated, day: Day | None
) -> list[Assignment]:
    """Replicas and requests of every column in use: a supply's flow is shared in proportion to capacity."""
    carried = _carried(solution, translated)
    x = solution.x
    if solution.carried_per_s is not None:
        x = np.where(idle_columns(translated.fleet, carried), 0, x)
    if day is None:
        shared = _shared(solution, translated)
        return [
            Assignment(
                plan=plan, column=int(c), replicas=int(x[c]), serving=int(x[c]),
                carried_per_s=float(carried[c]), weight_per_s=float(carried[c]),
                by_stream=tuple(shared.get(int(c), ())),
            )
            for c in np.flatnonzero(x)
        ]  # fmt: skip
    columns = translated.columns
    counts, loads = x.reshape(len(day.names), -1), carried.reshape(len(day.names), -1)
    return [
        _over_periods(plan, int(c), counts[:, c], loads[:, c], day.busiest(columns.deployment_of(int(c))))
        for c in np.flatnonzero(counts.any(axis=0))
    ]


def _carried(solution: RankedSolution, translated: Translated) -> Array:
    """Requests per second of every column [columns]."""
    if solution.carried_per_s is not None:
        return solution.carried_per_s
    fleet = translated.fleet
    capacity = fleet.rate_per_s * solution.x
    per_supply = np.bincount(fleet.supply_of, weights=capacity, minlength=fleet.n_supplies)
    flow = fleet.through().dot(solution.flow_per_s)
    share = np.divide(flow, per_supply, out=np.zeros_like(flow), where=per_supply > 0)
    carried: Array = capacity * share[fleet.supply_of]
    if fleet.classes is not None and solution.split_per_s is not None:
        at = fleet.classes.column
        split = np.bincount(at, weights=solution.split_per_s, minlength=fleet.n_columns)
        carried = np.where(np.isin(np.arange(fleet.n_columns), at), split, carried)
    return carried


def _shared(solution: RankedSolution, translated: Translated) -> dict[int, list[tuple[int, float]]]:
    """Streams that every shared column carries, with their requests [1/s]."""
    classes, split = translated.fleet.classes, solution.split_per_s
    found: dict[int, list[tuple[int, float]]] = {}
    if classes is None or split is None:
        return found
    for c, w, rate_per_s in zip(
        classes.column.tolist(), classes.demand.tolist(), split.tolist(), strict=True
    ):
        found.setdefault(c, []).append((w, rate_per_s))
    return found


def _over_periods(plan: int, column: int, counts: Array, loads: Array, busiest: int) -> Assignment:
    """One column over a day: told for its deployment's busiest period, else for its own."""
    per_replica = loads / np.maximum(counts, 1)
    told = busiest if counts[busiest] > 0 else int(np.argmax(np.where(counts > 0, per_replica, -1.0)))
    return Assignment(
        plan=plan,
        column=column,
        replicas=int(counts.max()),
        serving=int(counts[told]),
        carried_per_s=float(loads[told]),
        weight_per_s=float(loads[busiest]),
        by_period=tuple(int(n) for n in counts),
        carried_by_period=tuple(float(r) for r in loads),
    )
