"""The program of a certificate as it stands in the file, and the hash that names it."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from solvers.verification.reading import Field, Unreadable

Numbers = list[float]
Bounds = list[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramArrays:
    """Minimise or maximise ``objective' x + objective_offset`` over rows and bounds; None is no bound.

    Row i holds entries ``start[i]`` to ``start[i + 1]`` of ``column`` and ``value``.
    """

    sense: str
    objective_offset: float
    column_name: list[str]
    objective: Numbers
    lower: Bounds
    upper: Bounds
    integer: list[bool]
    row_name: list[str]
    row_lower: Bounds
    row_upper: Bounds
    start: list[int]
    column: list[int]
    value: Numbers

    @property
    def n_cols(self) -> int:
        """Number of columns."""
        return len(self.column_name)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.row_name)

    def entries(self, row: int) -> Iterable[tuple[int, float]]:
        """Give the columns and values of a row."""
        span = slice(self.start[row], self.start[row + 1])
        return zip(self.column[span], self.value[span], strict=True)

    def sha256(self) -> str:
        """Hash the numbers; names do not count.

        The sense as text, then little-endian doubles, then little-endian 64-bit integers.
        """
        digest = hashlib.sha256(self.sense.encode())
        for numbers in (
            [self.objective_offset],
            self.objective,
            _with(self.lower, -math.inf),
            _with(self.upper, math.inf),
            _with(self.row_lower, -math.inf),
            _with(self.row_upper, math.inf),
            self.value,
        ):
            # adding zero makes -0.0 the same number as 0.0
            digest.update(struct.pack(f"<{len(numbers)}d", *(number + 0.0 for number in numbers)))
        for integers in (self.start, self.column, [int(flag) for flag in self.integer]):
            digest.update(struct.pack(f"<{len(integers)}q", *integers))
        return digest.hexdigest()


def read_program(field: Field) -> ProgramArrays:
    """Read a program; lists of different lengths and indices out of range are refused."""
    columns, rows = field.at("columns"), field.at("rows")
    column_name = [name.text() for name in columns.at("name").elements()]
    row_name = [name.text() for name in rows.at("name").elements()]
    start = _starts(rows.at("start"), len(row_name))
    return ProgramArrays(
        sense=_sense(field.at("sense")),
        objective_offset=field.at("objective_offset").number(),
        column_name=column_name,
        objective=_numbers(columns.at("objective"), len(column_name)),
        lower=_bounds(columns.at("lower"), len(column_name)),
        upper=_bounds(columns.at("upper"), len(column_name)),
        integer=[flag.flag() for flag in _sized(columns.at("integer"), len(column_name)).elements()],
        row_name=row_name,
        row_lower=_bounds(rows.at("lower"), len(row_name)),
        row_upper=_bounds(rows.at("upper"), len(row_name)),
        start=start,
        column=[
            entry.integer(below=len(column_name)) for entry in _sized(rows.at("column"), start[-1]).elements()
        ],
        value=_numbers(rows.at("value"), start[-1]),
    )


def _sense(field: Field) -> str:
    if field.text() not in ("min", "max"):
        raise Unreadable(f"{field.text()!r:.40} is neither min nor max", field.pointer)
    return field.text()


def _starts(field: Field, n_rows: int) -> list[int]:
    starts = [entry.integer() for entry in _sized(field, n_rows + 1).elements()]
    if starts[0] != 0 or any(b < a for a, b in zip(starts, starts[1:], strict=False)):
        raise Unreadable("does not rise from 0", field.pointer)
    return starts


def _sized(field: Field, length: int) -> Field:
    field.sequence(length)
    return field


def _numbers(field: Field, length: int) -> Numbers:
    return [entry.number() for entry in _sized(field, length).elements()]


def _bounds(field: Field, length: int) -> Bounds:
    return [entry.number_or_none() for entry in _sized(field, length).elements()]


def _with(bounds: Bounds, missing: float) -> Numbers:
    return [missing if bound is None else bound for bound in bounds]
