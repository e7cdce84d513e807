"""Every plan of a tiny fleet, one by one: the oracle that the programs are tested against."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from solvers.backends.mathopt import MathOptBackend
from solvers.csr import Ints
from solvers.fleet import Fleet, Goal, Level, Objective, build, column_bounds
from solvers.program import Sense

TOLERANCE = 1e-7
"""Relative difference up to which two objective values count as equal."""
DIGITS = 8
"""Significant digits of an objective value that order plans."""
LARGEST_SEARCH = 200_000
"""Most plans that are enumerated."""

Key = tuple[float, ...]


def all_counts(fleet: Fleet, *, capped_by_demand: bool) -> Iterator[Ints]:
    """Give every vector of replica counts that the resources hold."""
    bounds = column_bounds(fleet, capped_by_demand=capped_by_demand).astype(np.int64)
    if np.prod(bounds + 1.0) > LARGEST_SEARCH:
        raise ValueError(f"{np.prod(bounds + 1.0):g} plans are too many to enumerate")
    for counts in product(*(range(int(bound) + 1) for bound in bounds)):
        x = np.array(counts, dtype=np.int64)
        if (fleet.uses.dot(x) <= fleet.limit * (1 + TOLERANCE)).all():
            yield x


def evaluate(fleet: Fleet, objectives: tuple[Objective, ...], x: Ints) -> Key | None:
    """Give every objective level of a plan, lower is better, the tie-break last; None if infeasible.

    With the counts fixed only the flows are left: a small linear program per level.
    """
    held: tuple[Level, ...] = ()
    key: list[float] = []
    for objective in objectives:
        program, v = build(fleet, objectives, held)
        point = np.zeros(program.n_cols)
        point[v.x] = x
        counted = np.zeros(program.n_cols, dtype=np.bool_)
        counted[v.x] = True
        result = MathOptBackend().solve_lp(program.fixed(counted, point), time_limit_s=10.0)
        if result.x is None:
            return None
        if not held and objective.goal is Goal.MAX_GOODPUT and result.objective <= TOLERANCE:
            return None
        # Rounded, so that solver noise does not order plans of equal value.
        value = float(f"{result.objective:.{DIGITS}g}")
        key.append(-value if objective.sense is Sense.MAX else value)
        held = (*held, Level(objective=objective, value=result.objective))
    return (*key, float(fleet.tie_break @ x))


def all_plans(fleet: Fleet, objectives: tuple[Objective, ...]) -> tuple[list[Key], list[Key]]:
    """Give the keys of all plans, best first: those that need every replica, then the others.

    A plan needs every replica if none can be taken without loss. Plans of equal counts per identity are one,
    with the best key of them.
    """
    goodput = any(objective.goal is Goal.MAX_GOODPUT for objective in objectives)
    best: dict[tuple[int, ...], Key] = {}
    for x in all_counts(fleet, capped_by_demand=not goodput):
        key = evaluate(fleet, objectives, x)
        if key is None:
            continue
        counts = tuple(int(n) for n in np.bincount(fleet.identity_of, weights=x))
        if counts not in best or key < best[counts]:
            best[counts] = key
    wasteful = {
        counts
        for counts, key in best.items()
        if any(smaller in best and _no_worse(best[smaller], key) for smaller in _one_less(counts))
    }
    minimal = sorted(key for counts, key in best.items() if counts not in wasteful)
    return minimal, sorted(best[counts] for counts in wasteful)


def _one_less(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Give the plans with one replica less."""
    for i, count in enumerate(counts):
        if count:
            yield (*counts[:i], count - 1, *counts[i + 1 :])


def _no_worse(one: Key, other: Key) -> bool:
    """Whether one plan is at least as good in the objectives, whatever the tie-break."""
    for mine, yours in zip(one[:-1], other[:-1], strict=True):
        slack = TOLERANCE * max(1.0, abs(yours))
        if mine < yours - slack:
            return True
        if mine > yours + slack:
            return False
    return True
