"""Checks of the placement against the scenario alone: every replica has its own devices, close together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from solvers.verification.answer_claims import Device, PlacedClaims, PlanClaims
from solvers.verification.case import Case, Check
from solvers.verification.scenario_claims import PoolClaims
from solvers.verification.words import differs


def placed_replicas(case: Case) -> Iterator[str]:
    """Every replica is placed once, on as many devices of its pool as it takes.

    Over periods: the most replicas that every group ever has, or those of the fullest period.
    """
    for plan in case.answer.plans:
        placed = Counter((p.group, p.replica) for p in plan.placement)
        for (g, r), times in sorted(placed.items()):
            where = f"{plan.id}: group {g} replica {r}"
            if not (0 <= g < len(plan.groups) and 0 <= r < plan.groups[g].replicas):
                yield differs(where, "placed", "no such replica")
            elif times > 1:
                yield differs(where, "placed once", f"placed {times} times")
        there = Counter(g for g, _ in placed)
        for g, group in enumerate(plan.groups):
            if there[g] < group.replicas and not _is_fullest(plan, there):
                yield differs(f"{plan.id}: group {g}", f"{group.replicas} replicas", f"{there[g]} placed")
        for p in plan.placement:
            if 0 <= p.group < len(plan.groups):
                yield from _on_its_pool(plan, p)


def _is_fullest(plan: PlanClaims, placed: Counter[int]) -> bool:
    """Whether as many replicas are placed as run in the fullest of several periods."""
    counts = [placed[g] for g in range(len(plan.groups))]
    most = max((period.devices_used for period in plan.periods), default=0)
    return any(list(p.replicas) == counts for p in plan.periods if p.devices_used == most)


def _on_its_pool(plan: PlanClaims, placed: PlacedClaims) -> Iterator[str]:
    """Number and pool of the devices of one replica."""
    group = plan.groups[placed.group]
    where = f"{plan.id}: group {placed.group} replica {placed.replica}"
    if len(placed.devices) != group.devices:
        yield differs(where, f"{group.devices} devices", len(placed.devices))
    strays = sorted({pool for pool, _, _ in placed.devices} - {group.pool})
    if strays:
        yield differs(where, f"pool {group.pool}", f"pool {strays[0]}")


def devices_exist(case: Case) -> Iterator[str]:
    """Every placed device exists, and none is used twice."""
    pools = case.answer.scenario.pools
    for plan in case.answer.plans:
        used = Counter(device for p in plan.placement for device in p.devices)
        for device, times in used.items():
            if not _exists(device, pools):
                yield differs(
                    f"{plan.id}: device {list(device)}", "a device", "no such device in the scenario"
                )
            elif times > 1:
                yield differs(f"{plan.id}: device {list(device)}", "one replica", f"{times} replicas")


def domains(case: Case) -> Iterator[str]:
    """Every replica lies inside one scale-up domain or takes whole nodes."""
    pools = case.answer.scenario.pools
    for plan in case.answer.plans:
        for group, replica, devices in _known(plan, pools):
            pool = pools[devices[0][0]]
            domain = _domain(pool, case)
            inside = {(node * pool.devices_per_node + device) // domain for _, node, device in devices}
            per_node = Counter(node for _, node, _ in devices)
            if len(inside) > 1 and set(per_node.values()) != {pool.devices_per_node}:
                yield differs(
                    f"{plan.id}: group {group} replica {replica}",
                    f"one domain of {domain} devices, or whole nodes",
                    f"parts of {len(per_node)} nodes in {len(inside)} domains",
                )


def _exists(device: Device, pools: dict[str, PoolClaims]) -> bool:
    name, node, number = device
    pool = pools.get(name)
    return (
        pool is not None
        and 0 <= number < pool.devices_per_node
        and node >= 0
        and (pool.nodes is None or node < pool.nodes)
    )


def _known(plan: PlanClaims, pools: dict[str, PoolClaims]) -> Iterator[tuple[int, int, tuple[Device, ...]]]:
    """Replicas on devices of one pool that all exist; the other checks tell the rest."""
    for p in plan.placement:
        if len({pool for pool, _, _ in p.devices}) == 1 and all(_exists(d, pools) for d in p.devices):
            yield p.group, p.replica, p.devices


def _domain(pool: PoolClaims, case: Case) -> int:
    """Devices of a scale-up domain: stated, else the device's own, at least a node."""
    own = max(case.domains.get(pool.device, 0), pool.devices_per_node)
    return max(pool.scale_up_domain or own, 1)


CHECKS: tuple[Check, ...] = (placed_replicas, devices_exist, domains)
