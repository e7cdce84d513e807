"""Candidates of a scenario: every layout of every setting and role, priced, with the reasons for "no"."""

from collections import Counter
from dataclasses import dataclass, field, replace

from models.objective import LATENCY
from models.scenario import Role, Scenario
from planner.colocated import splits_sms
from planner.hand_over import HandOver
from planner.image_work import ImageWork
from planner.layouts import Layouts, enumerate_layouts
from planner.pricing import Priced, RolePricing, Unloaded, each_share, lighter_loads, price, token_budgets
from planner.setting import Setting, Site
from planner.traffic import Traffic
from planner.variants import Variant, variants_of

Alike = dict[tuple[Role, ImageWork | None, HandOver], RolePricing]
"""Prices of one setting's replicas that send something, by what they send and how fast."""
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


def price_candidates(
    scenario: Scenario,
    sites: list[Site],
    enumerated: list[tuple[Setting, Layouts, int, Counter[str]]],
    traffic: list[Traffic],
) -> Candidates:
    """Highest sustained load of every layout in every role."""
    out = Candidates()
    for setting, layouts, looked_at, dropped in enumerated:
        mine, confidence = traffic[setting.deployment_index], scenario.options.slo_confidence
        variants = variants_of(scenario, sites, setting, mine)
        budgets = sum(len(token_budgets(v.setting, v.role, mine)) for v in variants if v.layouts is None)
        out.looked_at += looked_at * budgets
        out.dropped.update({rule: n * budgets for rule, n in dropped.items()})
        if "colocated" in (scenario.options.roles or ()) and not splits_sms(setting):
            # asked for by name: said, not passed over
            refused = Counter({"rule:engine_colocated": len(layouts)})
            out.dropped.update(refused)
            out.without.setdefault((setting.deployment_index, "colocated"), Counter()).update(refused)
        alike: Alike = {}
        for variant in variants:
            rows = layouts if variant.layouts is None else variant.layouts
            if not len(rows):
                continue
            result = _priced(variant, rows, mine, confidence, alike)
            _note(out, variant, result)
            if result.priced is not None:
                out.priced.append(replace(result.priced, hand_over=variant.hand_over))
    if any(name in LATENCY for name in scenario.objectives):
        out.priced = [q for p in out.priced for q in each_share(p, scenario.options.slo_confidence)]
        out.priced += [lighter for p in list(out.priced) for lighter in lighter_loads(p, LIGHTER)]
    return out


def _priced(
    variant: Variant, layouts: Layouts, traffic: Traffic, confidence: str, alike: Alike
) -> RolePricing:
    """Price of a variant; what is sent to different pools at one speed costs the same."""
    setting, role, hand_over = variant.setting, variant.role, variant.hand_over
    if hand_over is None:
        return price(setting, role, layouts, traffic, None, confidence)
    key = (role, setting.images, replace(hand_over, to_pool=-1))
    if key not in alike:
        alike[key] = price(setting, role, layouts, traffic, hand_over, confidence)
    return alike[key]


def _note(out: Candidates, variant: Variant, result: RolePricing) -> None:
    key = (variant.setting.deployment_index, variant.role)
    out.valid += result.looked_at
    if variant.layouts is not None:
        out.looked_at += result.looked_at
    out.dropped.update({name: n for name, n in result.dropped.items() if n})
    out.unloaded.setdefault(key, []).append(result.unloaded)
    out.without.setdefault(key, Counter()).update(result.dropped)
