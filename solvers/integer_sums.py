r"""Sums of integer columns as columns of their own, so that a search can branch on them.

Sets        j in I              integer columns
            i in W              rows of whole coefficients over integer columns only
            P_j                 rows that column j appears in
Variables   s_g integer         value of sum g, added to the program
            x_j                 columns of the program

    s.t.  s_g = sum_j w_gj x_j                                      (sum_g)

    activity    w_gj = a_ij                  of every row i in W: devices in use, power steps
    replicas    w_gj = 1                     over all j in I, and over those with equal P_j
    sizes       w_gj = 1                     over those with equal P_j and equal a_ij in all rows of W

The points of the program are the same, only longer: a bound on the one is a bound on the other. Where many
columns are nearly alike, forbidding one merely moves the relaxation to the next; a bound on their sum does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from solvers.csr import Csr, Floats, Ints
from solvers.program import Program

LARGEST_WEIGHT = 2**20
"""Whole coefficients above this are figures in other units, such as bytes, and count nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegerSum:
    """Columns of one sum, ascending, and their whole weights [terms]."""

    columns: Ints
    weights: Floats

    def value(self, x: Floats) -> float:
        """Value of the sum at a point of the program without sums."""
        return float(self.weights @ x[self.columns])


def integer_sums(program: Program) -> tuple[IntegerSum, ...]:
    """Give the sums worth branching on, without duplicates: activities, replicas, sizes."""
    whole = _whole_rows(program)
    rows_of: dict[int, list[tuple[int, float]]] = {int(j): [] for j in np.flatnonzero(program.integer)}
    for i, j, value in zip(program.rows.row_of, program.rows.indices, program.rows.data, strict=True):
        if program.integer[j]:
            rows_of[int(j)].append((int(i), float(value)))
    counted = [
        *_classes(rows_of, lambda terms: ()),
        *_classes(rows_of, lambda terms: tuple(i for i, _ in terms)),
        *_classes(rows_of, lambda terms: tuple((i, value if whole[i] else None) for i, value in terms)),
    ]
    found: dict[tuple[bytes, bytes], IntegerSum] = {}
    for part in [*_activities(program, np.flatnonzero(whole)), *counted]:
        found.setdefault((part.columns.tobytes(), part.weights.tobytes()), part)
    return tuple(found.values())


def with_sums(program: Program, sums: tuple[IntegerSum, ...]) -> Program:
    """Add a column and an equality row per sum, after the program's own."""
    n, m, rows = program.n_cols, program.n_rows, program.rows
    each = np.arange(len(sums))
    terms = np.array([len(part.columns) for part in sums], dtype=np.int64)
    columns = _joined([part.columns for part in sums]).astype(np.int64)
    weights = _joined([part.weights for part in sums])
    low, high = weights * program.lb[columns], weights * program.ub[columns]
    of = np.repeat(each, terms)
    lb = np.bincount(of, weights=np.minimum(low, high), minlength=len(sums))
    ub = np.bincount(of, weights=np.maximum(low, high), minlength=len(sums))
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


def point_with_sums(x: Floats, sums: tuple[IntegerSum, ...]) -> Floats:
    """Give the same point in the program with sums [columns + sums]."""
    return np.append(x, [part.value(x) for part in sums])


def _whole_rows(program: Program) -> list[bool]:
    """Whether each row has whole coefficients, over integer columns only."""
    rows = program.rows
    fits = (rows.data == np.round(rows.data)) & (np.abs(rows.data) <= LARGEST_WEIGHT)
    fits &= program.integer[rows.indices]
    broken = np.bincount(rows.row_of, weights=~fits, minlength=program.n_rows)
    return [bool(whole) for whole in (broken == 0) & (np.diff(rows.indptr) > 0)]


def _activities(program: Program, whole: Ints) -> Iterable[IntegerSum]:
    """Give the activity of every whole row of several columns."""
    for i in whole:
        span = slice(int(program.rows.indptr[i]), int(program.rows.indptr[i + 1]))
        if span.stop - span.start > 1:
            yield IntegerSum(columns=program.rows.indices[span], weights=program.rows.data[span])


def _classes(
    rows_of: dict[int, list[tuple[int, float]]], key: Callable[[list[tuple[int, float]]], object]
) -> Iterable[IntegerSum]:
    """Count the columns of every class of several columns."""
    classes: dict[object, list[int]] = {}
    for j, terms in rows_of.items():
        classes.setdefault(key(terms), []).append(j)
    for members in classes.values():
        if len(members) > 1:
            yield IntegerSum(columns=np.array(members, dtype=np.int64), weights=np.ones(len(members)))


def _named(name: Callable[[int], str], own: int, pattern: str) -> Callable[[int], str]:
    """Names of the program's own, then numbered ones."""
    return lambda index: name(index) if index < own else pattern.format(index - own)


def _joined(parts: list[Floats] | list[Ints]) -> Floats:
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)
