"""One level of a large fleet program: from a first plan, by parts.

A solver that is handed tens of thousands of counts at once may end without any plan. So the search starts
from the demands solved one by one (``demand_parts``), else from exact covers (``fleet_start``), without the
configurations that earlier plans must have fewer of; the answer is the better of the start and of what the
search finds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from solvers import watch
from solvers.backends.base import Backend
from solvers.csr import Floats, Ints
from solvers.demand_parts import solve_by_demands
from solvers.fleet import Fleet, FleetVariables, Goal, Objective
from solvers.fleet_start import first_plan
from solvers.large_search import search
from solvers.program import Program, Sense
from solvers.result import Result, Status, relative_gap

LARGE_COLUMNS = 5000
"""Columns from which a program is not handed to the solver as a whole."""
OTHERS = 12
"""Configurations of earlier plans that are left out in turn, to start the search for another plan."""
TRIES = 3
"""Starts that are tried, cheapest first."""
COMPLETING_S = 2.0
"""Time for the variables beside counts and flows."""
STEPS = 8
"""Halvings of the range of multiples that a goodput plan starts with."""
PARTS_SHARE = 0.6
"""Share of the time in which the demands are solved one by one."""
SMALLEST = 1e-4
"""Multiples of the demand below this, or above its inverse, are not tried."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LargeFleet:
    """What a level asks of a fleet: objective, column bounds, plans that must not come again [columns].

    ``earlier_flow`` are the flows of the last of those plans [channels].
    """

    fleet: Fleet
    objective: Objective
    bounds: Floats
    earlier: Sequence[Ints]
    earlier_flow: Floats | None = None

    def solve(
        self, program: Program, v: FleetVariables, backend: Backend, *, time_limit_s: float, gap: float
    ) -> Result:
        """Best point of the program found within the time, and the best bound."""
        started = time.perf_counter()
        start, bound = self._by_demands(program, v, backend, PARTS_SHARE * time_limit_s, gap)
        if start is not None and relative_gap(program.objective(start), bound) <= gap:
            value, wall_s = program.objective(start), time.perf_counter() - started
            return Result(status=Status.OPTIMAL, x=start, objective=value, bound=bound, wall_s=wall_s)
        if start is None:
            start = self.start(program, v, backend)
        left_s = max(time_limit_s - (time.perf_counter() - started), 0.0)
        found = search(program, backend, time_limit_s=left_s, gap=gap, hint=start)
        if found.status is Status.INFEASIBLE:
            return found
        sign = 1.0 if program.sense is Sense.MIN else -1.0
        if not np.isnan(bound):
            tighter = bound if np.isnan(found.bound) else sign * max(sign * bound, sign * found.bound)
            found = replace(found, bound=tighter)
        if start is None:
            return found
        value = program.objective(start)
        if found.x is not None and sign * found.objective <= sign * value:
            return found
        return replace(found, status=Status.FEASIBLE, x=start, objective=value)

    def _by_demands(
        self, program: Program, v: FleetVariables, backend: Backend, time_limit_s: float, gap: float
    ) -> tuple[Floats | None, float]:
        """The demands on their own: a point where they fit together, and their bound; first plan only."""
        if self.earlier or program.sense is not Sense.MIN:
            return None, float("nan")
        with watch.watched(None):
            parts = solve_by_demands(
                self.fleet, self.objective, self.bounds, backend=backend, time_limit_s=time_limit_s, gap=gap
            )
        if parts is None:
            return None, float("nan")
        point = None
        if parts.fits and parts.x is not None and parts.flow_per_s is not None:
            point = self._completed(program, v, backend, parts.x, parts.flow_per_s)
        return point, parts.bound

    def start(self, program: Program, v: FleetVariables, backend: Backend) -> Floats | None:
        """A feasible point of the program; None where covers give none."""
        plans = sorted(self._plans(), key=lambda plan: plan[0])
        for _, counts, flow in plans[:TRIES]:
            point = self._completed(program, v, backend, counts, flow)
            if point is not None:
                return point
        return None

    def _completed(
        self, program: Program, v: FleetVariables, backend: Backend, counts: Ints, flow: Floats
    ) -> Floats | None:
        """Packing, cuts and shares follow from counts and flows; None where they do not."""
        fixed = np.zeros(program.n_cols, dtype=np.bool_)
        point = np.zeros(program.n_cols)
        fixed[v.x], fixed[v.f] = True, True
        point[v.x], point[v.f] = counts, flow
        if not fixed[program.integer].all() or not fixed.all():
            with watch.watched(None):
                found = backend.solve(program.fixed(fixed, point), time_limit_s=COMPLETING_S, gap=1e-6)
            if found.x is None:
                return None
            point = found.x
        return point if program.is_feasible(point) else None

    def _plans(self) -> Iterator[tuple[float, Ints, Floats]]:
        """Value, counts and flows of plans without some configuration of each earlier plan."""
        for allowed in self._allowances():
            found = self._goodput(allowed) if self.objective.goal is Goal.MAX_GOODPUT else self._cost(allowed)
            if found is not None:
                yield found

    def _allowances(self) -> Iterator[Floats]:
        """Column bounds; after the first plan, without one configuration of the last that others lack."""
        if not self.earlier:
            yield self.bounds
            return
        identity = self.fleet.identity_of
        counts = [np.bincount(identity, weights=plan) for plan in self.earlier]
        used = np.flatnonzero(counts[-1])
        # the fewer replicas another one has to replace, the nearer the other plan
        weight = np.bincount(identity, weights=self.earlier[-1] * self.fleet.tie_break)
        gone = np.zeros(len(weight), dtype=np.bool_)
        for before in counts[:-1]:
            gone |= (before > 0) & (counts[-1] == 0)
        for i in used[np.argsort(weight[used], kind="stable")][:OTHERS]:
            yield np.where((identity == i) | gone[identity], 0.0, self.bounds)

    def _cost(self, allowed: Floats) -> tuple[float, Ints, Floats] | None:
        priced = self.objective.goal is Goal.MIN_COST
        # where latency or energy is asked for, few devices are as good a start as any
        plan = first_plan(self.fleet, self.objective.weight if priced else self._devices(), allowed)
        if plan is None:
            return None
        if not priced:
            return float(self._devices() @ plan[0]), *plan
        counts, flow = self._kept(*plan, allowed)
        return float(self.objective.weight @ counts), counts, flow

    def _kept(self, counts: Ints, flow: Floats, allowed: Floats) -> tuple[Ints, Floats]:
        """The last plan where it is allowed and no dearer, demand by demand; the covers elsewhere."""
        if not self.earlier or self.earlier_flow is None:
            return counts, flow
        fleet, last = self.fleet, self.earlier[-1]
        counts, flow = counts.copy(), flow.copy()
        for w in range(len(fleet.demand_per_s)):
            channels = fleet.channel_demand == w
            passed = [s for j in np.flatnonzero(channels) for s in fleet.channel_supplies[j]]
            mine = np.isin(fleet.supply_of, passed)
            cost = self.objective.weight[mine]
            if (last[mine] <= allowed[mine]).all() and cost @ last[mine] <= cost @ counts[mine]:
                counts[mine], flow[channels] = last[mine], self.earlier_flow[channels]
        return counts, flow

    def _devices(self) -> Floats:
        """Devices of a replica: its first resource [columns]."""
        devices = np.zeros(self.fleet.n_columns)
        columns, first = np.unique(self.fleet.uses.indices, return_index=True)
        devices[columns] = self.fleet.uses.data[first]
        return devices

    def _goodput(self, allowed: Floats) -> tuple[float, Ints, Floats] | None:
        """Largest multiple of the demand that covers still fit: doubled or halved, then by bisection."""
        devices = self._devices()

        def at(multiple: float) -> tuple[float, Ints, Floats] | None:
            asked = replace(self.fleet, demand_per_s=self.fleet.demand_per_s * multiple)
            plan = first_plan(asked, devices, allowed)
            return None if plan is None else (-multiple, *plan)

        low, best = 1.0, at(1.0)
        while best is None and low > SMALLEST:
            low /= 2.0
            best = at(low)
        high = 2.0 * low
        while best is not None and (more := at(high)) is not None and high < 1.0 / SMALLEST:
            best, low, high = more, high, 2.0 * high
        for _ in range(STEPS if best is not None else 0):
            middle = (low + high) / 2.0
            found = at(middle)
            best, low, high = (best, low, middle) if found is None else (found, middle, high)
        return best
