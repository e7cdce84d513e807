"""Ranked plans as one table: a row per group of replicas, the latencies beside what was asked."""

from rich.table import Table
from rich.text import Text

from api.render.differences import new_groups
from api.render.quantities import amount, dollars, percent
from api.render.verdict import WORDS, Latency, latencies, slo_of
from models.plan import Group, Plan, RankedPlans
from models.precision import Precision

CHIP_STYLES = {"met": "bold green", "near_miss": "bold yellow", "missed": "bold red"}


def plan_table(answer: RankedPlans) -> Table:
    """The table; one section per plan."""
    from rich.box import SIMPLE_HEAD

    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column(answer.objective.unit, justify="right", no_wrap=True)
    table.add_column("gap", justify="right", no_wrap=True)
    table.add_column("devices", justify="right", no_wrap=True)
    table.add_column("replicas × parallelism", no_wrap=True)
    if shared_place(answer) is None:
        table.add_column("pool and precision")
    table.add_column("latency")
    table.add_column("SLO")
    table.add_column("$/h", justify="right", no_wrap=True)
    for plan in answer.plans:
        _add(table, plan, answer)
    return table


def shared_place(answer: RankedPlans) -> str | None:
    """Pool and precision of all groups of all plans, where they are the same; None where they differ."""
    places = {_place(group) for plan in answer.plans for group in plan.groups}
    return places.pop() if len(places) == 1 else None


def _place(group: Group) -> str:
    return f"{group.pool}, {precision_words(group.precision)}"


def _add(table: Table, plan: Plan, answer: RankedPlans) -> None:
    """The groups of a plan on the left, its latencies on the right, as many rows as the longer has."""
    several = len(plan.predicted) > 1
    differs = new_groups(plan, answer.plans[0])
    shared = shared_place(answer) is not None
    left: list[tuple[Text | str, ...]] = [
        (_layout(group, several, new), *([] if shared else [_place(group)]))
        for group, new in zip(plan.groups, differs, strict=True)
    ]
    right = [cells for name in plan.predicted for cells in _latency_cells(plan, name, answer, several)]
    height = max(len(left), len(right))
    left += [(Text(), *([] if shared else [""]))] * (height - len(left))
    right += [("", Text())] * (height - len(right))
    for i, (group, latency) in enumerate(zip(left, right, strict=True)):
        first, last = i == 0, i == height - 1
        table.add_row(
            str(plan.rank) if first else "",
            amount(plan.objective_value) if first else "",
            percent(plan.gap) if first else "",
            f"{plan.devices_used} of {plan.devices_used + plan.devices_idle}" if first else "",
            *group,
            *latency,
            dollars(plan.cost.usd_per_hour) if first else "",
            end_section=last,
        )


def _layout(group: Group, several: bool, new: bool) -> Text:
    """How many replicas, cut how, for what; bold where the best plan has no such group."""
    owner = f"{group.deployment}: " if several else ""
    carried = [name for name, rate_per_s in group.class_request_per_s.items() if rate_per_s > 0.0]
    what = f" ({', '.join(carried)})" if carried else ""
    layout = f"{owner}{group.replicas} × {group.parallelism.short()} {group.role_words}{what}"
    return Text(layout, style="bold" if new else "")


def precision_words(precision: Precision) -> str:
    """Formats in one breath; experts only where they differ."""
    experts = f" experts {precision.experts}" if precision.experts != precision.weights else ""
    return f"{precision.weights}{experts}, kv {precision.kv}"


def _latency_cells(plan: Plan, deployment: str, answer: RankedPlans, several: bool) -> list[tuple[str, Text]]:
    rows = latencies(plan, deployment, slo_of(answer.scenario, deployment))
    owner = f"{deployment}: " if several else ""
    chips = [_chip(plan, deployment) if i == 0 else Text() for i in range(len(rows))]
    for row, chip in zip(rows, chips, strict=True):
        chip.append(", " * bool(chip.plain and row.margin_words) + row.margin_words, style="default")
    return [(owner + _words(row), chip) for row, chip in zip(rows, chips, strict=True)]


def _words(row: Latency) -> str:
    return f"{row.label} {row.words}"


def _chip(plan: Plan, deployment: str) -> Text:
    verdict = plan.slo.get(deployment)
    if verdict is None or not verdict.margins_frac:
        return Text("none asked", style="dim")
    return Text.assemble((WORDS[verdict.status], CHIP_STYLES[verdict.status]))
