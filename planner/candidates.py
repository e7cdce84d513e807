"""Candidates of a scenario: every layout of every setting and role, priced, with the reasons for "no"."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from models.objective import GOODPUT, LATENCY, MONEY
from models.scenario import DEFAULT_ROLES, Role, Scenario
from planner.colocated import splits_sms
from planner.hand_over import HandOver, prompt_cache_bytes
from planner.layouts import Layouts, enumerate_layouts
from planner.pricing import Priced, RolePricing, each_share, lighter_loads, price_sent, token_budgets
from planner.setting import Setting, Site
from planner.side_by_side import side_by_side
from planner.traffic import Traffic
from planner.unloaded import Unloaded

SECOND_PROCESS_FROM = 500_000
"""Candidates from which they are priced in two processes."""
LIGHTER = (0.5, 0.25, 0.1, 0.02)
"""Shares of the highest load that latency objectives may choose from."""


@dataclass(kw_only=True)
class Candidates:
    """What was found, and what was not and why."""

    priced: list[Priced] = field(default_factory=list)
    looked_at: int = 0
    valid: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unloaded: dict[tuple[int, Role], list[Unloaded]] = field(default_factory=dict)
    without: dict[tuple[int, Role], Counter[str]] = field(default_factory=dict)


def enumerate_candidates(found: list[Setting]) -> list[tuple[Setting, Layouts, int, Counter[str]]]:
    """Valid layouts of every setting, with the counts of what each rule removed."""
    return [(setting, *enumerate_layouts(setting)) for setting in found]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Layouts of one setting with the roles they are priced in."""

    setting: Setting
    layouts: Layouts
    traffic: Traffic
    roles: list[tuple[Role, HandOver | None]]

    @property
    def variants(self) -> int:
        """Candidates per layout: one for every role, token budget and pool that caches are sent to."""
        return sum(len(token_budgets(self.setting, role, self.traffic)) for role, _ in self.roles)


def _price_roles(
    task: _Task, confidence: str, needed: int | None
) -> Iterator[tuple[Role, HandOver | None, RolePricing]]:
    """Every role of a setting, with every pool its caches may go to."""
    if not len(task.layouts):
        return
    for role, sent in _by_role(task.roles):
        # caches sent to different pools at one speed cost the same
        speeds = list(dict.fromkeys(_speed(hand_over) for hand_over in sent))
        results = price_sent(task.setting, role, task.layouts, task.traffic, speeds, confidence, needed)
        for hand_over in sent:
            yield role, hand_over, results[speeds.index(_speed(hand_over))]


def price_candidates(
    scenario: Scenario,
    sites: list[Site],
    enumerated: list[tuple[Setting, Layouts, int, Counter[str]]],
    traffic: list[Traffic],
) -> Candidates:
    """Highest sustained load of every layout in every role."""
    out, needed = Candidates(), needed_plans(scenario)
    tasks = [
        _Task(
            setting=setting, layouts=layouts, traffic=traffic[setting.deployment_index],
            roles=_roles(scenario, sites, setting, traffic[setting.deployment_index]),
        )
        for setting, layouts, _, _ in enumerated
    ]  # fmt: skip

    def work(task: _Task) -> list[tuple[Role, HandOver | None, RolePricing]]:
        return list(_price_roles(task, scenario.options.slo_confidence, needed))

    results = side_by_side(
        tasks, work, sizes=[float(task.variants * len(task.layouts)) for task in tasks],
        shared=[task.setting for task in tasks], worth=SECOND_PROCESS_FROM,
    )  # fmt: skip
    for task, (_, _, looked_at, dropped), found in zip(tasks, enumerated, results, strict=True):
        out.looked_at += looked_at * task.variants
        out.dropped.update({rule: n * task.variants for rule, n in dropped.items()})
        if "colocated" in (scenario.options.roles or ()) and not splits_sms(task.setting):
            # asked for by name: said, not passed over
            refused = Counter({"rule:engine_colocated": len(task.layouts)})
            out.dropped.update(refused)
            out.without.setdefault((task.setting.deployment_index, "colocated"), Counter()).update(refused)
        for role, hand_over, result in found:
            _note(out, task.setting, role, result)
            if result.priced is not None:
                out.priced.append(replace(result.priced, hand_over=hand_over))
    if any(name in LATENCY for name in scenario.objectives):
        out.priced = [q for p in out.priced for q in each_share(p, scenario.options.slo_confidence)]
        out.priced += [lighter for p in list(out.priced) for lighter in lighter_loads(p, LIGHTER)]
    return out


def needed_plans(scenario: Scenario) -> int | None:
    """Number of plans for which candidates may be dropped on bounds of their rates; None: price them all.

    Bounds tell which candidates are needed where columns differ in devices and rate only: not where latency,
    energy, the time of a start or a cap on power counts, not where replicas are lost with their domain, nor
    where demand follows from the latencies of all candidates.
    """
    by_rate = {*GOODPUT, *MONEY, "min_devices"} >= set(scenario.objectives)
    open_loops = all(
        d.workload.arrival.rate_per_s is not None or d.slo.e2e_s or (d.slo.ttft_s and d.slo.tpot_s)
        for d in scenario.deployments
    )
    capped = scenario.limits.watt is not None or any(
        pool.watt is not None and pool.watt.cap is not None for pool in scenario.cluster.pools
    )
    plain = scenario.reserve.failure is None and not scenario.periods
    return scenario.options.top_k if by_rate and open_loops and plain and not capped else None


def _by_role(
    roles: list[tuple[Role, HandOver | None]],
) -> list[tuple[Role, list[HandOver | None]]]:
    """Roles with all their hand-overs, in order."""
    grouped: dict[Role, list[HandOver | None]] = {}
    for role, hand_over in roles:
        grouped.setdefault(role, []).append(hand_over)
    return list(grouped.items())


def _speed(hand_over: HandOver | None) -> HandOver | None:
    """A hand-over apart from where it leads to."""
    return replace(hand_over, to_pool=-1) if hand_over else None


def _note(out: Candidates, setting: Setting, role: Role, result: RolePricing) -> None:
    key = (setting.deployment_index, role)
    out.valid += result.looked_at
    out.dropped.update({name: n for name, n in result.dropped.items() if n})
    out.unloaded.setdefault(key, []).append(result.unloaded)
    out.without.setdefault(key, Counter()).update(result.dropped)


def roles_of(scenario: Scenario) -> tuple[Role, ...]:
    """Roles the search may use."""
    return scenario.options.roles or DEFAULT_ROLES


def _roles(
    scenario: Scenario, sites: list[Site], setting: Setting, traffic: Traffic
) -> list[tuple[Role, HandOver | None]]:
    """Roles of a setting; a prefill replica once for every pool its caches may go to."""
    asked = roles_of(scenario)
    found: list[tuple[Role, HandOver | None]] = [("aggregated", None)] if "aggregated" in asked else []
    # one token is no answer to decode: its prompt is all there is
    hands_over = traffic.output_tokens >= 2.0 and setting.engine.can("disaggregation")
    if "decode" in asked and "prefill" in asked and hands_over:
        found += [("prefill", h) for h in hand_overs(scenario, sites, setting, traffic)]
        found.append(("decode", None))
    if "colocated" in asked and traffic.output_tokens >= 2.0 and splits_sms(setting):
        found.append(("colocated", None))
    return found


def hand_overs(scenario: Scenario, sites: list[Site], setting: Setting, traffic: Traffic) -> list[HandOver]:
    """Transfer of caches from this setting's pool to every pool."""
    size = prompt_cache_bytes(setting.spec, setting.precision.cache, traffic.input_tokens)
    return [_hand_over(scenario, sites, setting.pool_index, g, size) for g in range(len(sites))]


def _hand_over(
    scenario: Scenario, sites: list[Site], source: int, target: int, request_bytes: float
) -> HandOver:
    """Inside a pool the network of its nodes; between pools a link of the scenario, else the slower network.

    Without a link of its own a pair of pools shares what the smaller one's devices can send together.
    """
    ends = [sites[source], sites[target]]
    slower = min(s.device.scale_out_bytes_per_s for s in ends)
    latency = max(s.device.scale_out_latency_s for s in ends)
    shared = np.inf
    if source != target:
        names = (ends[0].pool.name, ends[1].pool.name)
        links = [k for k in scenario.cluster.links if {k.from_, k.to} == set(names)]
        directed = [k for k in links if (k.from_, k.to) == names] or links
        if directed:
            shared, latency = directed[0].bytes_per_s, latency + directed[0].latency_s
        elif all(s.capacity is not None for s in ends):
            shared = slower * min(s.capacity or 0 for s in ends)
    return HandOver(
        to_pool=target, request_bytes=request_bytes, rank_bytes_per_s=slower, link_bytes_per_s=float(shared),
        latency_s=latency,
    )  # fmt: skip
