r"""A large fleet demand by demand: prices on what demands share, then one small exact program for each.

Sets        w in W              demands, each with its own supplies, columns C_w and channels J_w
            g in G, e in E      resources and links, shared by all demands
Parameters  p_g, p_e >= 0       prices of shared rows: duals of the linear relaxation
            limit_g, B_e        their limits
            cost_c, use_gc, rate_c, bytes_ej, lambda_w, ub_c as in the program of the fleet
Variables   x_c in {0..ub_c}, f_j >= 0

    z_w(p) = min  sum_{c in C_w} (cost_c + sum_g p_g use_gc) x_c + sum_{j in J_w} sum_e p_e bytes_ej f_j
             s.t. sum_{c on s} rate_c x_c >= sum_{j through s} f_j         (supply_s)
                  sum_{j in J_w} f_j = lambda_w                            (demand_w)

    every plan costs at least  sum_w z_w(p) - sum_g p_g limit_g - sum_e p_e B_e

by Lagrangian duality: a plan keeps within the limits, so prices on them only lower its value. With the
prices of the relaxation the sum is never below the linear bound. Each part is solved over its columns of
small reduced cost r_c. With its linear value l_w and a solution of value v_w, a better one has only columns
with r_c <= v_w - l_w; where all of those took part, the bound of the restricted part holds for all of it.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from solvers.backends.base import Backend
from solvers.builder import ProgramBuilder
from solvers.csr import Csr, Floats, Ints
from solvers.dominance import undominated
from solvers.dual_bound import dual_bound
from solvers.fleet import Fleet, Goal, Objective, build
from solvers.program import Program, Sense

NEAR_FRAC = 0.03
"""Reduced cost, over the linear value of a part, up to which columns take part at first."""
WIDER = 2.0
"""Factor of that share when a solution turns out too far from the linear value."""
ROUNDS = 3
THREADS = 2
"""Parts solved at once; the solver runs outside the interpreter's lock."""
PART_GAP_SHARE = 0.5
"""Share of the asked gap that a part may keep."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandParts:
    """Counts and flows of all parts together [columns], [channels], and the bound they prove.

    ``fits`` tells whether they keep within the shared limits; without a solution of some part they are None.
    """

    x: Ints | None
    flow_per_s: Floats | None
    bound: float
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """One demand: its columns and channels in the fleet, and its program."""

    columns: Ints
    channels: Ints
    program: Program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    x: Floats | None
    bound: float


def solve_by_demands(
    fleet: Fleet,
    objective: Objective,
    bounds: Floats,
    *,
    backend: Backend,
    time_limit_s: float,
    gap: float,
) -> DemandParts | None:
    """Solve every demand on its own under the prices of shared rows; None where demands cannot be told apart.

    Parameters
    ----------
    fleet, objective
        The instance and its first objective, a cost per replica.
    bounds
        Largest count of every column [columns].
    """
    if objective.goal is not Goal.MIN_COST or fleet.reserve is not None or fleet.switching is not None:
        return None
    if fleet.classes is not None:
        return None
    until = time.perf_counter() + time_limit_s
    needed = _needed(fleet, objective, bounds)
    small, priced = replace(fleet.take(needed), tiling=None), objective.take(needed)
    owner = _owners(small)
    relaxation = backend.solve_lp(build(small, (priced,))[0], time_limit_s=time_limit_s)
    if owner is None or relaxation.row_duals is None:
        return None
    # rows come in the order of the docstring of ``fleet``: inventory first, links after supplies and demands
    n_g, n_e = len(small.limit), len(small.link_bytes_per_s)
    first_link = n_g + small.n_supplies + len(small.demand_per_s)
    price_g = np.maximum(-relaxation.row_duals[:n_g], 0.0)
    price_e = np.maximum(-relaxation.row_duals[first_link : first_link + n_e], 0.0)
    price_g = np.where(np.isfinite(small.limit), price_g, 0.0)
    cost = priced.weight + small.uses.transpose_dot(price_g)
    passing = small.link_bytes_per_request.transpose_dot(price_e)
    parts = [_part(small, bounds[needed], w, owner, cost, passing) for w in range(len(small.demand_per_s))]
    solved = _solve_all(parts, backend, until, gap)
    rent = float(price_g[price_g > 0] @ small.limit[price_g > 0] + price_e @ small.link_bytes_per_s)
    bound = sum(s.bound for s in solved) - rent
    if any(s.x is None for s in solved):
        return DemandParts(x=None, flow_per_s=None, bound=bound, fits=False)
    return _together(fleet, small, needed, parts, solved, bound)


def _needed(fleet: Fleet, objective: Objective, bounds: Floats) -> Ints:
    """Columns that one best plan may need, whichever of equal ones that is."""
    plain = replace(fleet, tie_break=np.ones(fleet.n_columns), tiling=None)
    kept = undominated(plain, (objective,), k=1).columns
    return kept[bounds[kept] > 0]


def _owners(fleet: Fleet) -> Ints | None:
    """Demand of every supply, -1 where no channel passes it; None where one serves several demands."""
    owner = np.full(fleet.n_supplies, -1, dtype=np.int64)
    for j, supplies in enumerate(fleet.channel_supplies):
        for s in supplies:
            if owner[s] not in (-1, fleet.channel_demand[j]):
                return None
            owner[s] = fleet.channel_demand[j]
    return owner


def _part(  # noqa: PLR0913
    fleet: Fleet, bounds: Floats, w: int, owner: Ints, cost: Floats, passing: Floats
) -> _Part:
    """The program of one demand."""
    columns = np.flatnonzero(owner[fleet.supply_of] == w)
    channels = np.flatnonzero(fleet.channel_demand == w)
    supplies = np.flatnonzero(owner == w)
    row_of = np.full(len(owner), -1, dtype=np.int64)
    row_of[supplies] = np.arange(len(supplies))
    demand = float(fleet.demand_per_s[w])
    m = ProgramBuilder()
    x = m.columns("x", np.zeros(len(columns)), bounds[columns], integer=True)
    f = m.columns("f", np.zeros(len(channels)), demand)
    through = [(row_of[s], f[i]) for i, j in enumerate(channels) for s in fleet.channel_supplies[j]]
    row, column = (np.array(part, dtype=np.int64) for part in zip(*through, strict=True))
    sustained = (row_of[fleet.supply_of[columns]], x, fleet.rate_per_s[columns])
    m.rows("supply", [sustained, (row, column, -1.0)], np.zeros(len(supplies)), np.inf)
    m.rows("demand", [(0, f, 1.0)], demand, demand)
    program = m.finish(Sense.MIN, np.concatenate((cost[columns], passing[channels])), name="part")
    return _Part(columns=columns, channels=channels, program=program)


def _solve_all(parts: list[_Part], backend: Backend, until: float, gap: float) -> list[_Solved]:
    """All parts within the time: each may use its share of what is left when its turn comes."""
    waiting = len(parts)

    def solve(part: _Part) -> _Solved:
        nonlocal waiting
        left_s = max(until - time.perf_counter(), 0.0)
        share_s = left_s * min(THREADS / waiting, 1.0)
        waiting -= 1
        return _solve_part(part.program, backend, time.perf_counter() + share_s, PART_GAP_SHARE * gap)

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return list(pool.map(solve, parts))


def _solve_part(program: Program, backend: Backend, until: float, gap: float) -> _Solved:
    """Best point of a part, and a bound on all of it; columns join until no better point can need others."""
    relaxation = backend.solve_lp(program, time_limit_s=max(until - time.perf_counter(), 0.01))
    if relaxation.reduced_costs is None or relaxation.row_duals is None:
        return _Solved(x=None, bound=0.0)
    least, reduced = dual_bound(program, relaxation.row_duals), relaxation.reduced_costs
    best = _Solved(x=None, bound=least)
    near = NEAR_FRAC * abs(least)
    for _ in range(ROUNDS):
        left_s = until - time.perf_counter()
        if left_s <= 0:
            return best
        outside = program.integer & (reduced > near)
        restricted = replace(program, ub=np.where(outside, program.lb, program.ub))
        found = backend.solve(restricted, time_limit_s=left_s, gap=gap)
        if found.x is not None:
            complete = found.objective - least <= near
            bound = max(least, min(found.bound, found.objective)) if complete else least
            best = _Solved(x=found.x, bound=bound)
            if complete:
                return best
            near = WIDER * (found.objective - least)
        else:
            near *= WIDER * WIDER
    return best


def _together(  # noqa: PLR0913
    fleet: Fleet, small: Fleet, needed: Ints, parts: list[_Part], solved: list[_Solved], bound: float
) -> DemandParts:
    """Counts and flows of all parts in the columns of the whole fleet."""
    x = np.zeros(fleet.n_columns, dtype=np.int64)
    flow = np.zeros(len(fleet.channel_supplies))
    for part, answer in zip(parts, solved, strict=True):
        assert answer.x is not None
        n = len(part.columns)
        x[needed[part.columns]] = np.round(answer.x[:n]).astype(np.int64)
        flow[part.channels] = answer.x[n:]
    uses: Csr = fleet.uses
    fits = (uses.dot(x) <= fleet.limit * (1 + 1e-9)).all() and (
        fleet.link_bytes_per_request.dot(flow) <= fleet.link_bytes_per_s * (1 + 1e-9)
    ).all()
    return DemandParts(x=x, flow_per_s=flow, bound=float(bound), fits=bool(fits))
