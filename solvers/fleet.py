r"""Best counts of replica configurations on a cluster: the configuration program.

Sets        c in C              configurations (columns), each on one supply
            s in S              supplies: a role of one deployment, filled by the columns that serve it
            j in J              channels: the supplies one request passes, (aggregated,) or (prefill, decode),
                                each also after (encode,)
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
          another objective <= its cap                             (within_l)

Every column bound ub_c is set: without them the linear relaxation is far weaker. Bins that replicas must not
cross, failures and periods add rows of their own: :mod:`solvers.tiling`, :mod:`solvers.reserve`,
:mod:`solvers.switching`. So do demands that share a supply at rates of their own, of which rate_c is the
largest: :mod:`solvers.class_split`. Where demands last for a part of the time only, sums over them are means
over time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.class_split import Shared, class_columns, class_rows, refuse_with_classes
from solvers.csr import Floats, Ints
from solvers.fleet_bounds import NEVER_BINDING, flow_bounds
from solvers.fleet_bounds import ROUNDING as ROUNDING
from solvers.fleet_bounds import column_bounds as column_bounds
from solvers.fleet_instance import ClassRates as ClassRates
from solvers.fleet_instance import Fleet as Fleet
from solvers.objectives import Goal as Goal
from solvers.objectives import Objective as Objective
from solvers.objectives import max_attainment as max_attainment
from solvers.objectives import max_goodput as max_goodput
from solvers.objectives import min_cost as min_cost
from solvers.objectives import min_latency as min_latency
from solvers.objectives import min_running as min_running
from solvers.program import Program, Sense
from solvers.rerouting import Served
from solvers.reserve import add_reserve
from solvers.switching import add_starts, loading, with_loading
from solvers.tiling import add_tiling

LEVEL_TOLERANCE = 1e-9
"""Relative slack with which the value of an earlier objective is held."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetVariables:
    """Where the variables of the program lie in its columns."""

    x: Ints
    f: Ints
    alpha: int | None
    y: Ints | None
    on: Ints | None = None
    z: Ints | None = None

    @property
    def n_cols(self) -> int:
        """Number of these variables; later ones, such as those of a cut, come after them."""
        optional = sum(len(part) for part in (self.y, self.on, self.z) if part is not None)
        return len(self.x) + len(self.f) + (self.alpha is not None) + optional


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
    worth = min((o.most for o in objectives if o.goal is Goal.MAX_GOODPUT), default=np.inf)
    alpha = int(m.columns("alpha", least, max(min(most_alpha, worth), least))[0]) if goodput else None
    carried = NEVER_BINDING * np.where(fleet.rate_per_s > 0, fleet.rate_per_s * ub, 0.0)
    y = (
        m.columns("y", np.zeros(fleet.n_columns), carried)
        if any(objective.needs_carried for objective in objectives)
        else None
    )
    on = None if fleet.switching is None else add_starts(m, fleet.switching, x, ub)
    z = None if fleet.classes is None else class_columns(m, fleet, ub)
    v = FleetVariables(x=x, f=f, alpha=alpha, y=y, on=on, z=z)
    asked = fleet.demand_per_s if least_per_s is None else least_per_s
    _inventory(m, fleet, v)
    _supply(m, fleet, v)
    _demand(m, fleet, v, asked)
    _link(m, fleet, v)
    if z is not None:
        refuse_with_classes(fleet, carried=y is not None)
        class_rows(m, fleet, Shared(x=x, f=f, z=z))
    if y is not None:
        _carried(m, fleet, v, y)
        _saturation(m, fleet, v, y)
    if fleet.tiling is not None and fleet.switching is not None and on is not None:
        add_tiling(m, with_loading(fleet.switching, fleet.tiling), np.concatenate((x, on)))
    elif fleet.tiling is not None:
        add_tiling(m, fleet.tiling, x)
    add_reserve(m, fleet, Served(x=x, f=f, alpha=alpha, flow_bound=most), ub, asked)
    return m, v


def build(
    fleet: Fleet,
    objectives: tuple[Objective, ...],
    held: tuple[Level, ...] = (),
    within: tuple[Level, ...] = (),
) -> tuple[Program, FleetVariables]:
    """Write the program of the level after the ``held`` ones; after the last comes the tie-break."""
    m, v = start(fleet, objectives)
    hold(m, fleet, v, held)
    keep_within(m, fleet, v, within)
    objective = next_level(fleet, objectives, len(held))
    served = served_per_s(fleet, held)
    return m.finish(objective.sense, terms(fleet, v, objective, served), name="fleet"), v


def next_level(fleet: Fleet, objectives: tuple[Objective, ...], done: int) -> Objective:
    """Objective of the level after ``done`` others: the list, then the tie-break."""
    return objectives[done] if done < len(objectives) else min_cost(fleet.tie_break)


def served_per_s(fleet: Fleet, held: tuple[Level, ...]) -> float | None:
    """Requests per second held by an earlier goodput level, if there is one."""
    values = [
        level.value * (fleet.offered_per_s if level.objective.as_share else 1.0)
        for level in held
        if level.objective.goal is Goal.MAX_GOODPUT
    ]
    return values[0] if values else None


def terms(fleet: Fleet, v: FleetVariables, objective: Objective, served_per_s: float | None) -> Floats:
    """Coefficients of one objective over the shared variables."""
    total = fleet.offered_per_s
    coefficients = np.zeros(v.n_cols)
    if objective.starting is not None and v.on is not None:
        coefficients[v.on] = objective.starting
    if objective.goal is Goal.MAX_GOODPUT:
        assert v.alpha is not None
        coefficients[v.alpha] = 1.0 if objective.as_share else total
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
        terms(fleet, v, level.objective, served_per_s(fleet, held[:done])) for done, level in enumerate(held)
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


def keep_within(m: ProgramBuilder, fleet: Fleet, v: FleetVariables, caps: tuple[Level, ...]) -> None:
    """(within_l) another objective is no worse than its cap."""
    for cap in caps:
        coefficients = terms(fleet, v, cap.objective, None)
        limit = cap.value + abs(cap.value) * LEVEL_TOLERANCE
        if cap.objective.goal is Goal.MIN_LATENCY and v.alpha is not None:
            # a mean over the requests that are served, however many those are
            coefficients[v.alpha], limit = -limit, 0.0
        used = np.flatnonzero(coefficients)
        lb, ub = (-np.inf, limit)
        if cap.objective.sense is Sense.MAX:
            lb, ub = (cap.value - abs(cap.value) * LEVEL_TOLERANCE, np.inf)
        m.rows("within", [(0, used, coefficients[used])], lb, ub)


def _inventory(m: ProgramBuilder, fleet: Fleet, v: FleetVariables) -> None:
    """(inventory_g) replicas hold no more of a resource than there is."""
    uses = fleet.uses
    held: Terms = [(uses.row_of, v.x[uses.indices], uses.data)]
    if fleet.switching is not None and v.on is not None:
        held = [*held, *loading(fleet.switching, uses, v.on)]
    m.rows("inventory", held, -np.inf, fleet.limit)


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
