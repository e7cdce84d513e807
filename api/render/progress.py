"""A progress bar on a terminal, silence anywhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape

from api.render.answer import terminal
from api.render.quantities import amount, percent

Report = Callable[[str, dict[str, float | None]], None]
PHASES = ("validating", "enumerating", "building_graph", "solving", "ranking")


def phase_words(phase: str, figures: dict[str, float | None]) -> str:
    """What is going on, with incumbent and gap once there are any."""
    words = phase.replace("_", " ")
    if figures.get("incumbent") is None:
        return words
    return f"{words}: best {amount(figures['incumbent'])}, gap {percent(figures.get('gap'))}"


@contextmanager
def progress_bar(scenarios: int) -> Iterator[Callable[[str], Report]]:
    """Yield a function that starts a scenario by name and returns what its phases are reported to."""
    console = terminal(stderr=True)
    if not console.is_terminal:
        yield lambda name: lambda phase, figures: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[now]}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("plan", total=scenarios * len(PHASES), now="reading")
        done = iter(range(0, scenarios * len(PHASES), len(PHASES)))

        def start(name: str) -> Report:
            base = next(done)

            def report(phase: str, figures: dict[str, float | None]) -> None:
                step = PHASES.index(phase) if phase in PHASES else 0
                bar.update(task, completed=base + step, now=f"{name}: {phase_words(phase, figures)}")

            report("validating", {})
            return report

        yield start


@contextmanager
def parts_bar(name: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield what is told each part of one long call, with how many are done of how many; None in a pipe."""
    console = terminal(stderr=True)
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[now]}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None, now=name)
        yield lambda what, done, parts: bar.update(
            task, completed=done, total=parts, now=f"{name}: {escape(what)}"
        )
