r"""The trade-off between two objectives: the best of one at every level of the other (epsilon constraint).

Sets        i in I              points, from the best of objective a to the best of objective b
Parameters  eps_i               level of b at point i, evenly spaced between the two ends
            worst_b             value of b where a is best and b next
Variables                       those of the program of the fleet

    min or max  a, then b
    s.t.  the rows of the fleet
          b no worse than eps_i                                          (within)

Every point is a program of its own with a bound of its own: no plan has a better a with a b as good as eps_i.
Points that another one equals or beats in both objectives are left out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from solvers.backends.base import Backend
from solvers.fleet import Fleet, Level, Objective
from solvers.program import Sense
from solvers.ranked import Ranking, k_best

SAME = 1e-9
"""Relative difference below which two values are one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrontierPoint:
    """One point: values of both objectives in the order asked, the level of the second, and its proof."""

    values: tuple[float, float]
    level: float | None
    ranking: Ranking


def frontier(
    fleet: Fleet,
    pair: tuple[Objective, Objective],
    *,
    points: int,
    time_limit_s: float,
    gap: float,
    backend: Backend | None = None,
) -> tuple[FrontierPoint, ...]:
    """Give the points of the trade-off, the best of the first objective first; none where no plan exists."""
    first, second = pair
    until = time.perf_counter() + time_limit_s

    def solve(order: tuple[Objective, ...], level: float | None, left: int) -> Ranking:
        within = () if level is None else (Level(objective=second, value=level),)
        limit_s = max(until - time.perf_counter(), 0.0) / max(left, 1)
        return k_best(fleet, order, within=within, time_limit_s=limit_s, gap=gap, backend=backend)

    one = solve((first, second), None, points)
    if not one.solutions:
        return (FrontierPoint(values=(np.nan, np.nan), level=None, ranking=one),)
    other = solve((second, first), None, points - 1)
    found = [FrontierPoint(values=_pair(one), level=None, ranking=one)]
    start = found[0].values[1]
    end = other.solutions[0].values[0] if other.solutions else 0.0
    # where the traffic that is given cannot be served at all, the other end is to serve nothing
    levels = np.linspace(start, end, points)[1:] if other.solutions else np.linspace(start, end, points)[1:-1]
    for i, level in enumerate(levels.tolist()):
        if time.perf_counter() > until:
            break  # points left out are told by their absence, not by plans found in haste
        ranking = solve((first, second), level, len(levels) - i)
        if ranking.solutions:
            found.append(FrontierPoint(values=_pair(ranking), level=level, ranking=ranking))
    return _undominated(found, pair)


def _pair(ranking: Ranking) -> tuple[float, float]:
    first, second, *_ = ranking.solutions[0].values
    return first, second


def _undominated(found: list[FrontierPoint], pair: tuple[Objective, Objective]) -> tuple[FrontierPoint, ...]:
    """Leave out points that another one equals or beats in both objectives; of equals the earlier stays."""
    sign = np.array([1.0 if o.sense is Sense.MIN else -1.0 for o in pair])
    values = np.array([p.values for p in found]) * sign
    size = SAME * np.maximum(np.abs(values).max(axis=0), 1e-300)
    kept = []
    for i, mine in enumerate(values):
        no_worse = (values <= mine + size).all(axis=1)
        better = no_worse & (values < mine - size).any(axis=1)
        if not better.any() and not no_worse[:i].any():
            kept.append(found[i])
    return tuple(kept)
