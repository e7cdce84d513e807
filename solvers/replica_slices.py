r"""Cheapest mix of device types for a workload of request buckets (after Mélange, Griggs et al. 2024).

Sets        k in K              device types
            b in B              request buckets with a positive rate
Parameters  cost_k              cost of one instance of type k [1/h]
            load_kb             instances of type k that bucket b keeps busy: its rate / the rate one sustains
Variables   x_k in {0..ub_k}    instances of type k; ub_k serves everything that k can serve
            y_kb in [0, 1]      share of bucket b on type k, whole where buckets are indivisible

    min   sum_k cost_k x_k
    s.t.  sum_k y_kb = 1                   (bucket_b)
          sum_b load_kb y_kb <= x_k        (load_k)
          y_kb <= x_k                      (open_kb)
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.answer import answer, only_used
from solvers.backends.registry import default_backend
from solvers.builder import ProgramBuilder
from solvers.csr import Floats
from solvers.program import Program, Sense


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplicaSlices:
    """One instance; ``max_rate_per_s`` [types, buckets] is 0 where a type cannot serve a bucket."""

    names: tuple[str, ...]
    cost_per_h: Floats
    max_rate_per_s: Floats
    rate_per_s: Floats
    splittable: bool


def build(problem: ReplicaSlices) -> Program:
    """Write the program down, one statement per line of the docstring."""
    asked = np.flatnonzero(problem.rate_per_s > 0)
    rate, sustained = problem.rate_per_s[asked], problem.max_rate_per_s[:, asked]
    k, b = np.nonzero(sustained)
    load = rate[b] / sustained[k, b]
    n_types = len(problem.names)
    ub = np.ceil(np.bincount(k, weights=load, minlength=n_types))
    m = ProgramBuilder()
    x = m.columns("x", np.zeros(n_types), ub, integer=True)
    y = m.columns("y", np.zeros(len(k)), 1.0, integer=not problem.splittable)
    m.rows("bucket", [(b, y, 1.0)], np.ones(len(asked)), 1.0)
    m.rows("load", [(k, y, load), (np.arange(n_types), x, -1.0)], -np.inf, np.zeros(n_types))
    each = np.arange(len(k))
    m.rows("open", [(each, y, 1.0), (each, x[k], -1.0)], -np.inf, np.zeros(len(k)))
    return m.finish(Sense.MIN, problem.cost_per_h, name="replica_slices")


def solve(problem: ReplicaSlices, *, time_limit_s: float, gap: float) -> dict[str, Any]:
    """Give the cheapest counts per type name, with objective, bound and gap."""
    started = time.perf_counter()
    result = default_backend().solve(build(problem), time_limit_s=time_limit_s, gap=gap)
    counts = np.zeros(len(problem.names)) if result.x is None else result.x[: len(problem.names)]
    return answer(
        result.status,
        wall_s=time.perf_counter() - started,
        objective=None if result.x is None else result.objective,
        bound=result.bound,
        solution=only_used({name: round(count) for name, count in zip(problem.names, counts, strict=True)}),
    )
