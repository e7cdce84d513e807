"""Random bounded mixed-integer programs, feasible by construction."""

import numpy as np

from solvers.csr import Csr
from solvers.program import Program, Sense


def random_program(seed: int, sense: Sense, *, n_cols: int = 8, n_rows: int = 6) -> Program:
    """Rows are drawn around a random integer point, so that this point is feasible."""
    rng = np.random.default_rng(seed)
    matrix = np.round(rng.normal(size=(n_rows, n_cols)) * (rng.random((n_rows, n_cols)) < 0.6), 2)
    point = rng.integers(0, 4, n_cols).astype(float)
    activity = matrix @ point
    kind = rng.integers(0, 4, n_rows)  # <=, >=, both, equality
    slack = np.round(rng.random(n_rows) * 2, 2)
    low = np.where(kind == 0, -np.inf, activity - np.where(kind == 3, 0, slack))
    high = np.where(kind == 1, np.inf, activity + np.where(kind == 3, 0, slack))
    integer = rng.random(n_cols) < 0.7
    integer[0] = True
    return Program(
        sense=sense,
        obj=np.round(rng.normal(size=n_cols), 2),
        obj_offset=float(rng.integers(-3, 3)),
        lb=np.zeros(n_cols),
        ub=np.full(n_cols, 5.0),
        integer=integer,
        rows=Csr.from_dense(matrix),
        row_lb=low,
        row_ub=high,
    )
