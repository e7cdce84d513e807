"""Why a fleet cannot serve its demand, and the smallest single change that lets it.

Every row of the configuration program is a family of its own: one resource, one demand, one link. Counts stay
whole numbers throughout, so an answer is enough as it stands and not only for the linear relaxation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from solvers.backends.base import Backend
from solvers.backends.registry import default_backend
from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Floats, Ints
from solvers.fleet import Fleet, FleetVariables, Goal, Objective, column_bounds, min_cost, start
from solvers.program import Program, Sense
from solvers.result import Status

RELAXATION_GAP = 1e-6
NO_DEMAND_LEFT_FRAC = 1e-6
"""A demand that may only keep this share is not relaxed but given up."""
TRICKLE_FRAC = 0.5
"""Share of the slowest replica that stands for "any goodput at all"."""


class Family(StrEnum):
    """Kind of a row of the configuration program."""

    INVENTORY = "inventory"
    DEMAND = "demand"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One row: its kind and its index among them."""

    family: Family
    index: int

    @property
    def name(self) -> str:
        """Name of the row in the program."""
        return f"{self.family}[{self.index}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """Smallest change of one constraint alone that makes the fleet feasible; None where none is enough.

    ``slack`` is added to a resource limit or link capacity, or taken off a demand. ``proven`` tells that
    no smaller change is enough.
    """

    constraint: Constraint
    slack: float | None
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasibility:
    """Constraints that together are unsatisfiable, none of them superfluous, and the single changes."""

    binding: tuple[Constraint, ...]
    relaxations: tuple[Relaxation, ...]
    complete: bool


def explain_infeasibility(
    fleet: Fleet,
    objectives: tuple[Objective, ...],
    *,
    time_limit_s: float = 10.0,
    backend: Backend | None = None,
) -> Infeasibility:
    """Find what binds an infeasible fleet, and the smallest relaxation of each constraint alone.

    Parameters
    ----------
    fleet, objectives
        The instance; under a goodput objective "feasible" means that anything at all is sustained.
    time_limit_s
        Limit of the whole call; ``complete`` is false where it was hit.
    backend
        Solver; the default one where None.
    """
    solver, until = backend or default_backend(), time.perf_counter() + time_limit_s
    asked = _trickle(fleet) if objectives[0].goal is Goal.MAX_GOODPUT else fleet
    constraints = all_constraints(fleet)
    relaxations = tuple(_relax(asked, constraint, solver, until) for constraint in constraints)
    binding, complete = _deletion_filter(asked, constraints, solver, until)
    return Infeasibility(
        binding=binding,
        relaxations=relaxations,
        complete=complete and all(relaxation.proven for relaxation in relaxations),
    )


def all_constraints(fleet: Fleet) -> tuple[Constraint, ...]:
    """Give every row that may be relaxed: limited resources, demands, links."""
    finite = [(Family.INVENTORY, g) for g in range(len(fleet.limit)) if np.isfinite(fleet.limit[g])]
    demands = [(Family.DEMAND, w) for w in range(len(fleet.demand_per_s))]
    links = [(Family.LINK, e) for e in range(len(fleet.link_bytes_per_s))]
    return tuple(Constraint(family=f, index=i) for f, i in [*finite, *demands, *links])


def _trickle(fleet: Fleet) -> Fleet:
    """Ask for a load so small that one replica per role sustains it."""
    rates = fleet.rate_per_s[fleet.rate_per_s > 0]
    if fleet.classes is not None:
        rates = np.concatenate((rates, fleet.classes.rate_per_s))
    slowest = float(rates.min(initial=np.inf)) if len(rates) else 1.0
    scale = TRICKLE_FRAC * slowest / float(fleet.demand_per_s.sum())
    return replace(fleet, demand_per_s=fleet.demand_per_s * scale)


def _without(fleet: Fleet, dropped: frozenset[Constraint]) -> tuple[Fleet, Floats]:
    """Take rows away: infinite limits and capacities, and the least of each demand to be served."""
    limit = fleet.limit.astype(np.float64)
    capacity = fleet.link_bytes_per_s.astype(np.float64)
    least = fleet.demand_per_s.astype(np.float64)
    arrays = {Family.INVENTORY: (limit, np.inf), Family.DEMAND: (least, 0.0), Family.LINK: (capacity, np.inf)}
    for constraint in dropped:
        values, free = arrays[constraint.family]
        values[constraint.index] = free
    return replace(fleet, limit=limit, link_bytes_per_s=capacity), least


def _started(fleet: Fleet, dropped: frozenset[Constraint]) -> tuple[ProgramBuilder, FleetVariables]:
    """Start the program without some rows."""
    freed, least = _without(fleet, dropped)
    bounds = column_bounds(freed, capped_by_demand=True)
    return start(freed, (min_cost(fleet.tie_break),), bounds, least)


def _relax(fleet: Fleet, constraint: Constraint, backend: Backend, until: float) -> Relaxation:
    """Minimise the use of one resource or link beyond its limit, or the part of a demand not served."""
    m, v = _started(fleet, frozenset((constraint,)))
    i = constraint.index
    if constraint.family is Family.DEMAND:
        of_demand = v.f[fleet.channel_demand == i]
        program = m.finish(Sense.MAX, _unit(m.n_cols, of_demand, 1.0), name="relaxation")
    else:
        resource = constraint.family is Family.INVENTORY
        rows = fleet.uses if resource else fleet.link_bytes_per_request
        column = v.x if resource else v.f
        limit = float(fleet.limit[i] if resource else fleet.link_bytes_per_s[i])
        slack = m.columns("slack", 0.0, np.inf)
        span = slice(int(rows.indptr[i]), int(rows.indptr[i + 1]))
        terms: Terms = [(0, column[rows.indices[span]], rows.data[span]), (0, slack, -1.0)]
        m.rows("relaxed", terms, -np.inf, limit)
        program = m.finish(Sense.MIN, _unit(m.n_cols, slack, 1.0), name="relaxation")
    result = backend.solve(program, time_limit_s=max(until - time.perf_counter(), 0.0), gap=RELAXATION_GAP)
    proven = result.status in (Status.OPTIMAL, Status.INFEASIBLE)
    if result.x is None:
        return Relaxation(constraint=constraint, slack=None, proven=proven)
    amount = result.objective
    if constraint.family is Family.DEMAND:
        asked = float(fleet.demand_per_s[i])
        amount = asked - result.objective
        if result.objective <= NO_DEMAND_LEFT_FRAC * asked:
            return Relaxation(constraint=constraint, slack=None, proven=proven)
    return Relaxation(constraint=constraint, slack=max(amount, 0.0), proven=proven)


def _unit(n_cols: int, columns: Ints, value: float) -> Floats:
    coefficients = np.zeros(n_cols)
    coefficients[columns] = value
    return coefficients


def _deletion_filter(
    fleet: Fleet, constraints: tuple[Constraint, ...], backend: Backend, until: float
) -> tuple[tuple[Constraint, ...], bool]:
    """Drop one row after the other for good as long as the rest stays infeasible; what is left binds."""
    dropped: frozenset[Constraint] = frozenset()
    if _is_feasible(fleet, dropped, backend, until) is not False:
        return (), False
    complete = True
    for constraint in constraints:
        feasible = _is_feasible(fleet, dropped | {constraint}, backend, until)
        complete = complete and feasible is not None
        if feasible is False:
            dropped = dropped | {constraint}
    return tuple(c for c in constraints if c not in dropped), complete


def _is_feasible(fleet: Fleet, dropped: frozenset[Constraint], backend: Backend, until: float) -> bool | None:
    """Whether any plan exists without these rows; None where the time did not suffice."""
    m, _ = _started(fleet, dropped)
    program: Program = m.finish(Sense.MIN, np.zeros(0), name="feasibility")
    result = backend.solve(program, time_limit_s=max(until - time.perf_counter(), 0.0), gap=1.0)
    if result.x is not None:
        return True
    return False if result.status is Status.INFEASIBLE else None
