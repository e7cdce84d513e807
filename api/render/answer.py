"""A whole answer for the terminal: status, table, reasons, search."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from api.render.beside_plans import frontier_table, period_table, sensitivity_lines
from api.render.infeasible import infeasible_lines
from api.render.plan_table import plan_table, shared_place
from api.render.quantities import percent
from api.render.summary import dropped_line, headline, proof_line, search_line
from api.render.verdict import MEANINGS
from models.plan import RankedPlans

STYLES = {"optimal": "bold green", "feasible": "bold yellow", "infeasible": "bold red"}
WIDTH_IN_A_PIPE = 132
LABEL_WIDTH = len("Searched: ")


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Terminal(Console):
    """A console that reports a reader gone away as what it is, and takes no orders from names in a file."""

    def render_str(self, text: str, **more: Any) -> Text:
        """Text without characters that would move the cursor, colour the screen or turn lines around."""
        return super().render_str(_CONTROL.sub("\ufffd", text), **more)

    def on_broken_pipe(self) -> None:
        """Leave the ending to the command."""
        raise BrokenPipeError


def terminal(*, stderr: bool = False) -> Console:
    """A console that keeps its tables whole when the output is a pipe or a file."""
    console = _Terminal(stderr=stderr, highlight=False)
    return (
        console if console.is_terminal else _Terminal(stderr=stderr, highlight=False, width=WIDTH_IN_A_PIPE)
    )


def print_answer(answer: RankedPlans, console: Console) -> None:
    """Print everything a reader needs to judge the answer."""
    style = STYLES.get(answer.status, "bold red")
    console.print(f"[bold]{escape(answer.scenario.name)}[/bold]  [{style}]{headline(answer)}[/{style}]")
    console.print(escape(proof_line(answer)))
    if answer.plans:
        console.print()
        console.print(plan_table(answer))
        if place := shared_place(answer):
            console.print(escape(f"All groups: {place}"))
    if answer.frontier:
        console.print("\n[bold]Trade-off[/bold]")
        console.print(frontier_table(answer))
    if answer.plans and answer.plans[0].periods:
        console.print("\n[bold]Plan 1 over the day[/bold]  (+n: replicas that start for the period)")
        console.print(period_table(answer.plans[0]))
    if answer.infeasibility is not None:
        console.print("\n".join(escape(line) for line in infeasible_lines(answer.infeasibility)))
    for line in _reasons(answer):
        console.print(escape(hanging(line, console.width)), style="dim")


def hanging(line: str, width: int) -> str:
    """A long line wrapped below its text, not below its label."""
    indent = " " * LABEL_WIDTH
    return textwrap.fill(line, max(width, 4 * LABEL_WIDTH), subsequent_indent=indent, break_on_hyphens=False)


def _reasons(answer: RankedPlans) -> Iterator[str]:
    if answer.plans:
        best = answer.plans[0]
        yield f"Plan 1:   {best.explanation.bottleneck}"
        yield from (f"  binding {reason}" for reason in best.explanation.binding)
        yield from (f"  why not {reason}" for reason in best.explanation.why_not)
        yield from (f"  warning {text}" for text in best.explanation.warnings)
        yield from sensitivity_lines(answer)
        yield f"Evidence: {best.evidence.kind}{_band_words(best.evidence.error_band_frac)}"
    seen = {verdict.status for plan in answer.plans for verdict in plan.slo.values()}
    yield from (f"SLO:      {words}" for status, words in MEANINGS.items() if status in seen)
    yield f"Searched: {search_line(answer)}"
    if dropped := dropped_line(answer):
        yield f"Dropped:  {dropped}"
    yield from (f"Note:     {note}" for note in answer.search.notes)


def _band_words(bands: object) -> str:
    rows = dict(bands) if isinstance(bands, dict) else {}
    words = [
        f"{name.removesuffix('_s').upper()} {percent(low, 0)}–{percent(high, 0)}"
        for name, (low, high) in rows.items()
    ]
    return f"; 80 % of measurements lie within {', '.join(words)} of the prediction" if words else ""


def one_line(answer: RankedPlans) -> str:
    """Status and best plan in one line, for batches."""
    layout = ", ".join(
        f"{g.replicas} × {g.parallelism.short()} {g.role_words}"
        for plan in answer.plans[:1]
        for g in plan.groups
    )
    return f"{answer.scenario.name}: {answer.status} · {proof_line(answer)}" + (
        f" · {layout}" if layout else ""
    )
