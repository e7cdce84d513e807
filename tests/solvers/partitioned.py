"""Covering programs that fall into parts but for a few limits, at any size."""

import numpy as np

from solvers.csr import Csr
from solvers.program import Program, Sense


def partitioned(
    seed: int, *, parts: int = 3, columns: int = 8, demands: int = 2, tight: float = 1.5, scale: float = 6.0
) -> Program:
    """Every part covers its own demands; all parts share two resources: ``tight`` times a need.

    The need is that of a simple plan: each demand covered by the column that serves most of it.
    """
    rng = np.random.default_rng(seed)
    n = parts * columns
    use = rng.integers(1, 5, (2, n)) * (rng.random((2, n)) < 0.8)
    serve = np.zeros((parts * demands, n))
    for part in range(parts):
        span = slice(part * columns, (part + 1) * columns)
        block = rng.uniform(0.5, 2.0, (demands, columns)) * (rng.random((demands, columns)) < 0.6)
        block[np.arange(demands), np.arange(demands)] += 1.0
        block[0] += 0.1  # every column serves the first demand: the part hangs together
        serve[part * demands : (part + 1) * demands, span] = block
    amount = rng.uniform(0.3, 1.0, parts * demands) * scale
    need = sum(np.ceil(a / row.max()) * use[:, row.argmax()] for a, row in zip(amount, serve, strict=True))
    return Program(
        sense=Sense.MIN,
        obj=np.round(rng.uniform(0.5, 1.5, n) * (1.0 + use.sum(axis=0)), 2),
        obj_offset=float(rng.integers(-3, 4)),
        lb=np.zeros(n),
        ub=np.ceil(rng.uniform(0.3, 1.5, n) * scale),
        integer=np.ones(n, dtype=np.bool_),
        rows=Csr.from_dense(np.vstack([use, serve])),
        row_lb=np.concatenate([np.full(2, -np.inf), amount]),
        row_ub=np.concatenate([tight * need, np.full(parts * demands, np.inf)]),
    )
