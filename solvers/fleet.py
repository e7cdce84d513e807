r"""Best counts of replica configurations on a cluster: the configuration program.

Sets        c in C              configurations (columns), each on one supply
            s in S              supplies: a role of one deployment, filled by the columns that serve it
            j in J              channels: the supplies one request passes, (aggregated,) or (prefill, decode)
            w in W              demands (traffic classes)
            g in G              resources: device pools and caps on money, power, devices
            e in E              links shared by what crosses them
Parameters  rate_c              requests one replica of c sustains within the SLO [1/s]
            use_gc, limit_g     resource g held by one replica of c; available
            ub_c                replicas of c that can be of use
            lambda_w            demand [1/s]
            bytes_ej, B_e       bytes a request of channel j moves over link e; capacity [B/s]
            cost_c, latency_s_c price of one replica in the objective; seconds a request spends in c
            run_c               price of one request per second carried by c (running objective)
Variables   x_c in {0..ub_c}    replicas of c
            f_j >= 0            requests carried by channel j [1/s]
            y_c >= 0            requests carried by column c [1/s] (latency and running objectives only)
            alpha >= 0          multiple of the demand that is sustained (goodput objective only)
                                f, y and alpha get upper bounds that cannot bind; the certificate needs them

    max   alpha * sum_w lambda_w   |   min  sum_c cost_c x_c   |   min  sum_c latency_s_c y_c / sum_w lambda_w
          |   min  sum_c cost_c x_c + sum_c run_c y_c
    s.t.  sum_c use_gc x_c <= limit_g                              (inventory_g)
          sum_{c on s} rate_c x_c >= sum_{j through s} f_j         (supply_s)
          sum_{j of w} f_j >= alpha * lambda_w, or = lambda_w      (demand_w)
          sum_j bytes_ej f_j <= B_e                                (link_e)
          sum_{c on s} y_c = sum_{j through s} f_j                 (carried_s)
          y_c <= rate_c x_c                                        (saturation_c)
          objective of an earlier level <= its value               (level_l)

Every column bound ub_c is set: without them the linear relaxation is far weaker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from solvers.builder import ProgramBuilder
from solvers.csr import Csr, Floats, Ints
from solvers.program import Program, Sense
from solvers.tiling import Tiling, add_tiling

LEVEL_TOLERANCE = 1e-9
"""Relative slack with which the value of an earlier objective is held."""
ROUNDING = 1e-9
"""Relative slack before a quotient is rounded to an integer, so that 3.0000000001 replicas stay 3."""
NEVER_BINDING = 2.0
"""Factor between a bound that follows from the others and the one set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """One instance; arrays are indexed by column, supply, channel, demand, resource or link.

    Parameters
    ----------
    rate_per_s
        Requests one replica sustains [columns].
    supply_of
        Supply each column fills [columns].
    max_replicas
        Most replicas of each column; infinite is allowed [columns].
    identity_of
        Columns of equal identity are one configuration at other batch limits [columns].
    uses, limit
        Resource held by one replica [resources x columns]; available, infinite is allowed [resources].
    channel_supplies, channel_demand
        Supplies a request of each channel passes; demand it belongs to [channels].
    demand_per_s
        Demand, above 0 [demands].
    link_bytes_per_request, link_bytes_per_s
        Bytes moved [links x channels]; capacity [links].
    tie_break
        Last objective, smallest first, above 0: the devices of one replica [columns].
    tiling
        Bins that replicas must not cross (see :mod:`solvers.tiling`); None where counts suffice.
    """

    rate_per_s: Floats
    supply_of: Ints
    max_replicas: Floats
    identity_of: Ints
    uses: Csr
    limit: Floats
    channel_supplies: tuple[tuple[int, ...], ...]
    channel_demand: Ints
    demand_per_s: Floats
    link_bytes_per_request: Csr
    link_bytes_per_s: Floats
    tie_break: Floats
    tiling: Tiling | None = None

    @property
    def n_columns(self) -> int:
        """Number of configurations."""
        return len(self.rate_per_s)

    @property
    def n_supplies(self) -> int:
        """Number of supplies named by a column or a channel."""
        named = [supply for supplies in self.channel_supplies for supply in supplies]
        return int(max([*self.supply_of.tolist(), *named], default=-1)) + 1

    def take(self, columns: Ints) -> Fleet:
        """Keep these columns only, in this order."""
        return replace(
            self,
            rate_per_s=self.rate_per_s[columns],
            supply_of=self.supply_of[columns],
            max_replicas=self.max_replicas[columns],
            identity_of=self.identity_of[columns],
            uses=self.uses.take_columns(columns),
            tie_break=self.tie_break[columns],
            tiling=None if self.tiling is None else self.tiling.take(columns),
        )

    def through(self) -> Csr:
        """Give 1 where a channel passes a supply [supplies x channels]."""
        pairs = [(s, j) for j, supplies in enumerate(self.channel_supplies) for s in supplies]
        row, col = zip(*pairs, strict=True) if pairs else ((), ())
        return Csr.from_triplets(row, col, np.ones(len(pairs)), (self.n_supplies, len(self.channel_supplies)))


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
    replica beside the running cost [columns].
    """

    goal: Goal
    coefficient: Floats | None = None
    fixed: Floats | None = None

    @property
    def sense(self) -> Sense:
        """Direction of this level."""
        return Sense.MAX if self.goal is Goal.MAX_GOODPUT else Sense.MIN

    def take(self, columns: Ints) -> Objective:
        """Keep the coefficients of these columns only, in this order."""
        kept = None if self.coefficient is None else self.coefficient[columns]
        fixed = None if self.fixed is None else self.fixed[columns]
        return Objective(goal=self.goal, coefficient=kept, fixed=fixed)

    @property
    def needs_carried(self) -> bool:
        """Whether it asks how many requests each column carries."""
        return self.goal in (Goal.MIN_LATENCY, Goal.MIN_RUNNING)

    @property
    def weight(self) -> Floats:
        """Coefficient of every column [columns]."""
        return np.zeros(0) if self.coefficient is None else self.coefficient


def max_goodput() -> Objective:
    """Ask for the largest sustained multiple of the demand, in requests per second."""
    return Objective(goal=Goal.MAX_GOODPUT)


def min_cost(cost: Floats) -> Objective:
    """Ask for the smallest sum of a cost per replica [columns]."""
    return Objective(goal=Goal.MIN_COST, coefficient=np.asarray(cost, dtype=np.float64))


def min_latency(latency_s: Floats) -> Objective:
    """Ask for the smallest request-weighted mean of a latency per column, summed over roles [columns]."""
    return Objective(goal=Goal.MIN_LATENCY, coefficient=np.asarray(latency_s, dtype=np.float64))


def min_running(fixed: Floats, per_request: Floats) -> Objective:
    """Ask for the smallest sum of a cost per replica and a cost per carried request and second [columns]."""
    return Objective(
        goal=Goal.MIN_RUNNING,
        coefficient=np.asarray(per_request, dtype=np.float64),
        fixed=np.asarray(fixed, dtype=np.float64),
    )


def column_bounds(fleet: Fleet, *, capped_by_demand: bool) -> Floats:
    """Largest useful count of every column: what the resources hold and, if asked, what the demand needs."""
    bound = np.where(fleet.rate_per_s > 0, fleet.max_replicas, 0.0).astype(np.float64)
    uses = fleet.uses
    held = uses.data > 0
    room = np.floor(fleet.limit[uses.row_of[held]] / uses.data[held] * (1 + ROUNDING))
    np.minimum.at(bound, uses.indices[held], room)
    if capped_by_demand and len(bound):
        through = fleet.through()
        passes = np.zeros((fleet.n_supplies, len(fleet.demand_per_s)))
        passes[through.row_of, fleet.channel_demand[through.indices]] = 1.0
        load = passes @ fleet.demand_per_s
        rate = np.where(fleet.rate_per_s > 0, fleet.rate_per_s, 1.0)
        bound = np.minimum(bound, np.ceil(load[fleet.supply_of] / rate * (1 - ROUNDING)))
    return np.maximum(bound, 0.0)


def flow_bounds(fleet: Fleet, bounds: Floats) -> tuple[Floats, float]:
    """Bounds on the flow of every channel and on alpha that no solution reaches.

    They follow from the column bounds; a factor keeps them from ever binding, so they change no dual.
    """
    capacity = np.zeros(fleet.n_supplies)
    np.add.at(capacity, fleet.supply_of, np.where(fleet.rate_per_s > 0, fleet.rate_per_s * bounds, 0.0))
    flow = np.array([capacity[list(s)].min(initial=np.inf) for s in fleet.channel_supplies])
    flow = NEVER_BINDING * np.maximum(flow, float(fleet.demand_per_s.sum()))
    carried = np.bincount(fleet.channel_demand, weights=flow, minlength=len(fleet.demand_per_s))
    return flow, float(NEVER_BINDING * (carried / fleet.demand_per_s).min() + NEVER_BINDING)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetVariables:
    """Where the variables of the program lie in its columns."""

    x: Ints
    f: Ints
    alpha: int | None
    y: Ints | None

    @property
    def n_cols(self) -> int:
        """Number of these variables; later ones, such as those of a cut, come after them."""
        return len(self.x) + len(self.f) + (self.alpha is not None) + (0 if self.y is None else len(self.y))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """An earlier objective and the value that later levels must keep."""

    objective: Objective
    value: float


def start(
    fleet: Fleet,
    objectives: tuple[Objective, ...],
    bounds: Floats | None = None,
    least_per_s: Floats | None = None,
) -> tuple[ProgramBuilder, FleetVariables]:
    """Write down variables and rows shared by all levels of these objectives.

    Parameters
    ----------
    fleet, objectives
        The instance and its objectives.
    bounds
        Column bounds; computed where None [columns].
    least_per_s
        Least of each demand that must be served, where that is less than all of it [demands].
    """
    goals = [objective.goal for objective in objectives]
    goodput = Goal.MAX_GOODPUT in goals
    ub = column_bounds(fleet, capped_by_demand=not goodput) if bounds is None else bounds
    m = ProgramBuilder()
    x = m.columns("x", np.zeros(fleet.n_columns), ub, integer=True)
    most, most_alpha = flow_bounds(fleet, ub)
    f = m.columns("f", np.zeros(len(fleet.channel_supplies)), most)
    # Where goodput is a later wish, the given demand itself must be served first.
    least = 0.0 if goals[0] is Goal.MAX_GOODPUT else 1.0
    alpha = int(m.columns("alpha", least, most_alpha)[0]) if goodput else None
    carried = NEVER_BINDING * np.where(fleet.rate_per_s > 0, fleet.rate_per_s * ub, 0.0)
    y = (
        m.columns("y", np.zeros(fleet.n_columns), carried)
        if any(objective.needs_carried for objective in objectives)
        else None
    )
    v = FleetVariables(x=x, f=f, alpha=alpha, y=y)
    _inventory(m, fleet, v)
    _supply(m, fleet, v)
    _demand(m, fleet, v, fleet.demand_per_s if least_per_s is None else least_per_s)
    _link(m, fleet, v)
    if y is not None:
        _carried(m, fleet, v, y)
        _saturation(m, fleet, v, y)
    if fleet.tiling is not None:
        add_tiling(m, fleet.tiling, x)
    return m, v


def build(
    fleet: Fleet, objectives: tuple[Objective, ...], held: tuple[Level, ...] = ()
) -> tuple[Program, FleetVariables]:
    """Write the program of the level after the ``held`` ones; after the last comes the tie-break."""
    m, v = start(fleet, objectives)
    hold(m, fleet, v, held)
    objective = next_level(fleet, objectives, len(held))
    scale = served_multiple(held)
    return m.finish(objective.sense, terms(fleet, v, objective, scale), name="fleet"), v


def next_level(fleet: Fleet, objectives: tuple[Objective, ...], done: int) -> Objective:
    """Objective of the level after ``done`` others: the list, then the tie-break."""
    return objectives[done] if done < len(objectives) else min_cost(fleet.tie_break)


def served_multiple(held: tuple[Level, ...]) -> float | None:
    """Requests per second held by an earlier goodput level, if there is one."""
    values = [level.value for level in held if level.objective.goal is Goal.MAX_GOODPUT]
    return values[0] if values else None


def terms(fleet: Fleet, v: FleetVariables, objective: Objective, served_per_s: float | None) -> Floats:
    """Coefficients of one objective over the shared variables."""
    total = float(fleet.demand_per_s.sum())
    coefficients = np.zeros(v.n_cols)
    if objective.goal is Goal.MAX_GOODPUT:
        assert v.alpha is not None
        coefficients[v.alpha] = total
    elif objective.goal is Goal.MIN_COST:
        coefficients[v.x] = objective.weight
    elif objective.goal is Goal.MIN_RUNNING:
        assert v.y is not None
        assert objective.fixed is not None
        coefficients[v.x], coefficients[v.y] = objective.fixed, objective.weight
    else:
        assert v.y is not None
        coefficients[v.y] = objective.weight / (total if served_per_s is None else served_per_s)
    return coefficients


def hold(m: ProgramBuilder, fleet: Fleet, v: FleetVariables, held: tuple[Level, ...]) -> None:
    """(level_l) an earlier objective keeps its value."""
    if not held:
        return
    coefficients = [
        terms(fleet, v, level.objective, served_multiple(held[:done])) for done, level in enumerate(held)
    ]
    values = np.array([level.value for level in held])
    slack = np.abs(values) * LEVEL_TOLERANCE
    largest = np.array([level.objective.sense is Sense.MAX for level in held])
    m.rows(
        "level",
        [(level, np.arange(len(row)), row) for level, row in enumerate(coefficients)],
        np.where(largest, values - slack, -np.inf),
        np.where(largest, np.inf, values + slack),
    )


def _inventory(m: ProgramBuilder, fleet: Fleet, v: FleetVariables) -> None:
    """(inventory_g) replicas hold no more of a resource than there is."""
    uses = fleet.uses
    m.rows("inventory", [(uses.row_of, v.x[uses.indices], uses.data)], -np.inf, fleet.limit)


def _supply(m: ProgramBuilder, fleet: Fleet, v: FleetVariables) -> None:
    """(supply_s) replicas on a supply sustain the channels through it."""
    through = fleet.through()
    m.rows(
        "supply",
        [(fleet.supply_of, v.x, fleet.rate_per_s), (through.row_of, v.f[through.indices], -through.data)],
        np.zeros(fleet.n_supplies),
        np.inf,
    )


def _demand(m: ProgramBuilder, fleet: Fleet, v: FleetVariables, least_per_s: Floats) -> None:
    """(demand_w) channels carry the demand, or a multiple of it."""
    carried = (fleet.channel_demand, v.f, 1.0)
    if v.alpha is None:
        m.rows("demand", [carried], least_per_s, fleet.demand_per_s)
        return
    asked = (np.arange(len(fleet.demand_per_s)), v.alpha, -fleet.demand_per_s)
    m.rows("demand", [carried, asked], np.zeros(len(fleet.demand_per_s)), np.inf)


def _link(m: ProgramBuilder, fleet: Fleet, v: FleetVariables) -> None:
    """(link_e) requests move no more bytes over a link than it carries."""
    moved = fleet.link_bytes_per_request
    m.rows("link", [(moved.row_of, v.f[moved.indices], moved.data)], -np.inf, fleet.link_bytes_per_s)


def _carried(m: ProgramBuilder, fleet: Fleet, v: FleetVariables, y: Ints) -> None:
    """(carried_s) columns of a supply share the requests of the channels through it."""
    through = fleet.through()
    m.rows(
        "carried",
        [(fleet.supply_of, y, 1.0), (through.row_of, v.f[through.indices], -through.data)],
        np.zeros(fleet.n_supplies),
        np.zeros(fleet.n_supplies),
    )


def _saturation(m: ProgramBuilder, fleet: Fleet, v: FleetVariables, y: Ints) -> None:
    """(saturation_c) a column carries no more than its replicas sustain."""
    each = np.arange(fleet.n_columns)
    m.rows("saturation", [(each, y, 1.0), (each, v.x, -fleet.rate_per_s)], -np.inf, np.zeros(len(each)))
