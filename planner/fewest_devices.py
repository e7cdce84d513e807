"""The fewest devices of one type that serve one deployment alone: an exact solve, or why none do."""

from dataclasses import replace
from math import ceil

from models import catalog
from models.cluster import Cluster, Pool
from models.hardware import Device
from models.plan import Plan
from models.requirements import FewestDevices, Shortfall
from models.scenario import Deployment, Limits, Scenario
from planner import pipeline
from planner.candidates import Candidates
from planner.infeasibility import without_candidates
from planner.time_budget import TimeBudget
from planner.variants import roles_of

LEAST_S = 1e-3
ROUNDING = 1e-6


def fewest_devices(scenario: Scenario, deployment: int, pool: Pool, budget: TimeBudget) -> FewestDevices:
    """Count for nodes like those of ``pool``, as many as needed.

    Caps of the scenario do not count, its reserve does; of a day the busiest period.
    """
    asked = alone(scenario, deployment, pool)
    device = catalog.device(pool.device).id
    named = pool.name if pool in scenario.cluster.pools else None
    question = pipeline.price(asked)
    if without_candidates(asked, question.candidates):
        return FewestDevices(
            device=device, pool=named, status="infeasible",
            shortfalls=shortfalls(asked, question.candidates),
        )  # fmt: skip
    options = replace(asked.options, time_limit_s=max(budget.left_s, LEAST_S))
    asked = replace(asked, options=options)
    answer = pipeline.plan(asked, priced=replace(question, scenario=asked))
    found = FewestDevices(device=device, pool=named, status=answer.status)
    bound = None if answer.bound is None else ceil(answer.bound - ROUNDING)
    if not answer.plans:
        return replace(found, bound_devices=bound)
    plan = answer.plans[0]
    # devices are whole: a bound above one less proves the count, whatever the gap
    proven = bound is not None and bound >= plan.devices_used
    return replace(
        found,
        status="optimal" if proven else answer.status,
        devices=plan.devices_used,
        nodes=_nodes(plan, pool),
        bound_devices=bound,
        gap=0.0 if proven else plan.gap,
        usd_per_hour=plan.cost.usd_per_hour,
        watt=plan.cost.watt,
        groups=plan.groups,
        evidence=plan.evidence,
    )


def alone(scenario: Scenario, deployment: int, pool: Pool) -> Scenario:
    """One deployment, at its busiest, on as many nodes of one pool as it takes."""
    chosen = scenario.deployments[deployment]
    scale = max((p.scale_of(chosen.name) for p in scenario.periods), default=1.0)
    watt = None if pool.watt is None else replace(pool.watt, cap=None)
    return replace(
        scenario,
        deployments=(_busier(chosen, scale),),
        cluster=Cluster(pools=(replace(pool, nodes=None, watt=watt),)),
        objective="min_devices",
        limits=Limits(),
        periods=(),
        options=replace(scenario.options, top_k=1),
    )


def catalogue_pool(device: Device, scenario: Scenario) -> Pool:
    """Nodes of a device as the catalogue has them; racks are as large as the scenario's."""
    racks = [p.nodes_per_rack for p in scenario.cluster.pools if p.nodes_per_rack is not None]
    return Pool(
        name=device.id, device=device.id, nodes=None, devices_per_node=device.devices_per_node,
        nodes_per_rack=max(racks, default=None),
    )  # fmt: skip


def shortfalls(scenario: Scenario, candidates: Candidates) -> tuple[Shortfall, ...]:
    """What dropped every candidate of the first deployment, with the nearest value of each limit."""
    # an encoder alone fits nearly everywhere, and its part of a limit is not the limit
    unloaded = [
        u for (m, role), found in candidates.unloaded.items() if m == 0 and role != "encode" for u in found
    ]
    counts = {
        name
        for role in roles_of(scenario)
        for name, n in candidates.without.get((0, role), {}).items()
        if n and (name == "memory" or name.startswith("slo:"))
    }
    found = []
    missing = min((u.extra_bytes for u in unloaded), default=0.0)
    # where some layout does fit, memory is not what stands in the way
    if "memory" in counts and (missing > 0.0 or counts == {"memory"}):
        found.append(Shortfall(cause="memory", missing_bytes_per_device=missing))
    for metric, limit in scenario.deployments[0].slo.limits().items():
        cause = metric.removesuffix("_s")
        if f"slo:{cause}" in counts:
            # a pair shares an end-to-end limit: neither half's time is that of a request
            whole = candidates.unloaded.get((0, "aggregated"), []) if metric == "e2e_s" else unloaded
            nearest = min((u.latency_s[metric] for u in whole if metric in u.latency_s), default=None)
            if nearest is not None and nearest <= limit.limit_s:
                continue
            found.append(Shortfall(cause=cause, limit_s=limit.limit_s, nearest_s=nearest))  # type: ignore[arg-type]
    if not found and counts:
        found = [Shortfall(cause=name.removeprefix("slo:")) for name in sorted(counts)]  # type: ignore[arg-type]
    return tuple(found) or (Shortfall(cause="rules"),)


def _busier(deployment: Deployment, scale: float) -> Deployment:
    """The deployment with a multiple of its traffic; requests in flight are whole."""
    arrival = deployment.workload.arrival
    if arrival.rate_per_s is not None:
        arrival = replace(arrival, rate_per_s=arrival.rate_per_s * scale)
    elif arrival.concurrency is not None:
        arrival = replace(arrival, concurrency=ceil(arrival.concurrency * scale))
    return replace(deployment, workload=replace(deployment.workload, arrival=arrival))


def _nodes(plan: Plan, pool: Pool) -> int:
    """Nodes the plan's replicas stand on."""
    touched = {(name, node) for placed in plan.placement for name, node, _ in placed.devices}
    return max(len(touched), ceil(plan.devices_used / pool.devices_per_node))
