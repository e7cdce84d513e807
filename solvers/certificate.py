"""The proof that goes with an answer: its bound, what proves it, and the program as plain arrays."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.csr import Csr
from solvers.errors import InvalidInstance
from solvers.program import Program, Sense
from solvers.ranked import Ranking
from solvers.result import relative_gap


def certificate(ranking: Ranking, *, gap: float) -> dict[str, Any]:
    """Give method, solver, bound, duals and the hash of the program they belong to.

    Parameters
    ----------
    ranking
        The answer to certify.
    gap
        Gap that was asked: where the linear bound alone meets it, the duals prove the answer.
    """
    return {
        "method": _method(ranking, gap),
        "solver": ranking.solver,
        "lp_bound": ranking.lp_bound if math.isfinite(ranking.lp_bound) else None,
        "lp_duals": ranking.lp_duals,
        "program_sha256": program_sha256(ranking.program),
    }


def _method(ranking: Ranking, gap: float) -> str:
    if ranking.solutions and relative_gap(ranking.solutions[0].objective, ranking.lp_bound) <= gap:
        return "lp-dual"
    return "branch-and-bound"


def program_sha256(program: Program) -> str:
    """Hash the numbers of a program; names do not count."""
    digest = hashlib.sha256(f"{program.sense}".encode())
    floats = (
        np.array([program.obj_offset]),
        program.obj,
        program.lb,
        program.ub,
        program.row_lb,
        program.row_ub,
        program.rows.data,
    )
    for array in floats:
        digest.update(np.ascontiguousarray(array + 0.0, dtype="<f8").tobytes())
    for indices in (program.rows.indptr, program.rows.indices, program.integer):
        digest.update(np.ascontiguousarray(indices, dtype="<i8").tobytes())
    return digest.hexdigest()


def program_arrays(program: Program) -> dict[str, Any]:
    """Give the program as plain lists for JSON; a missing bound is null.

    Row i holds entries ``start[i]`` to ``start[i + 1]`` of ``column`` and ``value``.
    """
    return {
        "sense": str(program.sense),
        "objective_offset": program.obj_offset,
        "columns": {
            "name": [program.column_name(j) for j in range(program.n_cols)],
            "objective": program.obj.tolist(),
            "lower": _listed(program.lb),
            "upper": _listed(program.ub),
            "integer": program.integer.tolist(),
        },
        "rows": {
            "name": [program.row_name(i) for i in range(program.n_rows)],
            "lower": _listed(program.row_lb),
            "upper": _listed(program.row_ub),
            "start": program.rows.indptr.tolist(),
            "column": program.rows.indices.tolist(),
            "value": program.rows.data.tolist(),
        },
    }


def read_program(arrays: dict[str, Any]) -> Program:
    """Read a program back from its plain lists."""
    try:
        columns, rows = arrays["columns"], arrays["rows"]
        column_names, row_names = tuple(columns["name"]), tuple(rows["name"])
        return Program(
            sense=Sense(arrays["sense"]),
            obj_offset=float(arrays["objective_offset"]),
            obj=np.array(columns["objective"], dtype=np.float64),
            lb=_bounds(columns["lower"], -np.inf),
            ub=_bounds(columns["upper"], np.inf),
            integer=np.array(columns["integer"], dtype=np.bool_),
            rows=Csr(
                indptr=np.array(rows["start"], dtype=np.int64),
                indices=np.array(rows["column"], dtype=np.int64),
                data=np.array(rows["value"], dtype=np.float64),
                n_cols=len(column_names),
            ),
            row_lb=_bounds(rows["lower"], -np.inf),
            row_ub=_bounds(rows["upper"], np.inf),
            column_name=column_names.__getitem__,
            row_name=row_names.__getitem__,
        )
    except (KeyError, TypeError, ValueError) as error:
        hint = "Maybe the file was not written by a certificate export."
        raise InvalidInstance(f"not a program: {error!r}", hint=hint) from error


def _listed(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _bounds(values: list[float | None], missing: float) -> NDArray[np.float64]:
    return np.array([missing if value is None else float(value) for value in values])
