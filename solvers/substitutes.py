r"""Columns of a covering part that others replace at no higher cost.

Sets        T                   column c and those that serve the same rows, each at least as much as c, and
                                cost no more (equal in all: the lower index counts as the better)
Parameters  need_c              replicas of c that alone cover all rows that it serves

Column c is not needed where the others of T may be used need_c times in total. In a plan with nothing to
spare, T is used need_c times at most: with one more, need_c uses already cover these rows and the last is
spare. So each use of c can move to another column of T, the worst columns first, at no higher cost.
Holds for whole columns of lower bound 0 and cost >= 0 all of whose rows only ask for at least something.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from solvers.csr import Bools, Floats, Ints
from solvers.program import Program

LARGEST_GROUP = 2000
"""Groups beyond this are left alone: the table of pairs grows with the square."""


def needed(program: Program, cost: Floats) -> Bools:
    """Find the columns that a cheapest plan may need [columns].

    Parameters
    ----------
    program
        The part, a minimisation.
    cost
        Cost of one unit of every column, in place of the program's own [columns].
    """
    keep = program.ub > program.lb
    need = _need(program, cost)
    for rows, group in _groups(program, np.flatnonzero(np.isfinite(need) & keep)):
        serves = _entries(program, rows, group)
        order = np.lexsort((group, *(-line for line in serves), cost[group]))
        column = group[order]
        better = np.tri(len(column), k=-1, dtype=np.bool_)
        better &= cost[column][None, :] <= cost[column][:, None]
        for line in serves[:, order]:
            better &= line[None, :] >= line[:, None]
        room = better @ program.ub[column]
        keep[column[room >= need[column]]] = False
    return np.asarray(keep)


def _need(program: Program, cost: Floats) -> Floats:
    """Largest number of replicas of a column that can be of use; infinite where the rule does not hold."""
    rows = program.rows
    row, column, value = rows.row_of, rows.indices, rows.data
    fits = program.integer & (program.lb == 0.0) & np.isfinite(program.ub) & (cost >= 0.0)
    fits[column[(value < 0) | np.isfinite(program.row_ub[row])]] = False
    # what a row asks of these columns at most: the others help it least
    at = np.where(value > 0, program.lb[column], program.ub[column])
    least = np.where(at == 0.0, 0.0, value * at)
    others = np.bincount(row, weights=np.where(fits[column], 0.0, least), minlength=program.n_rows)
    asked = np.maximum(program.row_lb - others, 0.0)
    need = np.where(fits, 0.0, np.inf)
    np.maximum.at(need, column, np.where(fits[column], np.ceil(asked[row] / value), 0.0))
    return need


def _groups(program: Program, columns: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Give the columns that serve the same rows, with these rows."""
    rows = program.rows
    wanted = np.zeros(program.n_cols, dtype=np.bool_)
    wanted[columns] = True
    entries = np.flatnonzero(wanted[rows.indices])
    entries = entries[np.argsort(rows.indices[entries], kind="stable")]
    of_column: dict[bytes, list[int]] = {}
    ends = np.cumsum(np.bincount(rows.indices[entries], minlength=program.n_cols))
    row_of = rows.row_of[entries]
    for c in columns.tolist():
        key = row_of[(ends[c - 1] if c else 0) : ends[c]].tobytes()
        of_column.setdefault(key, []).append(c)
    for key, group in of_column.items():
        if 1 < len(group) <= LARGEST_GROUP:
            yield np.frombuffer(key, dtype=np.int64), np.array(group)


def _entries(program: Program, rows: Ints, columns: Ints) -> Floats:
    """Entries of some rows and columns as a dense table [rows, columns]."""
    position = np.full(program.n_cols, -1)
    position[columns] = np.arange(len(columns))
    table = np.zeros((len(rows), len(columns)))
    for i, row in enumerate(rows):
        span = slice(int(program.rows.indptr[row]), int(program.rows.indptr[row + 1]))
        at = position[program.rows.indices[span]]
        table[i, at[at >= 0]] = program.rows.data[span][at >= 0]
    return table
