r"""Demands that share replicas at rates of their own: each replica's time is split continuously over them.

Sets        s in S'             supplies that several demands pass, each at its own rate
            k in K              pairs (column c on such a supply, demand w it can serve)
            j in J              channels
Parameters  rate_cw             requests of w alone that one replica of c sustains within their SLO [1/s]
Variables   x_c, f_j            of the program this is added to
            z_cw >= 0           requests of demand w that the replicas of c carry [1/s]

    s.t.  sum_w z_cw / rate_cw <= x_c,  c on S'                        (occupied_c)
          sum_{c on s} z_cw >= sum_{j of w through s} f_j              (split_sw)

Time is shared linearly: a replica busy for a share of it with one class serves another in what is left. Pairs
(s, w) without a column stay: nothing of w passes s then. The row supply_s follows from these two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Csr, Floats, Ints
from solvers.errors import InvalidInstance
from solvers.fleet_bounds import NEVER_BINDING
from solvers.fleet_instance import ClassRates, Fleet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """Variables that the rows of shared supplies refer to: counts, flows, requests per pair."""

    x: Ints
    f: Ints
    z: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedPairs:
    """Pairs (shared supply, demand) that channels pass: 1 where a triplet [pairs x triplets], a channel adds.

    ``flows`` likewise [pairs x channels].
    """

    triplets: Csr
    flows: Csr


def shared_pairs(fleet: Fleet) -> SharedPairs:
    """Which triplets and which channels belong to each shared supply and demand."""
    classes = _classes(fleet)
    n = len(fleet.demand_per_s)
    through = fleet.through()
    shared = np.unique(fleet.supply_of[classes.column])
    passing = np.isin(through.row_of, shared)
    channel = through.indices[passing]
    key = through.row_of[passing] * n + fleet.channel_demand[channel]
    pairs = np.unique(key)
    own = fleet.supply_of[classes.column] * n + classes.demand
    used = np.flatnonzero(np.isin(own, pairs))
    return SharedPairs(
        triplets=Csr.from_triplets(
            np.searchsorted(pairs, own[used]), used, np.ones(len(used)), (len(pairs), len(own))
        ),
        flows=Csr.from_triplets(
            np.searchsorted(pairs, key), channel, np.ones(len(key)), (len(pairs), len(fleet.channel_supplies))
        ),
    )


def class_columns(m: ProgramBuilder, fleet: Fleet, bounds: Floats) -> Ints:
    """Add the requests of every pair, with bounds that cannot bind; return their columns [triplets]."""
    classes = _classes(fleet)
    return m.columns(
        "z", np.zeros(len(classes.column)), NEVER_BINDING * classes.rate_per_s * bounds[classes.column]
    )


def class_rows(m: ProgramBuilder, fleet: Fleet, v: Shared) -> None:
    """(occupied_c) and (split_sw): replicas have no more time than there is, and carry what passes."""
    classes = _classes(fleet)
    busy, row = np.unique(classes.column, return_inverse=True)
    used: Terms = [(row, v.z, 1.0 / classes.rate_per_s), (np.arange(len(busy)), v.x[busy], -1.0)]
    m.rows("occupied", used, -np.inf, np.zeros(len(busy)))
    pairs = shared_pairs(fleet)
    served, moved = pairs.triplets, pairs.flows
    m.rows(
        "split",
        [(served.row_of, v.z[served.indices], 1.0), (moved.row_of, v.f[moved.indices], -1.0)],
        np.zeros(served.n_rows),
        np.inf,
    )


def refuse_with_classes(fleet: Fleet, *, carried: bool) -> None:
    """Refuse what has no rows for shared supplies yet.

    Raises
    ------
    InvalidInstance
        Failures, periods, or an objective over requests per column, beside classes.
    """
    for name, there in (
        ("reserve", fleet.reserve is not None),
        ("switching", fleet.switching is not None),
        ("an objective over requests per column", carried),
    ):
        if there:
            raise InvalidInstance(
                f"{name} together with classes is not covered",
                "/classes",
                "Maybe give one demand per supply.",
            )


def fitted_split(fleet: Fleet, x: Ints, split_per_s: Floats) -> Floats:
    """Requests of every pair, shrunk until no replica is busy for more than its time [triplets]."""
    classes = _classes(fleet)
    split = np.maximum(split_per_s, 0.0)
    busy = np.bincount(classes.column, weights=split / classes.rate_per_s, minlength=fleet.n_columns)
    over = busy > x
    fits = np.where(over, x / np.where(over, busy, 1.0), 1.0)
    return np.asarray(split * fits[classes.column], dtype=np.float64)


def _classes(fleet: Fleet) -> ClassRates:
    """Rates per demand of a fleet that has them."""
    assert fleet.classes is not None
    return fleet.classes
