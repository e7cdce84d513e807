"""The answer of a problem solved on its own: plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from solvers.result import Status, relative_gap


def answer(
    status: Status, *, wall_s: float, objective: float | None, bound: float, solution: Mapping[str, Any]
) -> dict[str, Any]:
    """Give status, objective, bound, gap, solution and time; null where there is no number."""
    known = objective is not None and math.isfinite(bound)
    return {
        "status": str(status),
        "objective": objective,
        "bound": bound if math.isfinite(bound) and status is not Status.INFEASIBLE else None,
        "gap": relative_gap(objective, bound) if known and objective is not None else None,
        "solution": dict(solution),
        "wall_s": wall_s,
    }


def only_used(solution: Mapping[str, int]) -> dict[str, int]:
    """Keep the counts above zero: what is not named is not used."""
    return {name: count for name, count in solution.items() if count}
