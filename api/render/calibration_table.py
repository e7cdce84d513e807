"""A calibration for the terminal: errors before and after, and every point it was fitted to."""

from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.render.quantities import amount, duration, percent
from models.calibration import METRICS, Calibration
from planner.calibrate import Calibrated, points

MOST_POINTS = 40
"""Points of a file that are shown one by one; of more, only the count."""
MOST_REFUSED = 20


def print_calibration(made: Calibrated, console: Console) -> None:
    """Print everything a reader needs to judge the calibration."""
    calibration = made.fit.calibration
    console.print(f"[bold]{escape(calibration.name)}[/bold]  {escape(_used(made))}")
    console.print()
    console.print(_errors(calibration))
    for file, form in made.formats:
        if file in made.files:
            console.print()
            console.print(f"{escape(file)} ({form})")
            console.print(_points(made, file))
    console.print()
    for line in _closing(made):
        console.print(escape(line), style="dim")


def _used(made: Calibrated) -> str:
    used, files = len(made.files), len({file for file, _ in made.formats})
    left = f", {len(made.refused)} not" if made.refused else ""
    return f"{points(used)} of {files} file{'s' * (files > 1)} used{left}"


def _errors(calibration: Calibration) -> Table:
    table = _table("median error", "before", "after", "left out", "80 % of measurements lie within")
    for metric in METRICS:
        error, (low, high) = calibration.error_frac[metric], calibration.error_band_frac[metric]
        table.add_row(
            metric.removesuffix("_s").upper(),
            percent(error.before_frac, 1),
            percent(error.after_frac, 1),
            percent(error.left_out_frac, 1),
            f"{percent(low, 0)}–{percent(high, 0)} of the prediction",
        )
    return table


def _points(made: Calibrated, file: str) -> Table:
    """Measured times, and by how much the prediction is off before and after."""
    columns = ("TTFT", "before", "after", "TPOT", "before", "after")
    table = _table("configuration", "concurrency", "tokens in", "out", *columns)
    fit = made.fit
    members = [i for i, own in enumerate(made.files) if own == file]
    for i in members[:MOST_POINTS]:
        measured = fit.rows[i]
        row, group = measured.row, measured.row.groups[0]
        model = str(row.model).split("/")[-1]
        table.add_row(
            escape(f"{model} on {group.replicas} × {group.parallelism.short()} {row.device}"),
            amount(row.concurrency),
            amount(row.input_tokens),
            amount(row.output_tokens),
            duration(measured.ttft_s),
            _off(fit.before.ttft[i]),
            _off(fit.after.ttft[i]),
            duration(measured.tpot_s),
            _off(fit.before.tpot[i]),
            _off(fit.after.tpot[i]),
        )
    if len(members) > MOST_POINTS:
        table.add_row(f"and {len(members) - MOST_POINTS} more")
    return table


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD

    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, header_style="bold", show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    return table


def _off(residual: float) -> str:
    """Predicted over measured, as a signed percentage."""
    text = f"{np.expm1(residual) * 100:+.0f} %"
    return "0 %" if text in ("+0 %", "-0 %") else text


def _closing(made: Calibrated) -> Iterator[str]:
    calibration = made.fit.calibration
    for system in calibration.systems:
        version = f" {', '.join(system.versions)}" if system.versions else ", any version"
        yield (
            f"Holds for: {system.device} under {system.engine}{version} "
            f"({points(system.points)} of {', '.join(system.models)}); elsewhere the shipped fit stays"
        )
    yield from (f"Warning:   {words}" for words in warnings(calibration))
    for each in made.refused[:MOST_REFUSED]:
        yield f"Not used:  {each.file} point {each.number} {each.reason}"
    if len(made.refused) > MOST_REFUSED:
        yield f"Not used:  and {len(made.refused) - MOST_REFUSED} more"


FEW_POINTS = 5
FAR_OFF_FRAC = 2.0


def warnings(calibration: Calibration) -> Iterator[str]:
    """What makes the calibration worth less than it looks."""
    if calibration.points < FEW_POINTS:
        yield f"{points(calibration.points)} can say little; ten of other concurrency and lengths say a lot"
    for metric in METRICS:
        error, name = calibration.error_frac[metric], metric.removesuffix("_s").upper()
        if error.left_out_frac is None:
            yield f"all points are one configuration: how well {name} carries over to others is not known"
        elif error.left_out_frac >= error.before_frac and error.before_frac > 0:
            yield f"points left out have no smaller error in {name} than before"
        if error.before_frac > FAR_OFF_FRAC:
            yield f"{name} was off by {percent(error.before_frac, 0)}: maybe unit, tp or precision differ"
