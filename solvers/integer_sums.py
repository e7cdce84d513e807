r"""Sums of integer columns as columns of their own, so that a search can branch on them.

Sets        j in J              integer columns of a program
            g in G              sums
Parameters  w_gj                whole weights
Variables   x_j                 columns of the program
            s_g integer         value of sum g, between its least and its largest value over the bounds of x

    s.t.  s_g = sum_j w_gj x_j                                      (sum_g)

The points of the program stay the same, only longer: a bound on the one is a bound on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from solvers.csr import Csr, Floats, Ints
from solvers.program import Program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegerSum:
    """Integer columns of one sum, ascending, and their whole weights [terms]."""

    columns: Ints
    weights: Floats

    @property
    def key(self) -> tuple[bytes, bytes]:
        """Equal for equal sums."""
        return self.columns.tobytes(), self.weights.tobytes()


def with_sums(program: Program, sums: tuple[IntegerSum, ...]) -> Program:
    """Add a column and an equality row per sum, after the program's own."""
    n, m, rows = program.n_cols, program.n_rows, program.rows
    each = np.arange(len(sums))
    of = np.repeat(each, [len(part.columns) for part in sums])
    columns = np.concatenate([np.zeros(0, dtype=np.int64), *(part.columns for part in sums)])
    weights = np.concatenate([np.zeros(0), *(part.weights for part in sums)])
    one, other = weights * program.lb[columns], weights * program.ub[columns]
    lb = np.bincount(of, weights=np.minimum(one, other), minlength=len(sums))
    ub = np.bincount(of, weights=np.maximum(one, other), minlength=len(sums))
    zeros = np.zeros(len(sums))
    return replace(
        program,
        obj=np.append(program.obj, zeros),
        lb=np.append(program.lb, lb),
        ub=np.append(program.ub, ub),
        integer=np.append(program.integer, np.ones(len(sums), dtype=np.bool_)),
        rows=Csr.from_triplets(
            np.concatenate((rows.row_of, m + of, m + each)),
            np.concatenate((rows.indices, columns, n + each)),
            np.concatenate((rows.data, weights, zeros - 1.0)),
            (m + len(sums), n + len(sums)),
        ),
        row_lb=np.append(program.row_lb, zeros),
        row_ub=np.append(program.row_ub, zeros),
        column_name=_named(program.column_name, n, "s[{}]"),
        row_name=_named(program.row_name, m, "sum[{}]"),
    )


def _named(name: Callable[[int], str], own: int, pattern: str) -> Callable[[int], str]:
    """Names of the program's own members, then numbered ones."""
    return lambda index: name(index) if index < own else pattern.format(index - own)
