"""What a level of a lexicographic objective asks of a fleet, as coefficients per column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from solvers.csr import Floats, Ints
from solvers.program import Sense


class Goal(StrEnum):
    """What one level of the objective asks for."""

    MAX_GOODPUT = "max_goodput"
    MIN_COST = "min_cost"
    MIN_LATENCY = "min_latency"
    MIN_RUNNING = "min_running"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """One level of a lexicographic objective.

    ``coefficient`` is a cost per replica, a latency, or a running cost per request; ``fixed`` a cost per
    replica beside the running cost; ``starting`` a cost per replica that starts [columns]. ``most`` is the
    multiple of the demand beyond which goodput is worth nothing; ``as_share`` measures goodput as a multiple
    of the demand instead of requests per second.
    """

    goal: Goal
    coefficient: Floats | None = None
    fixed: Floats | None = None
    starting: Floats | None = None
    most: float = np.inf
    as_share: bool = False

    @property
    def sense(self) -> Sense:
        """Direction of this level."""
        return Sense.MAX if self.goal is Goal.MAX_GOODPUT else Sense.MIN

    def take(self, columns: Ints) -> Objective:
        """Keep the coefficients of these columns only, in this order."""

        def kept(values: Floats | None) -> Floats | None:
            return None if values is None else values[columns]

        return replace(
            self,
            coefficient=kept(self.coefficient),
            fixed=kept(self.fixed),
            starting=kept(self.starting),
        )

    @property
    def needs_carried(self) -> bool:
        """Whether it asks how many requests each column carries."""
        return self.goal in (Goal.MIN_LATENCY, Goal.MIN_RUNNING)

    @property
    def weight(self) -> Floats:
        """Coefficient of every column [columns]."""
        return np.zeros(0) if self.coefficient is None else self.coefficient

    @property
    def per_column(self) -> tuple[Floats, ...]:
        """Every array of this level that prices columns; smaller is better in each [columns]."""
        return tuple(a for a in (self.coefficient, self.fixed, self.starting) if a is not None)


def max_goodput() -> Objective:
    """Ask for the largest sustained multiple of the demand, in requests per second."""
    return Objective(goal=Goal.MAX_GOODPUT)


def max_attainment() -> Objective:
    """Ask for the largest share of every demand that is served within its limits, at most 1."""
    return Objective(goal=Goal.MAX_GOODPUT, most=1.0, as_share=True)


def min_cost(cost: Floats, starting: Floats | None = None) -> Objective:
    """Ask for the smallest sum of a cost per replica, and one per start where there are periods [columns]."""
    return Objective(goal=Goal.MIN_COST, coefficient=np.asarray(cost, dtype=np.float64), starting=starting)


def min_latency(latency_s: Floats) -> Objective:
    """Ask for the smallest request-weighted mean of a latency per column, summed over roles [columns]."""
    return Objective(goal=Goal.MIN_LATENCY, coefficient=np.asarray(latency_s, dtype=np.float64))


def min_running(fixed: Floats, per_request: Floats, starting: Floats | None = None) -> Objective:
    """Ask for the smallest sum of a cost per replica and a cost per carried request and second [columns]."""
    return Objective(
        goal=Goal.MIN_RUNNING,
        coefficient=np.asarray(per_request, dtype=np.float64),
        fixed=np.asarray(fixed, dtype=np.float64),
        starting=starting,
    )
