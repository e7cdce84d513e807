"""Candidates of a scenario: every layout of every setting and role, priced, with the reasons for "no"."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from models.objective import GOODPUT, LATENCY, MONEY
from models.scenario import Role, Scenario
from planner.class_pricing import Sharer, price_shared
from planner.colocated import splits_sms
from planner.hand_over import HandOver
from planner.layouts import Layouts, enumerate_layouts
from planner.pricing import Priced, RolePricing, each_share, lighter_loads, price_sent, token_budgets
from planner.setting import Setting, Site
from planner.side_by_side import side_by_side
from planner.streams import streams_of, tiers_of
from planner.traffic import Traffic
from planner.unloaded import Unloaded
from planner.variants import Variant, variants_of

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
    unloaded: dict[tuple[int, Role], list[Unloaded]] = field(default_factory=dict)  # by stream
    without: dict[tuple[int, Role], Counter[str]] = field(default_factory=dict)  # by deployment


def enumerate_candidates(found: list[Setting]) -> list[tuple[Setting, Layouts, int, Counter[str]]]:
    """Valid layouts of every setting, with the counts of what each rule removed."""
    return [(setting, *enumerate_layouts(setting)) for setting in found]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Layouts of one setting with the variants they are priced as."""

    setting: Setting
    layouts: Layouts
    traffic: Traffic
    variants: list[Variant]
    tier: int
    stream: int

    @property
    def budgets(self) -> int:
        """Candidates per layout: one for every role, token budget and pool that something is sent to."""
        return sum(
            len(token_budgets(v.setting, v.role, self.traffic)) for v in self.variants if v.layouts is None
        )


def _price_task(task: _Task, confidence: str, needed: int | None) -> list[tuple[Variant, RolePricing]]:
    """Every variant of a setting; what is sent to different pools at one speed costs the same."""
    found: list[tuple[Variant, RolePricing]] = []
    for alike in _alike(task.variants):
        first = alike[0]
        rows = task.layouts if first.layouts is None else first.layouts
        if not len(rows):
            continue
        speeds = list(dict.fromkeys(_speed(v.hand_over) for v in alike))
        results = price_sent(first.setting, first.role, rows, task.traffic, speeds, confidence, needed)
        found += [(v, results[speeds.index(_speed(v.hand_over))]) for v in alike]
    return found


@dataclass(frozen=True, kw_only=True)
class _SharedTask:
    """Layouts of one setting on one way through the cluster, shared by several classes of traffic."""

    layouts: Layouts
    sharers: list[Sharer]
    tier: int

    @property
    def variants(self) -> list[Variant]:
        """One for every class."""
        return [s.variant for s in self.sharers]

    @property
    def budgets(self) -> int:
        """Candidates per layout: one for every token budget and class."""
        longest = max((s.traffic for s in self.sharers), key=lambda t: t.new_tokens)
        first = self.sharers[0].variant
        return len(self.sharers) * len(token_budgets(first.setting, first.role, longest))


def _price_any(
    task: _Task | _SharedTask, confidence: str, needed: int | None
) -> list[tuple[Variant, RolePricing]]:
    """A task of either kind; what it finds knows its tier, its stream and where its caches go."""
    if isinstance(task, _SharedTask):
        if not len(task.layouts):
            return []
        result = price_shared(task.sharers, task.layouts, confidence)
        first = task.sharers[0].variant
        return [(first, _marked(result, tier=task.tier))]
    found = _price_task(task, confidence, needed)
    marked = [
        (v, _marked(result, tier=task.tier, stream=task.stream, hand_over=v.hand_over)) for v, result in found
    ]
    return [(v, replace(result, by_class=((task.stream, result.unloaded),))) for v, result in marked]


def _marked(result: RolePricing, **marks: Any) -> RolePricing:
    return replace(result, priced=None if result.priced is None else replace(result.priced, **marks))


def _tasks(
    scenario: Scenario, sites: list[Site], setting: Setting, layouts: Layouts, traffic: list[Traffic]
) -> list[_Task | _SharedTask]:
    """What there is to price of one setting: every tier of its deployment, for all streams it serves."""
    streams = streams_of(scenario)
    tasks: list[_Task | _SharedTask] = []
    for t, tier in enumerate(tiers_of(streams, setting.deployment_index)):
        ways: dict[tuple[Role, int], list[Sharer]] = {}
        for i in tier.members:
            mine = setting
            if setting.deployment.classes:
                mine = replace(setting, deployment=replace(streams[i].deployment, slo=tier.slo))
            variants = variants_of(scenario, sites, mine, traffic[i])
            if len(tier.members) == 1:
                tasks.append(
                    _Task(
                        setting=mine, layouts=layouts, traffic=traffic[i], variants=variants, tier=t, stream=i
                    )
                )
                continue
            rate_per_s = mine.deployment.workload.arrival.rate_per_s
            assert rate_per_s is not None
            for v in variants:
                way = (v.role, v.hand_over.to_pool if v.hand_over else -1)
                ways.setdefault(way, []).append(
                    Sharer(stream=i, rate_per_s=rate_per_s, traffic=traffic[i], variant=v)
                )
        tasks += [_SharedTask(layouts=layouts, sharers=s, tier=t) for s in ways.values()]
    return tasks


def _alike(variants: list[Variant]) -> list[list[Variant]]:
    """Variants that differ in their hand-over only, together."""
    grouped: dict[object, list[Variant]] = {}
    for variant in variants:
        grouped.setdefault((variant.role, variant.setting.images), []).append(variant)
    return list(grouped.values())


def _speed(hand_over: HandOver | None) -> HandOver | None:
    """A hand-over apart from where it leads to."""
    return replace(hand_over, to_pool=-1) if hand_over else None


def price_candidates(
    scenario: Scenario,
    sites: list[Site],
    enumerated: list[tuple[Setting, Layouts, int, Counter[str]]],
    traffic: list[Traffic],
) -> Candidates:
    """Highest sustained load of every layout in every role."""
    out, needed = Candidates(), needed_plans(scenario)
    each = [_tasks(scenario, sites, setting, layouts, traffic) for setting, layouts, _, _ in enumerated]
    tasks = [task for mine in each for task in mine]

    def work(task: _Task | _SharedTask) -> list[tuple[Variant, RolePricing]]:
        return _price_any(task, scenario.options.slo_confidence, needed)

    results = side_by_side(
        tasks, work, sizes=[float(task.budgets * len(task.layouts)) for task in tasks],
        shared=[v.setting for task in tasks for v in task.variants], worth=SECOND_PROCESS_FROM,
    )  # fmt: skip
    for mine, (setting, layouts, looked_at, dropped) in zip(each, enumerated, strict=True):
        budgets = sum(task.budgets for task in mine)
        out.looked_at += looked_at * budgets
        out.dropped.update({rule: n * budgets for rule, n in dropped.items()})
        if "colocated" in (scenario.options.roles or ()) and not splits_sms(setting):
            # asked for by name: said, not passed over
            refused = Counter({"rule:engine_colocated": len(layouts)})
            out.dropped.update(refused)
            out.without.setdefault((setting.deployment_index, "colocated"), Counter()).update(refused)
    for variant, result in (pair for found in results for pair in found):
        _note(out, variant, result)
        if result.priced is not None:
            out.priced.append(result.priced)
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


def _note(out: Candidates, variant: Variant, result: RolePricing) -> None:
    key = (variant.setting.deployment_index, variant.role)
    out.valid += result.looked_at
    if variant.layouts is not None:
        out.looked_at += result.looked_at
    out.dropped.update({name: n for name, n in result.dropped.items() if n})
    for stream, unloaded in result.by_class:
        out.unloaded.setdefault((stream, variant.role), []).append(unloaded)
    out.without.setdefault(key, Counter()).update(result.dropped)
