"""Ways a group of a stored plan may have been priced: replica, hand-over and load of each."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from models.cost.base import Array
from models.plan import Group, Plan
from models.scenario import Scenario
from planner.candidates import LIGHTER
from planner.colocated import with_share
from planner.day import day_of
from planner.group_run import load_for_rate
from planner.hand_over import HandOver
from planner.layouts import Layouts
from planner.operating_point import Replica
from planner.pricing import build_replica, load_range, price_offered
from planner.setting import Setting, Site
from planner.streams import streams_of, tiers_of
from planner.traffic import Traffic
from planner.variants import POOL_FRACS, embedding_hand_overs, hand_overs, role_setting


def ways_of(  # noqa: PLR0913
    scenario: Scenario, plan: Plan, number: int, setting: Setting, sites: list[Site], traffic: list[Traffic]
) -> Iterator[tuple[Replica, HandOver | None, Array]]:  # fmt: skip
    """Replica, hand-over and load for every tier and share of the first token the group may have."""
    group, streams = plan.groups[number], streams_of(scenario)
    names = [s.name for s in streams]
    rates = {f"{group.deployment}/{name}": r for name, r in group.class_request_per_s.items()}
    if not rates:
        rates = {group.deployment: group.traffic_share * plan.predicted[group.deployment].request_per_s}
    carried = {names.index(name): rate / _serving(scenario, plan, number) for name, rate in rates.items()}
    main = max(carried, key=lambda w: carried[w])
    fracs = POOL_FRACS if group.language_only or group.role == "encode" else (0.0,)
    for tier in tiers_of(streams, setting.deployment_index):
        if not set(carried) <= set(tier.members):
            continue
        for frac in fracs:
            own = role_setting(setting, group.role, frac)
            replicas = {
                w: _replica(scenario, plan, group, replace(
                    own, deployment=replace(streams[w].deployment, slo=tier.slo)
                ), sites, traffic[w])
                for w in carried
            }  # fmt: skip
            top = {w: _highest(replicas[w][0], group, replicas[w][1], scenario) for w in carried}
            full_per_s = {w: float(r.state(top[w]).rate_per_s[0]) for w, (r, _) in replicas.items()}
            busy = sum(carried[w] / max(full_per_s[w], 1e-300) for w in carried)
            replica, sent = replicas[main]
            yield replica, sent, _load(replica, group, top[main], busy * full_per_s[main])


def _serving(scenario: Scenario, plan: Plan, number: int) -> int:
    """Replicas in the period that the plan predicts: the busiest of the deployment."""
    group, day = plan.groups[number], day_of(scenario)
    if day is None or not plan.periods:
        return group.replicas
    m = [d.name for d in scenario.deployments].index(group.deployment)
    return plan.periods[day.busiest(m)].replicas[number] or group.replicas


def _replica(  # noqa: PLR0913
    scenario: Scenario, plan: Plan, group: Group, setting: Setting, sites: list[Site], traffic: Traffic
) -> tuple[Replica, HandOver | None]:  # fmt: skip
    layouts = Layouts.of(group.parallelism)
    if group.sm_share_frac is not None:
        layouts = with_share(layouts, group.sm_share_frac.prefill)
    budget = np.array([float(group.limits.max_num_batched_tokens)])
    sent = _hand_over(scenario, plan, group, setting, sites, traffic)
    return build_replica(setting, group.role, layouts, traffic, budget, sent), sent


def _hand_over(  # noqa: PLR0913
    scenario: Scenario, plan: Plan, group: Group, setting: Setting, sites: list[Site], traffic: Traffic
) -> HandOver | None:  # fmt: skip
    """To the pool that takes most of what this group sends."""
    takers = {"prefill": ("decode",), "encode": ("prefill", "aggregated")}.get(group.role, ())
    others = [g for g in plan.groups if g.deployment == group.deployment and g.role in takers]
    if not takers:
        return None
    pools = [site.pool.name for site in sites]
    main = max(others, key=lambda g: g.traffic_share, default=group)
    if group.role == "encode":
        return embedding_hand_overs(scenario, sites, setting)[pools.index(main.pool)]
    return hand_overs(scenario, sites, setting, traffic)[pools.index(main.pool)]


def _highest(replica: Replica, group: Group, sent: HandOver | None, scenario: Scenario) -> Array:
    """The highest load within memory and SLO; where no load holds them, the end of the range."""
    if group.role == "encode":  # a batch does not depend on the load
        return load_range(group.role, replica.model.layouts)[1]
    priced = price_offered(replica, group.role, sent, scenario.options.slo_confidence).priced
    return load_range(group.role, replica.model.layouts)[1] if priced is None else priced.load


def _load(replica: Replica, group: Group, full: Array, wanted_per_s: float) -> Array:
    """Load that carries the wanted rate: latency objectives choose among shares of the highest load."""
    for frac in sorted((*LIGHTER, 1.0)):
        if replica.state(frac * full).rate_per_s[0] >= wanted_per_s * (1.0 - 1e-9):
            full = frac * full
            break
    low = np.minimum(load_range(group.role, replica.model.layouts)[0], full)
    return load_for_rate(replica, low, full, np.array([wanted_per_s]))
