r"""Sums of whole columns as columns of their own, which a tree may branch on.

For whole weights w, s = sum_j w_j x_j over integer columns is a whole number at every point of the program.
Adding s as an integer column, with the row sum_j w_j x_j - s = 0 and the bounds that follow from those of x,
makes the points longer and neither adds nor loses one: a bound on the longer program holds for the program.
"""

from __future__ import annotations

from dataclasses import replace

from solvers.verification.program_arrays import ProgramArrays
from solvers.verification.reading import Field, Unreadable


def with_sums(program: ProgramArrays, sums: Field | None) -> ProgramArrays:
    """Add a column and a row for every sum, after the program's own; each sum lists [column, weight]."""
    if sums is None:
        return program
    for g, field in enumerate(sums.elements()):
        program = _with_sum(program, _terms(field, program.n_cols - g, program), g)
    return program


def _terms(field: Field, n_cols: int, program: ProgramArrays) -> dict[int, int]:
    """Columns and weights of one sum: whole columns of the program itself, each once, whole weights."""
    terms: dict[int, int] = {}
    for item in field.elements():
        item.sequence(2)
        column, weight = item.elements()
        j, w = column.integer(below=n_cols), weight.number()
        if not program.integer[j] or not w.is_integer() or j in terms:
            raise Unreadable("is no whole weight of an integer column, given once", item.pointer)
        terms[j] = int(w)
    return terms


def _with_sum(program: ProgramArrays, terms: dict[int, int], number: int) -> ProgramArrays:
    new = program.n_cols
    return replace(
        program,
        column_name=[*program.column_name, f"s[{number}]"],
        objective=[*program.objective, 0.0],
        lower=[*program.lower, _end(program, terms, upper=False)],
        upper=[*program.upper, _end(program, terms, upper=True)],
        integer=[*program.integer, True],
        row_name=[*program.row_name, f"sum[{number}]"],
        row_lower=[*program.row_lower, 0.0],
        row_upper=[*program.row_upper, 0.0],
        start=[*program.start, program.start[-1] + len(terms) + 1],
        column=[*program.column, *terms, new],
        value=[*program.value, *map(float, terms.values()), -1.0],
    )


def _end(program: ProgramArrays, terms: dict[int, int], *, upper: bool) -> float | None:
    """Largest or smallest value of a sum over the column bounds; None where none is known exactly."""
    total = 0
    for column, weight in terms.items():
        bound = (program.upper if (weight > 0) == upper else program.lower)[column]
        if bound is None or not bound.is_integer():
            return None
        total += weight * int(bound)
    return float(total) if abs(total) <= 2**53 else None
