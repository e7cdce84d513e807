"""Demand of every deployment in requests per second, and what an unbounded cluster may be asked."""

import numpy as np

from models.errors import InvalidInput
from models.objective import GOODPUT, MONEY
from models.scenario import Scenario
from models.workload import Slo
from planner.columns import Columns
from planner.setting import Site
from planner.streams import Stream, streams_of
from planner.traffic import Traffic


def check_sizing(scenario: Scenario) -> None:
    """Refuse the largest goodput of a cluster without size.

    Raises
    ------
    InvalidInput
        ``max_goodput`` with ``nodes: null`` and no cap.
    """
    if not any(name in GOODPUT for name in scenario.objectives):
        return
    limits = scenario.limits
    for i, pool in enumerate(scenario.cluster.pools):
        # money does not limit what is free
        usd = None if pool.price_usd_per_device_hour == 0 else limits.usd_per_hour
        if pool.nodes is None and all(c is None for c in (usd, limits.watt, limits.devices)):
            raise InvalidInput(
                "max_goodput has no limit on a pool with nodes: null",
                pointer=f"/cluster/pools/{i}/nodes",
                hint="Maybe give nodes, a cap under limits, or the objective min_devices or min_cost.",
            )


def check_prices(scenario: Scenario, sites: list[Site]) -> None:
    """Refuse a question about money over a device without a price.

    Raises
    ------
    InvalidInput
        ``min_cost`` or ``limits.usd_per_hour`` with a pool nobody has priced.
    """
    asks_for_money = any(name in MONEY for name in scenario.objectives)
    if not asks_for_money and scenario.limits.usd_per_hour is None:
        return
    for i, site in enumerate(sites):
        if site.price_usd_per_hour is None:
            raise InvalidInput(
                f"device {site.device.id} has no price, and the objective or a limit asks for money",
                pointer=f"/cluster/pools/{i}/price_usd_per_device_hour",
                hint="Maybe give price_usd_per_device_hour for this pool.",
            )


def demands(scenario: Scenario, traffic: list[Traffic], columns: Columns) -> np.ndarray:
    """Requests per second of each stream: a deployment, or a class of one.

    A closed loop of N requests in flight offers N / E2E by Little's law, with the end-to-end time the SLO
    allows; without limits, with the median over candidates.
    """
    return np.array(
        [
            s.deployment.workload.arrival.rate_per_s
            if s.deployment.workload.arrival.rate_per_s is not None
            else (s.deployment.workload.arrival.concurrency or 1) / _end_to_end_s(s, traffic[i], columns)
            for i, s in enumerate(streams_of(scenario))
        ],
        dtype=float,
    )


def allowed_end_to_end_s(slo: Slo, traffic: Traffic) -> float | None:
    """End-to-end time of a request that just meets its SLO [s]; None without limits that tell."""
    if slo.e2e_s is not None:
        return slo.e2e_s.limit_s
    if slo.ttft_s is not None and slo.tpot_s is not None:
        return slo.ttft_s.limit_s + traffic.decode_tokens * slo.tpot_s.limit_s
    return None


def _end_to_end_s(stream: Stream, traffic: Traffic, columns: Columns) -> float:
    allowed_s = allowed_end_to_end_s(stream.deployment.slo, traffic)
    if allowed_s is not None:
        return allowed_s
    mine = [
        i
        for i, p in enumerate(columns.priced)
        if p.setting.deployment_index == stream.deployment_index and p.role not in ("prefill", "encode")
    ]
    return float(np.median(columns.latency_s["e2e_s"][np.isin(columns.block, mine)]))
