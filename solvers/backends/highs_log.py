"""What HiGHS says while it searches: a table whose rows hold the best bound and the best solution."""

from __future__ import annotations

import math
from collections.abc import Iterable

COLUMNS = 5
"""Blocks of a row: progress | leaves | bounds | cuts | work."""


def best_of(lines: Iterable[str]) -> tuple[float | None, float | None] | None:
    """Objective and bound of the last row of the table among some lines; None where there is no row."""
    found = None
    for line in lines:
        blocks = line.split("|")
        numbers = blocks[2].split() if len(blocks) == COLUMNS else []
        if len(numbers) < 2:
            continue
        try:
            bound, objective = float(numbers[0]), float(numbers[1])
        except ValueError:
            continue  # the heading
        found = (_finite(objective), _finite(bound))
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
