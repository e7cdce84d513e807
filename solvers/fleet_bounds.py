"""Bounds on the variables of a fleet that no useful solution exceeds."""

from __future__ import annotations

import numpy as np

from solvers.csr import Floats
from solvers.fleet_instance import Fleet

ROUNDING = 1e-9
"""Relative slack before a quotient is rounded to an integer, so that 3.0000000001 replicas stay 3."""
NEVER_BINDING = 2.0
"""Factor between a bound that follows from the others and the one set."""


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
        busy = load[fleet.supply_of] / rate
        if fleet.classes is not None:
            busy = np.maximum(busy, fleet.classes.work(fleet.demand_per_s, fleet.n_columns))
        needed = np.ceil(busy * (1 - ROUNDING))
        if fleet.reserve is not None:
            needed += np.ceil(fleet.reserve.most_lost)
        if fleet.switching is not None:
            # a replica may stay through a quiet period rather than start again
            needed = fleet.switching.widest(needed)
        bound = np.minimum(bound, needed)
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
