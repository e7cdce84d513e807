"""Random fleets small enough to enumerate."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from solvers.csr import Csr
from solvers.fleet import Fleet, Objective, max_goodput, min_cost, min_latency

RATES = st.integers(5, 60).map(lambda tenths: tenths / 10)


def fleet_of(
    devices: list[int], supplies: list[int], rates: list[float], *, limit: float = 4.0, demand: float = 3.0
) -> Fleet:
    """One pool; supply 0 is aggregated, 1 prefill, 2 decode; every column its own identity."""
    n = len(devices)
    return Fleet(
        rate_per_s=np.array(rates, dtype=np.float64),
        supply_of=np.array(supplies, dtype=np.int64),
        max_replicas=np.full(n, np.inf),
        identity_of=np.arange(n),
        uses=Csr.from_dense(np.array([devices], dtype=np.float64)),
        limit=np.array([float(limit)]),
        channel_supplies=((0,), (1, 2)),
        channel_demand=np.zeros(2, dtype=np.int64),
        demand_per_s=np.array([demand]),
        link_bytes_per_request=Csr.empty(0, 2),
        link_bytes_per_s=np.zeros(0),
        tie_break=np.array(devices, dtype=np.float64),
    )


@st.composite
def tiny_fleets(draw: st.DrawFn, most_columns: int = 4) -> Fleet:
    """Up to four columns; sometimes a money cap, a link, a second demand, shared identities."""
    n = draw(st.integers(1, most_columns))
    devices = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    supplies = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    rates = draw(st.lists(RATES, min_size=n, max_size=n))
    fleet = fleet_of(devices, supplies, rates, limit=draw(st.integers(2, 5)), demand=draw(RATES))
    if draw(st.booleans()):
        price = [size * draw(st.sampled_from([1.0, 1.5])) for size in devices]
        fleet = replace(
            fleet,
            uses=Csr.from_dense([devices, price]),
            limit=np.array([fleet.limit[0], draw(st.integers(2, 6))]),
        )
    if draw(st.booleans()):
        fleet = replace(
            fleet,
            link_bytes_per_request=Csr.from_dense([[0.0, 2.0]]),
            link_bytes_per_s=np.array([draw(RATES)]),
        )
    if n > 1 and draw(st.booleans()):
        fleet = replace(
            fleet,
            supply_of=np.concatenate((fleet.supply_of[:-1], [3])),
            channel_supplies=(*fleet.channel_supplies, (3,)),
            channel_demand=np.array([0, 0, 1]),
            demand_per_s=np.append(fleet.demand_per_s, draw(RATES)),
            link_bytes_per_request=Csr.from_triplets(
                fleet.link_bytes_per_request.row_of,
                fleet.link_bytes_per_request.indices,
                fleet.link_bytes_per_request.data,
                (fleet.link_bytes_per_request.n_rows, 3),
            ),
        )
    if n > 1 and draw(st.booleans()):
        # The first two columns become one configuration at two batch limits.
        same = [1, 0, *range(2, n)]
        fleet = replace(
            fleet,
            identity_of=np.concatenate(([0, 0], np.arange(1, n - 1))),
            supply_of=np.where(np.arange(n) == 1, fleet.supply_of[0], fleet.supply_of),
            uses=fleet.uses.take_columns(np.array([0, 0, *range(2, n)])),
            tie_break=fleet.tie_break[[0, 0, *range(2, n)]],
            rate_per_s=fleet.rate_per_s[same],
        )
    return fleet


def objectives_of(fleet: Fleet, kind: str) -> tuple[Objective, ...]:
    """The objective lists under test, with coefficients derived from the fleet."""
    cost = np.round(fleet.tie_break * (1.0 + 0.1 * fleet.rate_per_s), 3)
    latency_s = np.round(1.0 / fleet.rate_per_s, 3)
    return {
        "goodput": (max_goodput(),),
        "cost": (min_cost(cost),),
        "latency": (min_latency(latency_s),),
        "goodput, cost": (max_goodput(), min_cost(cost)),
        "goodput, latency": (max_goodput(), min_latency(latency_s)),
        "cost, latency": (min_cost(cost), min_latency(latency_s)),
    }[kind]


KINDS = ("goodput", "cost", "latency", "goodput, cost", "goodput, latency", "cost, latency")
