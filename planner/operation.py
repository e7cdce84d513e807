"""What a plan holds, draws and costs: in one steady state, or period by period."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.cost.base import Array
from models.plan import Cost, PlanPeriod, Predicted
from models.scenario import Scenario
from models.units import HOUR_S
from planner.columns import Columns
from planner.day import Day
from planner.fleet_program import failure_domain
from planner.group_run import GroupRun
from planner.placement import Device, Want, place
from planner.setting import Site
from planner.spread_placement import place_spread
from planner.streams import streams_of


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Counts of every group in every period [periods, groups], and prices of its replicas [groups]."""

    hours: Array
    counts: Array
    starts: Array
    carried_per_s: Array
    devices: Array
    usd_per_hour: Array
    base_watt: Array
    joule_per_request: Array
    start_hours: Array

    @property
    def held(self) -> Array:
        """Devices at the end of every period, those included that load for the next [periods]."""
        loading = np.roll(self.starts, -1, axis=0)
        held: Array = (self.counts + loading) @ self.devices
        return held

    @property
    def usd(self) -> Array:
        """Money of every period, with the loading of what starts in it [USD/h]."""
        usd: Array = self.counts @ self.usd_per_hour + self._loading(self.usd_per_hour)
        return usd

    @property
    def watt(self) -> Array:
        """Mean draw of every period [W]."""
        running = self.counts @ self.base_watt + self.carried_per_s @ self.joule_per_request
        watt: Array = running + self._loading(self.base_watt)
        return watt

    def mean(self, values: Array) -> float:
        """Mean over the time."""
        return float(self.hours @ values / self.hours.sum())

    def _loading(self, price: Array) -> Array:
        loading: Array = (self.starts * self.start_hours) @ price / self.hours
        return loading


def operation_of(columns: Columns, runs: list[GroupRun], day: Day | None) -> Operation:
    """Operation of the groups of one plan."""
    at = np.array([r.assignment.column for r in runs])
    if day is None:
        counts = np.array([[r.assignment.replicas for r in runs]], dtype=float)
        carried = np.array([[r.assignment.carried_per_s for r in runs]])
        starts, hours = np.zeros_like(counts), np.ones(1)
    else:
        counts = np.array([r.assignment.by_period for r in runs], dtype=float).T
        carried = np.array([r.assignment.carried_by_period for r in runs]).T
        starts, hours = np.maximum(counts - np.roll(counts, 1, axis=0), 0.0), day.hours
    return Operation(
        hours=hours, counts=counts, starts=starts, carried_per_s=carried, devices=columns.devices[at],
        usd_per_hour=columns.usd_per_hour[at], base_watt=columns.base_watt[at],
        joule_per_request=np.array([_joule_per_request(columns, r) for r in runs]),
        start_hours=columns.start_s[at] / HOUR_S,
    )  # fmt: skip


def _joule_per_request(columns: Columns, run: GroupRun) -> float:
    """Energy of a request of a group [J]: that of the mix it carries, where classes share it."""
    return run.joule_per_request if run.classes else float(columns.joule_per_request[run.assignment.column])


def placed(
    scenario: Scenario, sites: list[Site], runs: list[GroupRun], operation: Operation
) -> dict[tuple[int, int], tuple[Device, ...]] | None:
    """Devices for the most replicas every group ever has, else for the fullest period; None: no packing."""

    def wants(counts: Array) -> list[Want]:
        return [
            Want(group=i, pool=r.priced.setting.pool_index, replicas=int(n), devices=int(size))
            for i, (r, n, size) in enumerate(zip(runs, counts, operation.devices, strict=True))
        ]

    def arranged(counts: Array) -> dict[tuple[int, int], tuple[Device, ...]] | None:
        failure = scenario.reserve.failure
        if failure is None or failure == "device":
            return place(sites, wants(counts))
        domains = [failure_domain(site, failure, g) for g, site in enumerate(sites)]
        return place_spread(sites, wants(counts), domains)

    together = arranged(operation.counts.max(axis=0))
    if together is not None or len(operation.hours) == 1:
        return together
    each = [arranged(counts) for counts in operation.counts]
    return None if None in each else each[int(np.argmax(operation.counts @ operation.devices))]


def cost_of(
    scenario: Scenario, operation: Operation, day: Day | None, predicted: Mapping[str, Predicted]
) -> Cost:
    """Money and power, in the mean over all periods; USD is None where a used device has no price."""
    usd, watt = operation.mean(operation.usd), operation.mean(operation.watt)
    owners = [s.deployment_index for s in streams_of(scenario)]
    tokens = sum(_mean_tokens(m, day, p) for m, p in zip(owners, predicted.values(), strict=True))
    priced = bool(np.isfinite(usd))
    return Cost(
        usd_per_hour=usd if priced else None,
        usd_per_million_output_tokens=usd / (tokens * HOUR_S) * 1e6 if priced and tokens > 0 else None,
        watt=watt,
        joule_per_output_token=watt / tokens if tokens > 0 else 0.0,
    )


def _mean_tokens(deployment: int, day: Day | None, predicted: Predicted) -> float:
    """Output tokens per second in the mean: predictions are those of the busiest period."""
    if day is None:
        return predicted.output_tokens_per_s
    scale = day.scale[:, deployment]
    return predicted.output_tokens_per_s * float(day.share_frac @ scale) / float(scale.max())


def told_periods(
    scenario: Scenario, operation: Operation, day: Day | None, runs: list[GroupRun]
) -> tuple[PlanPeriod, ...]:
    """Every period of a day: what runs, starts, and costs."""
    if day is None:
        return ()
    entry = np.array([r.priced.role not in ("encode", "decode") for r in runs])
    deployment = np.array([r.priced.setting.deployment_index for r in runs])
    return tuple(
        PlanPeriod(
            name=name,
            hours=float(operation.hours[t]),
            replicas=tuple(int(n) for n in operation.counts[t]),
            starts=tuple(int(n) for n in operation.starts[t]),
            devices_used=int(operation.counts[t] @ operation.devices),
            usd_per_hour=float(operation.usd[t]) if np.isfinite(operation.usd[t]) else None,
            watt=float(operation.watt[t]),
            request_per_s={
                d.name: float(operation.carried_per_s[t][entry & (deployment == m)].sum())
                for m, d in enumerate(scenario.deployments)
            },
        )
        for t, name in enumerate(day.names)
    )
