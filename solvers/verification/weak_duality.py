r"""Exact bounds from row multipliers by weak duality, in integers scaled by powers of two.

Take a program that minimises c'x over l <= Ax <= u and a box p <= x <= q. For every vector y, each point
of the box that meets the rows has

    c'x = y'(Ax) + (c - A'y)'x >= sum_{y_i > 0} y_i l_i + sum_{y_i < 0} y_i u_i + sum_j min(d_j p_j, d_j q_j)

with reduced costs d = c - A'y: the first two sums hold because Ax lies between l and u, the last because x
lies in the box. No property of y is needed, so it does not matter who found it. A row without the side that
y_i asks for counts as y_i = 0; a reduced cost towards a missing column bound proves nothing. A program that
maximises is read as minimising -c with multipliers -y.

With c = 0 the bound is 0 for every point that exists: a bound above 0 proves that there is none.

Doubles are whole numbers times powers of two. All are brought to common powers once, and the sums are sums of
whole numbers: nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from solvers.verification.certificate_document import Multipliers
from solvers.verification.program_arrays import ProgramArrays

Box = tuple[list[int | None], list[int | None]]
"""Lower and upper bounds of all columns, scaled; None is no bound."""


def fine_enough(values: Iterable[float | None]) -> int:
    """Give the smallest power k >= 0 of two for which every value times 2**k is whole."""
    return max((v.as_integer_ratio()[1].bit_length() - 1 for v in values if v is not None), default=0)


def scaled(value: float, power: int) -> int:
    """Give value times 2**power, which must be whole."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (power - denominator.bit_length() + 1)


class WeakDuality:
    """Bounds a program over boxes; scales its numbers once."""

    def __init__(self, program: ProgramArrays) -> None:
        self.program = program
        self._value_power = fine_enough(program.value)
        self._cost_power = fine_enough(program.objective)
        self._side_power = fine_enough([*program.row_lower, *program.row_upper])
        self.box_power = fine_enough([*program.lower, *program.upper])
        self._value = [scaled(v, self._value_power) for v in program.value]
        sign = 1 if program.sense == "min" else -1
        self._cost = [sign * scaled(c, self._cost_power) for c in program.objective]
        self._sides = (
            _scaled_bounds(program.row_lower, self._side_power),
            _scaled_bounds(program.row_upper, self._side_power),
        )
        self._root = (
            _scaled_bounds(program.lower, self.box_power),
            _scaled_bounds(program.upper, self.box_power),
        )

    def root(self) -> Box:
        """Give the box of the program itself, free to be cut."""
        lower, upper = self._root
        return lower.copy(), upper.copy()

    def bound(self, multipliers: Multipliers, box: Box) -> Fraction | None:
        """Bound the objective in the sense of the program; None where the multipliers prove nothing."""
        sign = 1 if self.program.sense == "min" else -1
        least = self._least([(row, sign * y) for row, y in multipliers], box, self._cost)
        if least is None:
            return None
        return Fraction(self.program.objective_offset) + sign * least

    def shows_empty(self, multipliers: Multipliers, box: Box) -> bool:
        """Say whether the multipliers prove that no point of the box meets the rows."""
        least = self._least(multipliers, box, None)
        return least is not None and least > 0

    def _least(
        self, multipliers: Sequence[tuple[int, float]], box: Box, cost: list[int] | None
    ) -> Fraction | None:
        """Bound the minimum of a cost over rows and box from below."""
        price_power = max(fine_enough(y for _, y in multipliers), self._cost_power - self._value_power)
        reduced_power = self._value_power + price_power
        shift = reduced_power - self._cost_power
        reduced = [0] * self.program.n_cols if cost is None else [c << shift for c in cost]
        from_rows = 0
        for row, y in multipliers:
            side = self._sides[y < 0][row]
            if y == 0 or side is None:
                continue
            price = scaled(y, price_power)
            from_rows += price * side
            for position in range(self.program.start[row], self.program.start[row + 1]):
                reduced[self.program.column[position]] -= price * self._value[position]
        from_box = 0
        for rate, lower, upper in zip(reduced, *box, strict=True):
            if rate == 0:
                continue
            at = lower if rate > 0 else upper
            if at is None:
                return None
            from_box += rate * at
        return Fraction(from_rows, 1 << (price_power + self._side_power)) + Fraction(
            from_box, 1 << (reduced_power + self.box_power)
        )


def _scaled_bounds(bounds: list[float | None], power: int) -> list[int | None]:
    return [None if bound is None else scaled(bound, power) for bound in bounds]
