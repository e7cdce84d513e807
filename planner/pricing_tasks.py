"""What there is to price: layouts of a setting for one stream, or for several classes that share them."""

from dataclasses import dataclass, replace
from typing import Any

from models.scenario import Role, Scenario
from planner.class_pricing import Sharer, price_shared
from planner.hand_over import HandOver
from planner.layouts import Layouts
from planner.pricing import RolePricing, price_sent, token_budgets
from planner.setting import Setting, Site
from planner.streams import streams_of, tiers_of
from planner.traffic import Traffic
from planner.variants import Variant, variants_of


@dataclass(frozen=True, kw_only=True)
class PlainTask:
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


def _price_variants(
    task: PlainTask, confidence: str, needed: int | None
) -> list[tuple[Variant, RolePricing]]:
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
class SharedTask:
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


PricingTask = PlainTask | SharedTask


def price_task(task: PricingTask, confidence: str, needed: int | None) -> list[tuple[Variant, RolePricing]]:
    """A task of either kind; what it finds knows its tier, its stream and where its caches go."""
    if isinstance(task, SharedTask):
        if not len(task.layouts):
            return []
        result = price_shared(task.sharers, task.layouts, confidence)
        first = task.sharers[0].variant
        return [(first, _marked(result, tier=task.tier))]
    found = _price_variants(task, confidence, needed)
    marked = [
        (v, _marked(result, tier=task.tier, stream=task.stream, hand_over=v.hand_over)) for v, result in found
    ]
    return [(v, replace(result, by_class=((task.stream, result.unloaded),))) for v, result in marked]


def _marked(result: RolePricing, **marks: Any) -> RolePricing:
    return replace(result, priced=None if result.priced is None else replace(result.priced, **marks))


def tasks_of(
    scenario: Scenario, sites: list[Site], setting: Setting, layouts: Layouts, traffic: list[Traffic]
) -> list[PricingTask]:
    """What there is to price of one setting: every tier of its deployment, for all streams it serves."""
    streams = streams_of(scenario)
    tasks: list[PricingTask] = []
    for t, tier in enumerate(tiers_of(streams, setting.deployment_index)):
        ways: dict[tuple[Role, int], list[Sharer]] = {}
        for i in tier.members:
            mine = setting
            if setting.deployment.classes:
                mine = replace(setting, deployment=replace(streams[i].deployment, slo=tier.slo))
            variants = variants_of(scenario, sites, mine, traffic[i])
            if len(tier.members) == 1:
                tasks.append(
                    PlainTask(
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
        tasks += [SharedTask(layouts=layouts, sharers=s, tier=t) for s in ways.values()]
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
