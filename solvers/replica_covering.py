r"""Cheapest replica counts that cover every demand within every resource limit.

Sets        c in C              columns: replica configurations
            r in R              resources
            d in D              demands
Parameters  cost_c              cost of one replica of c
            use_rc, limit_r     resource r held by one replica; available
            serve_dc, amount_d  demand d covered by one replica; asked
            ub_c                replicas of c that the resources hold, at most its own limit
Variables   x_c in {0..ub_c}    replicas of c

    min   sum_c cost_c x_c
    s.t.  sum_c use_rc x_c <= limit_r      (resource_r)
          sum_c serve_dc x_c >= amount_d   (demand_d)

Without the bounds ub_c the linear relaxation is far weaker on small clusters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.answer import answer, only_used
from solvers.backends.registry import default_backend
from solvers.builder import ProgramBuilder
from solvers.csr import Csr, Floats
from solvers.large_search import search
from solvers.program import Program, Sense

ROUNDING = 1e-9
"""Relative slack before a quotient is rounded to a whole number."""

LARGEST_COUNT = 1e6
"""Counts that only a loose resource allows beyond this are limited by what the demand needs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplicaCovering:
    """One instance; arrays are indexed by column, resource or demand."""

    ids: tuple[str, ...]
    cost: Floats
    uses: Csr
    limit: Floats
    serves: Csr
    amount: Floats
    max_replicas: Floats


def column_bounds(problem: ReplicaCovering) -> Floats:
    """Largest count of every column: its own limit, what the resources hold, else what the demand needs."""
    bound = problem.max_replicas.copy()
    uses, serves = problem.uses, problem.serves
    room = np.floor(problem.limit[uses.row_of] / uses.data * (1 + ROUNDING))
    np.minimum.at(bound, uses.indices, room)
    needed = np.zeros(len(bound))
    np.maximum.at(needed, serves.indices, np.ceil(problem.amount[serves.row_of] / serves.data))
    return np.where(bound <= LARGEST_COUNT, bound, np.minimum(bound, needed))


def build(problem: ReplicaCovering, bounds: Floats | None = None) -> Program:
    """Write the program down, one statement per line of the docstring."""
    m = ProgramBuilder()
    ub = column_bounds(problem) if bounds is None else bounds
    x = m.columns("x", np.zeros(len(ub)), ub, integer=True)
    uses, serves = problem.uses, problem.serves
    m.rows("resource", [(uses.row_of, x[uses.indices], uses.data)], -np.inf, problem.limit)
    m.rows("demand", [(serves.row_of, x[serves.indices], serves.data)], problem.amount, np.inf)
    return m.finish(Sense.MIN, problem.cost, name="replica_covering")


def solve(problem: ReplicaCovering, *, time_limit_s: float, gap: float) -> dict[str, Any]:
    """Give the cheapest counts per column id, with objective, bound and gap."""
    started = time.perf_counter()
    program = build(problem)
    left_s = max(time_limit_s - (time.perf_counter() - started), 0.0)
    result = search(program, default_backend(), time_limit_s=left_s, gap=gap)
    counts = np.zeros(len(problem.ids)) if result.x is None else result.x
    return answer(
        result.status,
        wall_s=time.perf_counter() - started,
        objective=None if result.x is None else result.objective,
        bound=result.bound,
        solution=only_used({name: round(count) for name, count in zip(problem.ids, counts, strict=True)}),
    )
