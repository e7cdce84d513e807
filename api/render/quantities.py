"""Numbers with units as people read them: milliseconds, gigabytes, shares, thousands."""

import math

from models.units import GIB, MS

NOTHING = "–"
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
HALF_DIGIT = 5e-4
"""What rounding to three digits may add: 999.6 becomes 1.00 k."""


def duration(seconds: float | None) -> str:
    """Seconds, or milliseconds below one second."""
    if seconds is None:
        return NOTHING
    if abs(seconds) >= 0.9995:
        return f"{seconds:.2f} s" if abs(seconds) < 100 else f"{seconds:,.0f} s"
    return f"{seconds / MS:.3g} ms"


def gibibytes(size_bytes: float) -> str:
    """Device memory, in the unit the driver uses."""
    return f"{size_bytes / GIB:,.1f} GiB"


def scaled(value: float | None, unit: str) -> str:
    """Three significant digits under a decimal prefix: 2.80 TB/s."""
    if value is None:
        return NOTHING
    power = 0 if value < 1 else min(int(math.log10(value * (1 + HALF_DIGIT)) // 3), len(PREFIXES) - 1)
    mantissa = value / 1000.0**power
    digits = max(0, 2 - int(math.log10(max(mantissa, 1.0) * (1 + HALF_DIGIT))))
    return f"{mantissa:.{digits}f} {PREFIXES[power]}{unit}"


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as a percentage; a gap that is merely small does not show as zero."""
    if fraction is None:
        return NOTHING
    text = f"{fraction * 100:.{digits}f}"
    if fraction > 0 and float(text) == 0:
        return f"< {10**-digits:g} %"
    return f"{text} %"


def amount(value: float | None) -> str:
    """Four significant digits, thousands separated."""
    if value is None:
        return NOTHING
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def dollars(value: float | None, digits: int = 2) -> str:
    """US dollars; a missing price is said, not shown as zero."""
    return "no price" if value is None else f"${value:,.{digits}f}"


def count(value: float) -> str:
    """A whole number, thousands separated."""
    return f"{value:,.0f}"
