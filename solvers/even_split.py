r"""Requests of a plan spread evenly over its replicas, where demands share them at rates of their own.

With the counts fixed, the largest multiple alpha of the demand is a linear program. Its flows and splits over
alpha carry the demand itself and leave every replica idle for :math:`1 - 1/\alpha` of its time at least: no
other split has a less busy busiest replica. A solver that only looks for the cheapest counts gives any split.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solvers.backends.base import Backend
from solvers.csr import Floats, Ints
from solvers.fleet import Fleet, max_goodput, start, terms
from solvers.program import Sense

LIMIT_S = 2.0
"""Time for the linear program; without it the plan keeps the split it has."""


def even_split(fleet: Fleet, x: Ints, backend: Backend) -> tuple[Floats, Floats] | None:
    """Flows [channels] and splits [triplets] that carry the demand on these counts; None: none found."""
    objective = max_goodput()
    counts = x.astype(np.float64)
    m, v = start(replace(fleet, tiling=None), (objective,), counts)
    assert v.z is not None
    assert v.alpha is not None
    program = m.finish(Sense.MAX, terms(fleet, v, objective, None), name="even split")
    fixed, point = np.zeros(program.n_cols, dtype=np.bool_), np.zeros(program.n_cols)
    fixed[v.x], point[v.x] = True, counts
    result = backend.solve_lp(program.fixed(fixed, point), time_limit_s=LIMIT_S)
    if result.x is None or result.x[v.alpha] < 1.0:
        return None
    alpha = result.x[v.alpha]
    return result.x[v.f] / alpha, result.x[v.z] / alpha
