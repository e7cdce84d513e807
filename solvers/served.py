"""What given replica counts really sustain, measured without the solver's tolerances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.class_split import fitted_split, shared_pairs
from solvers.csr import Bools, Csr, Floats, Ints
from solvers.fleet import Fleet

IDLE_FRAC = 1e-9
"""Share of its rate below which a column carries nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedLoad:
    """Flows that fit the replicas and links exactly, and the multiple of the demand they carry.

    ``carried_per_s`` [columns], ``flow_per_s`` [channels] and ``split_per_s`` (pairs of column and demand on
    shared supplies) [triplets] in requests per second.
    """

    flow_per_s: Floats
    carried_per_s: Floats | None
    multiple: float
    demand_per_s: float
    split_per_s: Floats | None = None

    @property
    def goodput_per_s(self) -> float:
        """Requests per second carried in the proportions of the demand."""
        return self.multiple * self.demand_per_s


def _fullest_flow(fleet: Fleet, capacity: Floats) -> Floats | None:
    """Give the most every channel carries at once, where channels share nothing; else None."""
    passed = [supply for supplies in fleet.channel_supplies for supply in supplies]
    if len(passed) != len(set(passed)) or fleet.reserve is not None or fleet.classes is not None:
        return None
    flow = np.array([capacity[list(supplies)].min() for supplies in fleet.channel_supplies])
    if (fleet.link_bytes_per_request.dot(flow) > fleet.link_bytes_per_s).any():
        return None
    served = np.bincount(fleet.channel_demand, weights=flow, minlength=len(fleet.demand_per_s))
    multiple = (served / fleet.demand_per_s).min()
    ratio = np.where(served > 0, multiple * fleet.demand_per_s / np.where(served > 0, served, 1.0), 0.0)
    return np.asarray(flow * np.minimum(ratio, 1.0)[fleet.channel_demand], dtype=np.float64)


def served_load(  # noqa: PLR0913
    fleet: Fleet,
    x: Ints,
    flow_per_s: Floats,
    carried_per_s: Floats | None,
    *,
    sustained: float | None,
    most: float = np.inf,
    split_per_s: Floats | None = None,
) -> ServedLoad:
    """Shrink a solver's flows until supplies and links hold exactly, and measure what is served.

    Parameters
    ----------
    fleet
        The instance.
    x
        Replicas of every column [columns].
    flow_per_s
        Flows as the solver gave them [channels].
    carried_per_s
        Requests per column, where the solver decided them [columns].
    sustained
        Multiple of the demand that the solver found where as much as possible is to be served, else None. The
        flows then follow from the counts where they can; after a failure no more than this is left.
    most
        Multiple of the demand beyond which nothing is asked.
    split_per_s
        Requests per pair of column and demand, as the solver gave them, where supplies are shared [triplets].
    """
    capacity = np.zeros(fleet.n_supplies)
    np.add.at(capacity, fleet.supply_of, fleet.rate_per_s * x)
    fullest = _fullest_flow(fleet, capacity) if sustained is not None and carried_per_s is None else None
    flow = np.maximum(flow_per_s, 0.0) if fullest is None else fullest
    through = fleet.through()
    split = None if split_per_s is None else fitted_split(fleet, x, split_per_s)
    limited = [(through, capacity), (fleet.link_bytes_per_request, fleet.link_bytes_per_s)]
    if split is not None:
        pairs = shared_pairs(fleet)
        limited.append((pairs.flows, pairs.triplets.dot(split)))
    flow = _fitted(flow, limited)
    served = np.bincount(fleet.channel_demand, weights=flow, minlength=len(fleet.demand_per_s))
    multiple = float((served / fleet.demand_per_s).min())
    if fleet.reserve is not None and sustained is not None:
        # more than this would not survive a failure, so no more is promised
        multiple = min(multiple, sustained)
    if multiple > most:
        multiple = most
    if sustained is not None:
        wanted = np.divide(multiple * fleet.demand_per_s, served, out=np.ones_like(served), where=served > 0)
        flow = flow * np.minimum(wanted, 1.0)[fleet.channel_demand]
    return ServedLoad(
        flow_per_s=flow,
        carried_per_s=None if carried_per_s is None else _matched(fleet, carried_per_s, through.dot(flow)),
        multiple=multiple,
        demand_per_s=fleet.offered_per_s,
        split_per_s=None if split is None else _matched_split(fleet, split, flow),
    )


def _fitted(flow_per_s: Floats, limited: list[tuple[Csr, Floats]]) -> Floats:
    """Shrink each channel by the tightest of what it passes; a trickle through an empty supply is harmless.

    ``limited`` holds what channels take of several things, and how much of each there is.
    """
    shrink = np.ones(len(flow_per_s))
    for moved, limits in limited:
        loads = moved.dot(flow_per_s)
        fits = np.where(loads > limits, limits / np.where(loads > 0, loads, 1.0), 1.0)
        np.minimum.at(shrink, moved.indices, fits[moved.row_of])
    return np.asarray(flow_per_s * shrink, dtype=np.float64)


def _matched_split(fleet: Fleet, split_per_s: Floats, flow_per_s: Floats) -> Floats:
    """Requests per pair that add up to what passes each shared supply [triplets]; 0 where nothing passes."""
    pairs = shared_pairs(fleet)
    carried, asked = pairs.triplets.dot(split_per_s), pairs.flows.dot(flow_per_s)
    ratio = np.divide(asked, carried, out=np.zeros_like(asked), where=carried > 0)
    return np.asarray(split_per_s * pairs.triplets.transpose_dot(ratio), dtype=np.float64)


def _matched(fleet: Fleet, carried_per_s: Floats, flow_per_s: Floats) -> Floats:
    """Requests per column that add up to what passes each supply [columns]."""
    carried = np.bincount(fleet.supply_of, weights=carried_per_s, minlength=fleet.n_supplies)
    ratio = np.divide(flow_per_s, carried, out=np.ones_like(carried), where=carried > 0)
    return np.asarray(carried_per_s * ratio[fleet.supply_of], dtype=np.float64)


def idle_columns(fleet: Fleet, carried_per_s: Floats) -> Bools:
    """Columns whose replicas nobody uses nor needs: latency has no price for them [columns].

    Replicas that wait for a failure or for the next period are not idle.
    """
    if fleet.reserve is not None or fleet.switching is not None:
        return np.zeros(fleet.n_columns, dtype=np.bool_)
    return np.asarray(carried_per_s <= IDLE_FRAC * fleet.rate_per_s, dtype=np.bool_)
