r"""Parts of a program that only a few packing rows join.

A packing row, ``sum of positive terms <= limit``, shares one resource among all columns. Without these rows
most large programs fall apart: the demands of one model do not meet those of another. Columns that share a
row stay together; a packing row whose columns all lie in one part belongs to that part. Columns in packing
rows alone join the first part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.csr import Bools, Floats, Ints
from solvers.program import Program
from solvers.restriction import keep_rows

LARGEST_SHARE = 0.8
"""A part with more of the columns than this makes the split useless."""

MOST_PARTS = 16
"""Parts at most; each costs a solve in every round."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """One part: its columns and rows in the whole program, and the program over them."""

    columns: Ints
    rows: Ints
    program: Program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """All parts, the rows that join them, and the part of each column [columns]."""

    parts: tuple[Block, ...]
    linking: Ints
    part_of: Ints


def split(program: Program) -> Blocks | None:
    """Find the parts; None where one of them holds nearly everything."""
    packing = _packing(program)
    part_of = _components(program, ~packing)
    first, last = _range_of_parts(program, part_of)
    linking = packing & (first < last)
    sizes = np.bincount(part_of)
    if len(sizes) < 2 or sizes.max() > LARGEST_SHARE * program.n_cols:
        return None
    order = np.argsort(part_of, kind="stable")
    ends = np.cumsum(sizes)
    inside = ~linking & (last >= 0)
    parts = []
    for part, end in enumerate(ends):
        columns = np.sort(order[end - sizes[part] : end])
        rows = np.flatnonzero(inside & (first == part))
        parts.append(Block(columns=columns, rows=rows, program=_part(program, columns, rows)))
    return Blocks(parts=tuple(parts), linking=np.flatnonzero(linking), part_of=part_of)


def _packing(program: Program) -> Bools:
    """Rows that only limit a sum of positive terms from above [rows]."""
    least = np.full(program.n_rows, np.inf)
    np.minimum.at(least, program.rows.row_of, program.rows.data)
    return np.asarray(np.isneginf(program.row_lb) & np.isfinite(program.row_ub) & (least > 0))


def _components(program: Program, joining: Bools) -> Ints:
    """Number of the connected part of every column, where rows of ``joining`` connect [columns]."""
    used = joining[program.rows.row_of]
    row, column = program.rows.row_of[used], program.rows.indices[used]
    label = np.arange(program.n_cols)
    while True:
        of_row = np.full(program.n_rows, program.n_cols)
        np.minimum.at(of_row, row, label[column])
        joined = label.copy()
        np.minimum.at(joined, column, of_row[row])
        if np.array_equal(joined, label):
            break
        label = joined
    lonely = np.bincount(column, minlength=program.n_cols) == 0
    if not lonely.all():
        label[lonely] = label[~lonely].min()
    return _merged(np.asarray(np.unique(label, return_inverse=True)[1].ravel(), dtype=np.int64))


def _merged(part_of: Ints) -> Ints:
    """Put neighbouring parts together where there are very many; what is a part stays within one."""
    sizes = np.bincount(part_of)
    if len(sizes) <= MOST_PARTS:
        return part_of
    group = (np.cumsum(sizes) - sizes) * MOST_PARTS // len(part_of)
    return np.asarray(np.unique(group, return_inverse=True)[1][part_of], dtype=np.int64)


def _range_of_parts(program: Program, part_of: Ints) -> tuple[Ints, Ints]:
    """First and last part that each row reaches; (n_cols, -1) for an empty row [rows]."""
    first, last = np.full(program.n_rows, program.n_cols), np.full(program.n_rows, -1)
    part = part_of[program.rows.indices]
    np.minimum.at(first, program.rows.row_of, part)
    np.maximum.at(last, program.rows.row_of, part)
    return first, last


def _part(program: Program, columns: Ints, rows: Ints) -> Program:
    """The program over one part."""
    part = replace(
        program,
        obj=program.obj[columns],
        obj_offset=0.0,
        lb=program.lb[columns],
        ub=program.ub[columns],
        integer=program.integer[columns],
        rows=program.rows.take_columns(columns),
    )
    return keep_rows(part, rows)


def priced(program: Program, blocks: Blocks, prices: Floats) -> tuple[Floats, float]:
    """Costs of all columns with the linking rows priced out, and the constant that goes with them.

    Parameters
    ----------
    program
        A minimisation.
    blocks
        Its parts.
    prices
        Price of a unit of each linking row, not negative [linking rows].
    """
    multipliers = np.zeros(program.n_rows)
    multipliers[blocks.linking] = prices
    cost = program.obj + program.rows.transpose_dot(multipliers)
    return cost, program.obj_offset - float(prices @ program.row_ub[blocks.linking])
