"""Candidates of a scenario: every layout of every setting and role, priced, with the reasons for "no"."""

from collections import Counter
from dataclasses import dataclass, field

from models.objective import GOODPUT, LATENCY, MONEY
from models.scenario import Role, Scenario
from planner.colocated import splits_sms
from planner.layouts import Layouts, enumerate_layouts
from planner.pricing import Priced, RolePricing, each_share, lighter_loads
from planner.pricing_tasks import PricingTask, price_task, tasks_of
from planner.setting import Setting, Site
from planner.side_by_side import side_by_side
from planner.step_tables import StepTables, searched
from planner.traffic import Traffic
from planner.unloaded import Unloaded
from planner.variants import Variant

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


def enumerate_candidates(
    found: list[Setting], steps: StepTables | None = None
) -> list[tuple[Setting, Layouts, int, Counter[str]]]:
    """Valid layouts of every setting, with the counts of what each rule removed; with measured ``steps``
    where there are any.
    """
    enumerated = [(setting, *enumerate_layouts(setting)) for setting in found]
    if steps is None:
        return enumerated
    return [
        (steps.applied(setting, searched(setting, layouts)), layouts, looked_at, dropped)
        for setting, layouts, looked_at, dropped in enumerated
    ]


def price_candidates(
    scenario: Scenario,
    sites: list[Site],
    enumerated: list[tuple[Setting, Layouts, int, Counter[str]]],
    traffic: list[Traffic],
) -> Candidates:
    """Highest sustained load of every layout in every role."""
    out, needed = Candidates(), needed_plans(scenario)
    each = [tasks_of(scenario, sites, setting, layouts, traffic) for setting, layouts, _, _ in enumerated]
    tasks = [task for mine in each for task in mine]

    def work(task: PricingTask) -> list[tuple[Variant, RolePricing]]:
        return price_task(task, scenario.options.slo_confidence, needed)

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
