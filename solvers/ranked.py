"""The k best plans of a fleet: solve, leave out what was found and what only adds to it, solve again.

A plan is told from another by its counts per identity. Later plans must have fewer replicas of some
configuration than each earlier one, so an earlier plan with useless replicas on top never comes back as a
new plan. Only when no such plan is left do plans that merely differ somewhere fill the list.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cmp_to_key

import numpy as np

from solvers import watch
from solvers.backends.base import Backend
from solvers.backends.registry import default_backend
from solvers.builder import ProgramBuilder
from solvers.csr import Floats, Ints
from solvers.dual_bound import dual_bound
from solvers.even_split import even_split
from solvers.exclusion import exclude_same, exclude_supersets, identity_counts, largest_counts
from solvers.fleet import (
    LEVEL_TOLERANCE,
    Fleet,
    FleetVariables,
    Goal,
    Level,
    Objective,
    build,
    column_bounds,
    hold,
    keep_within,
    next_level,
    served_per_s,
    start,
    terms,
)
from solvers.large_fleet import LARGE_COLUMNS, LargeFleet
from solvers.large_search import SMALL_COLUMNS, search
from solvers.program import Program, Sense
from solvers.result import Result, Status, relative_gap
from solvers.served import ServedLoad, idle_columns, served_load
from solvers.switching import starts_of

FIRST_SHARE = 0.5
"""Share of the time limit the first plan may use when others are asked for."""
SMALLEST_GOODPUT_FRAC = 1e-9
"""A plan that sustains less than this share of the demand is no plan."""
PLAIN_SHARE = 0.3
"""Share of the time for the solver alone on a large program; what it settles, it settles as on small ones."""

LEVEL_ROUNDING = 1e-8
"""Gap that rounding alone can leave."""
SHORTFALL = 1e-6
"""Share of a demand that rounding may leave unserved."""
TIE_BREAK_NODES = 1
"""Nodes spent on the tie-break; proving the plainest of many equal plans can cost more than finding them."""
GRACE_S, GRACE_GAP = 2.0, 0.5
"""Time and gap for a first plan where the time limit passed without any."""
LATER_SHARE = 0.05
"""Share of the time limit for each later plan of a large fleet: it starts from covers near the best."""
LEAST_LP_S = 2.0
"""Time the linear relaxation gets at least: without it there is no bound."""
SETTLED = 1e-6
"""Rounding allowed to a linear bound before the next whole number is taken as the integer bound."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankedSolution:
    """One plan: counts, flows, the value of every objective level, and its distance to the best possible.

    Parameters
    ----------
    x
        Replicas of every column [columns].
    flow_per_s
        Requests carried by every channel [channels].
    carried_per_s
        Requests carried by every column, where the latency objective decides that; else None [columns].
    values
        Value of each objective level, the tie-break last.
    gap
        Distance of ``values[0]`` to the bound over all plans.
    status
        Optimal where this plan is proven the best of those left, else feasible.
    point
        The plan as a point of the ranking's program [columns of the program].
    split_per_s
        Requests of every pair of column and demand on supplies that demands share; None without classes.
    """

    x: Ints
    flow_per_s: Floats
    carried_per_s: Floats | None
    values: tuple[float, ...]
    gap: float
    status: Status
    point: Floats
    split_per_s: Floats | None = None

    @property
    def objective(self) -> float:
        """Value of the first objective level."""
        return self.values[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """The best plans, best first, and the proof: bounds on the first objective over all plans.

    ``exhausted`` tells that no further plan exists; ``program`` is the one the bounds belong to.
    """

    status: Status
    solutions: tuple[RankedSolution, ...]
    bound: float
    lp_bound: float
    lp_duals: dict[str, float]
    lp_row_duals: Floats | None
    exhausted: bool
    program: Program
    solver: str
    wall_s: float

    @property
    def gap(self) -> float | None:
        """Distance of the best plan to the bound; None without a plan."""
        return self.solutions[0].gap if self.solutions else None


def k_best(
    fleet: Fleet,
    objectives: tuple[Objective, ...],
    *,
    k: int = 1,
    time_limit_s: float = 30.0,
    gap: float = 1e-4,
    within: tuple[Level, ...] = (),
    backend: Backend | None = None,
) -> Ranking:
    """Give the k best plans in order, lexicographic over the objectives and then the tie-break.

    Parameters
    ----------
    fleet, objectives
        The instance and its objectives, most important first.
    k
        How many plans at most.
    time_limit_s
        Limit of the whole call.
    gap
        Relative gap at which a plan counts as optimal.
    within
        Other objectives and the values that no plan may exceed.
    backend
        Solver; the default one where None.
    """
    search = _Search(fleet, objectives, time_limit_s, gap, within, backend or default_backend())
    program, _ = build(fleet, objectives, within=within)
    search.n_cols = program.n_cols
    relaxation = search.backend.solve_lp(program, time_limit_s=max(search.left_s(), LEAST_LP_S))
    duals = relaxation.row_duals
    lp_bound = float("nan") if duals is None else dual_bound(program, duals)
    watch.told(None, lp_bound)
    first = search.next_plan(FIRST_SHARE if k > 1 else 1.0)
    watch.told(first.objective if first.x is not None else None, first.bound)
    with watch.watched(None):
        while search.found and len(search.found) < k and not search.finished:
            search.next_plan(1.0 / (k - len(search.found)))
    bound = _tighter(objectives[0].sense, first.bound, lp_bound)
    names = [] if duals is None else [(program.row_name(int(i)), duals[i]) for i in np.flatnonzero(duals)]
    solutions = search.ranked(bound)
    return Ranking(
        status=search.overall(solutions, replace(first, bound=bound)),
        solutions=solutions,
        bound=bound,
        lp_bound=lp_bound,
        lp_duals={name: float(dual) for name, dual in names},
        lp_row_duals=duals,
        exhausted=search.finished and not search.out_of_time and not search.failed,
        program=program,
        solver=search.backend.name,
        wall_s=search.elapsed_s(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """One plan before its gap is known."""

    x: Ints
    load: ServedLoad
    values: tuple[float, ...]
    status: Status
    point: Floats


class _Search:
    """State of one call: what was found, in which form it is left out, and the clock."""

    def __init__(
        self,
        fleet: Fleet,
        objectives: tuple[Objective, ...],
        time_limit_s: float,
        gap: float,
        within: tuple[Level, ...],
        backend: Backend,
    ) -> None:
        self.fleet, self.objectives, self.gap, self.backend = fleet, objectives, gap, backend
        self.within = within
        self.n_cols = 0
        self.time_limit_s, self.started = time_limit_s, time.perf_counter()
        goodput = any(objective.goal is Goal.MAX_GOODPUT for objective in objectives)
        self.bounds = column_bounds(fleet, capped_by_demand=not goodput)
        self.largest = largest_counts(fleet, self.bounds)
        self.found: list[_Found] = []
        self.last_bound = float("nan")
        self.only_minimal = True
        self.finished = False
        self.out_of_time = False
        self.failed = False

    def elapsed_s(self) -> float:
        return time.perf_counter() - self.started

    def left_s(self) -> float:
        return max(self.time_limit_s - self.elapsed_s(), 0.0)

    def next_plan(self, share: float) -> Result:
        """Find the next plan within a share of the time left; return the solve of its first level."""
        until_s = self.elapsed_s() + share * self.left_s()
        first: Result | None = None
        held: list[Level] = []
        kept: tuple[Result, FleetVariables] | None = None
        proven = True
        # every replica has its price: only goodput leaves room for useless ones in later plans
        tie_break = not self.found or self.objectives[0].goal is Goal.MAX_GOODPUT
        # among tens of thousands of columns even one node costs more than a plainer plan is worth
        tie_break = tie_break and self.fleet.n_columns <= LARGE_COLUMNS
        for _ in range(len(self.objectives) + tie_break):
            with nullcontext() if first is None else watch.watched(None):
                result, variables = self._level(tuple(held), kept[0].x if kept else None, until_s)
            if first is None:
                first, self.last_bound = result, result.bound
            # the tie-break only makes an answer plainer: it need not be proven
            proven = proven and (result.status is Status.OPTIMAL or len(held) == len(self.objectives))
            if result.x is None or not self._is_plan(held, result):
                break
            kept = (result, variables)
            held.append(Level(objective=self._objective(len(held)), value=result.objective))
        assert first is not None
        if kept is None:
            self._give_up(first)
        else:
            self._keep(*kept, Status.OPTIMAL if proven else Status.FEASIBLE)
        return first

    def _objective(self, level: int) -> Objective:
        return next_level(self.fleet, self.objectives, level)

    def _level(
        self, held: tuple[Level, ...], point: Floats | None, until_s: float
    ) -> tuple[Result, FleetVariables]:
        """Solve one level of the next plan."""
        fleet, objective = self.fleet, self._objective(len(held))
        m, v = start(fleet, self.objectives, self.bounds)
        hold(m, fleet, v, held)
        keep_within(m, fleet, v, self.within)
        leave_out = exclude_supersets if self.only_minimal else exclude_same
        for plan in self.found:
            leave_out(m, v.x, fleet, identity_counts(fleet, plan.x), self.largest)
        obj = terms(fleet, v, objective, served_per_s(fleet, held))
        if not held and self.found and self.only_minimal and np.isfinite(self.last_bound):
            self._not_better(m, obj, objective.sense)
        program = m.finish(objective.sense, obj, name="fleet")
        left_s = max(until_s - self.elapsed_s(), 0.0)
        if point is not None:
            padded = np.zeros(program.n_cols)
            padded[: len(point)] = point
            if self._is_settled(program, padded, left_s):
                value = program.objective(padded)
                return Result(status=Status.OPTIMAL, x=padded, objective=value, bound=value, wall_s=0.0), v
        nodes = TIE_BREAK_NODES if len(held) == len(self.objectives) else None
        hint = None if point is None else padded
        return self._solve(program, v, left_s, hint, nodes), v

    def _solve(
        self, program: Program, v: FleetVariables, left_s: float, hint: Floats | None, nodes: int | None
    ) -> Result:
        """One level; covers help where the program is large, or where the solver finds nothing in time."""
        if hint is not None:
            return self.backend.solve(program, time_limit_s=left_s, gap=self.gap, hint=hint, nodes=nodes)
        if program.n_cols > LARGE_COLUMNS:
            if self.found:
                left_s = min(left_s, LATER_SHARE * self.time_limit_s)
            found = self._large().solve(program, v, self.backend, time_limit_s=left_s, gap=self.gap)
        elif program.n_cols > SMALL_COLUMNS and not self.found:
            share = PLAIN_SHARE
            found = search(program, self.backend, time_limit_s=left_s, gap=self.gap, plain_share=share)
        else:
            found = self.backend.solve(program, time_limit_s=left_s, gap=self.gap, nodes=nodes)
        late = found.status in (Status.TIME_LIMIT, Status.FEASIBLE) and not self.found
        if late and (found.x is None or not self._is_plan([], found)):
            return self._late_plan(program, v, found)
        return found

    def _late_plan(self, program: Program, v: FleetVariables, found: Result) -> Result:
        """Any plan at all where the time has run out without one; the bound stays that of the search."""
        start = self._large().start(program, v, self.backend)
        if start is None or not self._sustains(program.objective(start)):
            start = self.backend.solve(program, time_limit_s=GRACE_S, gap=GRACE_GAP).x
        if start is None or not np.isfinite(program.objective(start)):
            return found
        return replace(found, status=Status.FEASIBLE, x=start, objective=program.objective(start))

    def _large(self) -> LargeFleet:
        return LargeFleet(
            fleet=self.fleet, objective=self._objective(0), bounds=self.bounds,
            earlier=[plan.x for plan in self.found],
            earlier_flow=self.found[-1].load.flow_per_s if self.found else None,
        )  # fmt: skip

    def _not_better(self, m: ProgramBuilder, obj: Floats, sense: Sense) -> None:
        """No plan left is better than the bound of the last search: many equal plans are proven at once."""
        slack = LEVEL_TOLERANCE * abs(self.last_bound)
        used = np.flatnonzero(obj)
        lb, ub = (
            (self.last_bound - slack, np.inf) if sense is Sense.MIN else (-np.inf, self.last_bound + slack)
        )
        m.rows("not_better", [(0, used, obj[used])], lb, ub)

    def _is_settled(self, program: Program, point: Floats, time_limit_s: float) -> bool:
        """Whether the linear bound already proves the last level's point the best.

        Spares a mixed-integer solve: whole costs leave no room between the rounded bound and the point.
        """
        used = program.obj[program.obj != 0]
        if not np.array_equal(used, np.round(used)) or not program.integer[program.obj != 0].all():
            return False
        relaxation = self.backend.solve_lp(program, time_limit_s=time_limit_s)
        step = np.gcd.reduce(np.abs(used).astype(np.int64)) if len(used) else 1
        if relaxation.status is not Status.OPTIMAL:
            return False
        best = np.ceil(relaxation.objective / step - SETTLED) * step
        return bool(program.sense is Sense.MIN and program.objective(point) <= best)

    def _is_plan(self, held: list[Level], result: Result) -> bool:
        """Whether the first level sustains anything at all."""
        return bool(held) or self._sustains(result.objective)

    def _sustains(self, value: float) -> bool:
        """Whether a value of the first objective is more than a goodput of nothing."""
        if self.objectives[0].goal is not Goal.MAX_GOODPUT:
            return True
        worth = 1.0 if self.objectives[0].as_share else self.fleet.offered_per_s
        return value > SMALLEST_GOODPUT_FRAC * worth

    def overall(self, solutions: tuple[RankedSolution, ...], first: Result) -> Status:
        """Status of the whole answer: that of its best plan; infeasible only where the bound says so."""
        if solutions:
            done = solutions[0].gap <= max(self.gap, LEVEL_ROUNDING)
            return Status.OPTIMAL if done else Status.FEASIBLE
        if self.failed:
            return Status.ERROR
        if first.x is None:
            return first.status
        open_ = np.isnan(first.bound) or self._sustains(first.bound)
        return Status.TIME_LIMIT if open_ else Status.INFEASIBLE

    def _give_up(self, result: Result) -> None:
        """No plan came: change the form of the cut, or stop."""
        limit = result.status in (Status.TIME_LIMIT, Status.ERROR)
        if self.found and self.only_minimal and not limit:
            self.only_minimal = False
            return
        self.finished, self.out_of_time = True, limit

    def _keep(self, result: Result, v: FleetVariables, status: Status) -> None:
        assert result.x is not None
        x = np.round(result.x[v.x]).astype(np.int64)
        carried = None if v.y is None else np.where(x > 0, np.maximum(result.x[v.y], 0.0), 0.0)
        sustained = None if v.alpha is None else float(result.x[v.alpha])
        most = min(o.most for o in self.objectives)
        flow, split = result.x[v.f], None if v.z is None else result.x[v.z]
        if v.z is not None and v.alpha is None:
            flow, split = even_split(self.fleet, x, self.backend) or (flow, split)
        load = served_load(self.fleet, x, flow, carried, sustained=sustained, most=most, split_per_s=split)
        if v.alpha is None and load.multiple < 1.0 - SHORTFALL:
            # Rounding of the counts lost demand: no answer is better than one that serves too little.
            self.finished, self.failed = True, True
            return
        values = tuple(
            self._value(self._objective(level), x, load) for level in range(len(self.objectives) + 1)
        )
        point = self._point(result.x, v, x, load)
        self.found.append(_Found(x=x, load=load, values=values, status=status, point=point))

    def _point(self, found: Floats, v: FleetVariables, x: Ints, load: ServedLoad) -> Floats:
        """The plan in the columns of the first program: later ones only add columns after these."""
        point = found[: self.n_cols].copy()
        point[v.x], point[v.f] = x, load.flow_per_s
        if v.y is not None and load.carried_per_s is not None:
            idle = idle_columns(self.fleet, load.carried_per_s)
            point[v.x], point[v.y] = np.where(idle, 0, x), np.where(idle, 0.0, load.carried_per_s)
        if v.z is not None and load.split_per_s is not None:
            point[v.z] = load.split_per_s
        if v.alpha is not None:
            point[v.alpha] = load.multiple
        if v.on is not None and self.fleet.switching is not None:
            point[v.on] = starts_of(self.fleet.switching, x)
        return point

    def _value(self, objective: Objective, x: Ints, load: ServedLoad) -> float:
        """Measure one objective on the integer counts, not on the solver's numbers."""
        if objective.goal is Goal.MAX_GOODPUT:
            return load.multiple if objective.as_share else load.goodput_per_s
        starting = 0.0
        if objective.starting is not None and self.fleet.switching is not None:
            starting = float(objective.starting @ starts_of(self.fleet.switching, x))
        if objective.goal is Goal.MIN_COST:
            return float(objective.weight @ x) + starting
        assert load.carried_per_s is not None
        if objective.fixed is not None:
            return float(objective.fixed @ x + objective.weight @ load.carried_per_s) + starting
        # The mean is over the requests served: the multiple reached where goodput comes first.
        served_per_s = (
            load.goodput_per_s if self.objectives[0].goal is Goal.MAX_GOODPUT else load.demand_per_s
        )
        return float(objective.weight @ load.carried_per_s) / served_per_s

    def ranked(self, bound: float) -> tuple[RankedSolution, ...]:
        """Sort what was found, equal values in the order found; measure each against the bound over all."""
        signs = [
            -1.0 if self._objective(level).sense is Sense.MAX else 1.0
            for level in range(len(self.objectives) + 1)
        ]

        def compare(one: _Found, other: _Found) -> int:
            for sign, mine, theirs in zip(signs, one.values, other.values, strict=True):
                if abs(mine - theirs) > LEVEL_ROUNDING * max(abs(mine), abs(theirs)):
                    return -1 if sign * mine < sign * theirs else 1
            return 0

        return tuple(
            RankedSolution(
                x=plan.x,
                flow_per_s=plan.load.flow_per_s,
                carried_per_s=plan.load.carried_per_s,
                split_per_s=plan.load.split_per_s,
                values=plan.values,
                gap=relative_gap(plan.values[0], bound),
                status=plan.status,
                point=plan.point,
            )
            for plan in sorted(self.found, key=cmp_to_key(compare))
        )


def _tighter(sense: Sense, one: float, other: float) -> float:
    """Give the tighter of two bounds, either of which may be missing."""
    known = [bound for bound in (one, other) if not np.isnan(bound)]
    if not known:
        return float("nan")
    return min(known) if sense is Sense.MAX else max(known)
