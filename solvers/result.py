"""What every solver answers; infeasibility and a time limit are answers, not exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from solvers.csr import Floats

SMALLEST_OBJECTIVE = 1e-12
"""Objectives smaller than this do not make the relative gap larger."""


class Status(StrEnum):
    """How a search ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    TIME_LIMIT = "time_limit"
    UNBOUNDED = "unbounded"
    ERROR = "error"


def relative_gap(objective: float, bound: float) -> float:
    """Distance between a solution and its bound, relative to the solution."""
    return abs(bound - objective) / max(abs(objective), SMALLEST_OBJECTIVE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Solution, bound and time of one solve; for a linear program also its duals.

    ``row_duals`` [rows] and ``reduced_costs`` [columns] have the sign of d objective / d right-hand side,
    in the sense of the program that was solved.
    """

    status: Status
    wall_s: float
    x: Floats | None = None
    objective: float = float("nan")
    bound: float = float("nan")
    row_duals: Floats | None = None
    reduced_costs: Floats | None = None

    @property
    def gap(self) -> float:
        """Relative distance between objective and bound; NaN without a solution."""
        return relative_gap(self.objective, self.bound)
