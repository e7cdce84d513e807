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


def as_double(value: Fraction | None) -> float | None:
    """Give the nearest double; None where there is no number, or one beyond all doubles."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return None


def shown(value: object) -> str:
    """Give a number or a name as text."""
    if isinstance(value, Fraction):
        near = as_double(value)
        return "a number beyond all doubles" if near is None else repr(near)
    return "none" if value is None else repr(value) if isinstance(value, float) else f"{value}"


def differs(where: str, claimed: object, found: object) -> str:
    """Say what was claimed and what was found."""
    a, b = shown(claimed), shown(found)
    if a == b and isinstance(claimed, float | Fraction) and isinstance(found, float | Fraction):
        b = f"{b}, apart by {shown(Fraction(found) - Fraction(claimed))}"
    return f"{where}: claimed {a}, found {b}"
