"""What given replica counts really sustain, measured without the solver's tolerances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.csr import Floats, Ints
from solvers.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedLoad:
    """Flows that fit the replicas and links exactly, and the multiple of the demand they carry.

    ``carried_per_s`` [columns] and ``flow_per_s`` [channels] in requests per second.
    """

    flow_per_s: Floats
    carried_per_s: Floats | None
    multiple: float
    demand_per_s: float

    @property
    def goodput_per_s(self) -> float:
        """Requests per second carried in the proportions of the demand."""
        return self.multiple * self.demand_per_s


def _fullest_flow(fleet: Fleet, capacity: Floats) -> Floats | None:
    """Give the most every channel carries at once, where channels share nothing; else None."""
    passed = [supply for supplies in fleet.channel_supplies for supply in supplies]
    if len(passed) != len(set(passed)) or fleet.reserve is not None:
        return None
    flow = np.array([capacity[list(supplies)].min() for supplies in fleet.channel_supplies])
    if (fleet.link_bytes_per_request.dot(flow) > fleet.link_bytes_per_s).any():
        return None
    served = np.bincount(fleet.channel_demand, weights=flow, minlength=len(fleet.demand_per_s))
    multiple = (served / fleet.demand_per_s).min()
    ratio = np.where(served > 0, multiple * fleet.demand_per_s / np.where(served > 0, served, 1.0), 0.0)
    return np.asarray(flow * np.minimum(ratio, 1.0)[fleet.channel_demand], dtype=np.float64)


def served_load(
    fleet: Fleet,
    x: Ints,
    flow_per_s: Floats,
    carried_per_s: Floats | None,
    *,
    sustained: float | None,
    most: float = np.inf,
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
    """
    capacity = np.zeros(fleet.n_supplies)
    np.add.at(capacity, fleet.supply_of, fleet.rate_per_s * x)
    fullest = _fullest_flow(fleet, capacity) if sustained is not None and carried_per_s is None else None
    flow = np.maximum(flow_per_s, 0.0) if fullest is None else fullest
    through = fleet.through()
    loads = np.concatenate((through.dot(flow), fleet.link_bytes_per_request.dot(flow)))
    limits = np.concatenate((capacity, fleet.link_bytes_per_s))
    # Each channel shrinks by the tightest of what it passes; a trickle through an empty supply is harmless.
    fits = np.where(loads > limits, limits / np.where(loads > 0, loads, 1.0), 1.0)
    shrink = np.ones(len(flow))
    for moved, part in (
        (through, fits[: fleet.n_supplies]),
        (fleet.link_bytes_per_request, fits[fleet.n_supplies :]),
    ):
        np.minimum.at(shrink, moved.indices, part[moved.row_of])
    flow = flow * shrink
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
    )


def _matched(fleet: Fleet, carried_per_s: Floats, flow_per_s: Floats) -> Floats:
    """Requests per column that add up to what passes each supply [columns]."""
    carried = np.bincount(fleet.supply_of, weights=carried_per_s, minlength=fleet.n_supplies)
    ratio = np.divide(flow_per_s, carried, out=np.ones_like(carried), where=carried > 0)
    return np.asarray(carried_per_s * ratio[fleet.supply_of], dtype=np.float64)
