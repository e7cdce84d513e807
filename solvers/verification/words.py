"""Claims and findings as text, and how near two numbers must be to count as one."""

from __future__ import annotations

from fractions import Fraction

RELATIVE = Fraction(1, 10**9)
"""Largest relative distance of two figures that were computed in doubles along different ways."""

Number = Fraction | float


def close(one: Number, other: Number, relative: Fraction = RELATIVE) -> bool:
    """Say whether two numbers differ by no more than rounding in doubles explains."""
    a, b = Fraction(one), Fraction(other)
    return abs(a - b) <= relative * max(abs(a), abs(b))


def shown(value: object) -> str:
    """Give a number or a name as text."""
    if value is None:
        return "none"
    if isinstance(value, Fraction):
        try:
            return repr(float(value))
        except OverflowError:
            return "a number beyond all doubles"
    return repr(value) if isinstance(value, float) else f"{value}"


def differs(where: str, claimed: object, found: object) -> str:
    """Say what was claimed and what was found."""
    a, b = shown(claimed), shown(found)
    if a == b and isinstance(claimed, float | Fraction) and isinstance(found, float | Fraction):
        b = f"{b} with a difference of {float(Fraction(found) - Fraction(claimed)):.3g}"
    return f"{where}: claimed {a}, found {b}"
