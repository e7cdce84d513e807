"""Checks of the plans against the scenario alone: what they hold, cost and carry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

from solvers.verification.answer_claims import PlanClaims
from solvers.verification.case import Case, Check
from solvers.verification.words import RELATIVE, close, differs

RESTATED = Fraction(1, 10**6)
"""Relative distance allowed between an objective and the figure of the plan that says the same."""


def devices(case: Case) -> Iterator[str]:
    """Every plan uses the devices it says, and no pool ever gives more than it has."""
    pools = case.answer.scenario.pools
    for plan in case.answer.plans:
        for name in sorted({group.pool for group in plan.groups} - set(pools)):
            yield differs(f"{plan.id}: pool {name}", "a pool", "no such pool in the scenario")
        held = [_per_pool(plan, counts) for counts in plan.held()]
        for name, pool in pools.items():
            most = max(used[name] for used in held)
            if pool.devices is not None and most > pool.devices:
                yield differs(f"{plan.id}: pool {name}", f"{most} devices", f"{pool.devices} devices")
        used = max(held_at.total() for held_at in held)
        if plan.devices_used != used:
            yield differs(f"{plan.id}: devices_used", plan.devices_used, used)
        there = [pool.devices for pool in pools.values()]
        idle = 0 if None in there else max(sum(n or 0 for n in there) - used, 0)
        if plan.devices_idle != idle:
            yield differs(f"{plan.id}: devices_idle", plan.devices_idle, idle)


def periods(case: Case) -> Iterator[str]:
    """Every period uses the devices of its replicas, and starts what it has more than the one before."""
    for plan in case.answer.plans:
        for before, period in zip((plan.periods[-1:] + plan.periods), plan.periods, strict=False):
            used = _per_pool(plan, list(period.replicas)).total()
            if period.devices_used != used:
                yield differs(f"{plan.id}: devices_used in {period.name}", period.devices_used, used)
            starts = tuple(max(n - m, 0) for n, m in zip(period.replicas, before.replicas, strict=True))
            if period.starts != starts:
                yield differs(f"{plan.id}: starts in {period.name}", period.starts, starts)


def _per_pool(plan: PlanClaims, counts: list[int]) -> Counter[str]:
    """Devices that these replicas of every group hold, by pool."""
    used: Counter[str] = Counter()
    for group, replicas in zip(plan.groups, counts, strict=True):
        used[group.pool] += replicas * group.devices
    return used


def limits(case: Case) -> Iterator[str]:
    """No plan costs, draws or uses more than the scenario allows."""
    for plan in case.answer.plans:
        costs = {"usd_per_hour": plan.usd_per_hour, "watt": plan.watt, "devices": plan.devices_used}
        for name, limit in case.answer.scenario.limits.items():
            cost = costs[name]
            if cost is None or Fraction(cost) > Fraction(limit) * (1 + RELATIVE):
                yield differs(f"{plan.id}: limits.{name}", f"at most {limit!r}", cost)


def money(case: Case) -> Iterator[str]:
    """Where the scenario gives every price, usd_per_hour is the price of the devices used."""
    pools = case.answer.scenario.pools
    for plan in () if case.answer.scenario.periods else case.answer.plans:
        prices = [pools[g.pool].usd_per_device_hour if g.pool in pools else None for g in plan.groups]
        if None in prices:
            continue
        found = sum(
            (Fraction(p or 0) * g.replicas * g.devices for p, g in zip(prices, plan.groups, strict=True)),
            Fraction(0),
        )
        if plan.usd_per_hour is None or not close(plan.usd_per_hour, found):
            yield differs(f"{plan.id}: usd_per_hour", plan.usd_per_hour, found)


def objective_restated(case: Case) -> Iterator[str]:
    """The objective agrees with the figure of the plan that says the same: goodput, money, devices, power."""
    if case.answer.scenario.periods:
        return
    for plan in case.answer.plans:
        claimed = plan.objective_value
        figures = {
            "max_goodput": plan.request_per_s,
            "min_cost": plan.usd_per_hour,
            "min_devices": plan.devices_used,
            "min_power": plan.watt,
        }
        found = figures.get(case.answer.objective_name, claimed)
        # of several deployments one may be served more than its share of the mix
        more = case.answer.objective_name == "max_goodput" and found is not None and found > claimed
        if found is None or not (more or close(claimed, found, RESTATED)):
            yield differs(f"{plan.id}: {case.answer.objective_name}", claimed, found)


def traffic_shares(case: Case) -> Iterator[str]:
    """The groups of one role of a deployment share its traffic, all of it."""
    for plan in case.answer.plans:
        shares: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        for i, group in enumerate(plan.groups):
            shares[group.deployment, group.role] += Fraction(group.traffic_share)
            if group.traffic_share < 0:
                yield differs(f"{plan.id}: group {i}: traffic_share", "at least 0", group.traffic_share)
        for (deployment, role), total in shares.items():
            # shares are those of the busiest period, in which a role of a day may rest, as a spare role does
            may_rest = plan.periods or case.answer.scenario.reserve
            if not close(total, 1.0) and not (may_rest and total == 0):
                yield differs(f"{plan.id}: traffic_share of {deployment} {role}", 1, total)


def memory(case: Case) -> Iterator[str]:
    """The parts of a device's memory add up to its capacity, and none is negative."""
    for plan in case.answer.plans:
        for i, group in enumerate(plan.groups):
            where = f"{plan.id}: group {i}: memory_bytes"
            parts = {name: part for name, part in group.memory_bytes.items() if name != "capacity"}
            found = sum(map(Fraction, parts.values()), Fraction(0))
            capacity = group.memory_bytes.get("capacity")
            if capacity is None or not close(capacity, found):
                yield differs(f"{where}: capacity", capacity, found)
            for name, part in parts.items():
                if Fraction(part) < -RELATIVE * abs(Fraction(capacity or 0)):
                    yield differs(f"{where}: {name}", "at least 0", part)


CHECKS: tuple[Check, ...] = (devices, periods, limits, money, objective_restated, traffic_shares, memory)
