"""What stands beside the plans: points of a trade-off, periods of a day, what more would bring."""

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from api.render.quantities import amount, count, dollars, percent
from models.objective import OBJECTIVES
from models.plan import Plan, RankedPlans


def frontier_table(answer: RankedPlans) -> Table:
    """Both objectives of every point, its gap, and the rank of its plan."""
    table = _table()
    names = list(answer.frontier[0].values)
    for name in names:
        table.add_column(escape(f"{name} [{OBJECTIVES[name][0]}]"), justify="right")
    for name in ("bound", "gap", "plan"):
        table.add_column(name, justify="right")
    rank = {plan.id: plan.rank for plan in answer.plans}
    for point in answer.frontier:
        values = [amount(point.values[name]) for name in names]
        table.add_row(*values, amount(point.bound), percent(point.gap), str(rank.get(point.plan_id, "–")))
    return table


def period_table(plan: Plan) -> Table:
    """Every period of a day: requests, replicas of each group and how many start, devices, money, power."""
    table = _table()
    table.add_column("period")
    table.add_column("hours", justify="right")
    table.add_column("request/s")
    for group in plan.groups:
        name = f"{group.deployment}\n{group.parallelism.short()} {group.role}"
        table.add_column(escape(name), justify="right")
    for name in ("devices", "$/h", "W"):
        table.add_column(name, justify="right")
    for period in plan.periods:
        rates = "\n".join(f"{name} {amount(rate)}" for name, rate in period.request_per_s.items())
        counts = [
            f"{n} (+{started})" if started else str(n)
            for n, started in zip(period.replicas, period.starts, strict=True)
        ]
        table.add_row(
            escape(period.name), f"{period.hours:g}", rates, *counts, count(period.devices_used),
            dollars(period.usd_per_hour), amount(period.watt),
        )  # fmt: skip
    return table


def sensitivity_lines(answer: RankedPlans) -> Iterator[str]:
    """One statement a line; those without proof say so."""
    for row in answer.sensitivities:
        yield f"If:       {row.statement}" + ("" if row.proven else " (not proven optimal)")


def _table() -> Table:
    from rich.box import SIMPLE_HEAD

    return Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
