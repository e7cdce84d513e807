"""A change for the terminal: before and after side by side, and one sentence."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.render.quantities import amount, count, dollars, percent
from models.what_if import Outcome, WhatIfAnswer


def print_what_if(answer: WhatIfAnswer, console: Console) -> None:
    """Print both outcomes and what lies between them."""
    from rich.box import SIMPLE_HEAD

    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for name in ("", "before", "after"):
        table.add_column(name)
    rows = zip(_cells(answer.before, answer), _cells(answer.after, answer), strict=True)
    for (name, before), (_, after) in rows:
        table.add_row(escape(name), escape(before), escape(after))
    console.print(table)
    console.print()
    console.print(f"[bold]{escape(answer.statement)}[/bold]")
    if not answer.proven:
        console.print("One of the two is not proven optimal: the difference holds for the plans found.")


def _cells(outcome: Outcome, answer: WhatIfAnswer) -> list[tuple[str, str]]:
    return [
        ("status", outcome.status),
        (f"{answer.objective.name} [{answer.objective.unit}]", amount(outcome.objective_value)),
        ("gap", percent(outcome.gap)),
        ("devices", "–" if outcome.devices_used is None else count(outcome.devices_used)),
        ("$/h", "–" if outcome.objective_value is None else dollars(outcome.usd_per_hour)),
        ("W", amount(outcome.watt)),
        ("plan", "\n".join(outcome.groups) or "none"),
    ]
