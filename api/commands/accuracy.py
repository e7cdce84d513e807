"""``shardwright accuracy``: predictions against measured serving runs, in sample and left out."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.ending import ends_cleanly

if TYPE_CHECKING:
    from planner.calibration.accuracy import Accuracy

DIRECTORY = "SHARDWRIGHT_DATA_DIR"


@ends_cleanly
def command(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help=f"Holds calibration/accuracy_rows.jsonl; else ${DIRECTORY}."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the shipped fit; no family or device is left out.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The tables of docs/accuracy.md.")] = False,
) -> None:
    """Compare predictions with measured serving runs: errors, bands, regret.

    Three ways: as shipped (in sample), by a fit without the row's family of models, and by a fit without
    its device. Rows suspected of speculative decoding are never fitted to.
    """
    from planner.calibration import accuracy_tables, measured_rows

    rows = measured_rows.read_directory(data or Path(os.environ.get(DIRECTORY, ".")))
    found = _measured(rows, folds=not quick, silent=as_json or as_markdown)
    if as_json:
        typer.echo(json.dumps(accuracy_tables.as_document(found)))
    elif as_markdown:
        typer.echo(accuracy_tables.markdown(found), nl=False)
    else:
        _show(found)


def _measured(rows: tuple, *, folds: bool, silent: bool) -> "Accuracy":  # type: ignore[type-arg]
    from rich.console import Console
    from rich.progress import Progress

    from planner.calibration import accuracy
    from planner.calibration.folds import folds as folds_of

    labels = (accuracy.family_of, accuracy.device_of)
    count = sum(len(list(folds_of([label(r) for r in rows]))) for label in labels) if folds else 0
    with Progress(console=Console(stderr=True), disable=silent, transient=True) as bar:
        task = bar.add_task("leaving out", total=count or None)
        return accuracy.measure(rows, folds=folds, on_fold=lambda name: bar.advance(task))


def _show(found: "Accuracy") -> None:
    from rich.console import Console
    from rich.table import Table

    from planner.calibration import accuracy_tables

    console = Console()
    console.print(
        f"{len(found.rows):,} measured rows; |predicted/measured − 1|: median / p90 / bias, in band"
    )
    lines = {"": list(accuracy_tables.summary(found)), "by ": list(accuracy_tables.groups(found))}
    for prefix, mine in lines.items():
        for grouping in dict.fromkeys(line.grouping for line in mine):
            table = Table(title=f"{prefix}{grouping}", title_justify="left", box=None, pad_edge=False)
            for head in (grouping, "rows", "metric", *(c.name for c in found.checks)):
                table.add_column(head, justify="left" if head in (grouping, "metric") else "right")
            chosen = [line for line in mine if line.grouping == grouping]
            for group in dict.fromkeys(line.group for line in chosen):
                for metric in ("tpot_s", "ttft_s"):
                    cells = [x.figures for x in chosen if x.group == group and x.metric == metric]
                    table.add_row(
                        group, f"{cells[0].rows:,}", metric[:4].upper(), *map(accuracy_tables.cell, cells)
                    )
            console.print(table)
    base = found.rows_sets()["not suspected"]
    for check in found.checks:
        choice = found.choice(check, base)
        console.print(
            f"{check.name}: the predicted best of {choice.questions} lies {choice.median_frac:.1%} "
            f"(p90 {choice.p90_frac:.1%}) below the measured one; "
            f"rank correlation {choice.rank_correlation:.2f}"
        )
