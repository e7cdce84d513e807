"""``shardwright measure``: times the GPU of this machine and writes the catalogue rows that follow."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.ending import ends_cleanly
from models.errors import InvalidInput

if TYPE_CHECKING:
    from planner.measurement.document import DeviceMeasurement, KernelRow, LinkRow

STDOUT = "-"


@ends_cleanly
def measure(
    out: Annotated[
        str, typer.Option("--out", metavar="OUT.json", help="Where the document goes; - is standard output.")
    ] = STDOUT,
    minutes: Annotated[
        float, typer.Option(help="How long to take at most.", min=0.1, max=600.0, metavar="MINUTES")
    ] = 3.0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer shapes and fewer repeats.")] = False,
    gpu: Annotated[int, typer.Option(help="Index of the GPU to time.", min=0)] = 0,
) -> None:
    """Time kernels, copies and collectives of a GPU, and fit a row of the device catalogue."""
    from models import codec
    from planner.measurement import run
    from planner.measurement.document import Settings
    from planner.measurement.torch_device import open_device

    _check_target(out)
    device = open_device(gpu)
    with _progress_bar() as report:
        measured = run.measure(device, Settings(minutes=minutes, quick=quick), on_progress=report)
    text = codec.to_json(measured) + "\n"
    if out == STDOUT:
        sys.stdout.write(text)
        return
    Path(out).write_text(text, encoding="utf-8")
    typer.echo("\n".join(summary(measured)))


def summary(measured: "DeviceMeasurement") -> list[str]:
    """What was reached and how well the curves fit, a line each."""
    found, row = measured.device, measured.row
    peaks = ", ".join(f"{fmt} {value / 1e12:.0f} TFLOP/s" for fmt, value in row["peak_flop_per_s"].items())
    lines = [
        f"{found.name}: {found.count} on this host, {found.memory_bytes / 2**30:.0f} GiB",
        f"reached: {peaks}; memory {row['memory_bytes_per_s'] / 1e9:.0f} GB/s, "
        f"host link {row['host_bytes_per_s'] / 1e9:.0f} GB/s",
    ]
    fits: Mapping[str, KernelRow | LinkRow] = {**measured.kernels, **measured.links}
    for name, fitted in fits.items():
        lines.append(
            f"{name}: {fitted.points} points, off by {fitted.residual_median_frac:.1%} in the middle, "
            f"{fitted.residual_p90_frac:.1%} at the 90 % quantile"
        )
    lines.append(f"{len(measured.points)} shapes in {measured.wall_s:.0f} s, {len(measured.skipped)} skipped")
    lines += [f"  {reason}: {count}" for reason, count in _reasons(measured).items()]
    return lines


def _reasons(measured: "DeviceMeasurement") -> dict[str, int]:
    counts: dict[str, int] = {}
    for skipped in measured.skipped:
        counts[skipped.reason] = counts.get(skipped.reason, 0) + 1
    return counts


def _check_target(out: str) -> None:
    """Minutes of timing must not be lost to a folder that does not exist."""
    if out == STDOUT:
        return
    if Path(out).is_dir():
        raise InvalidInput(f"--out {out} is a directory", hint="Maybe name a file inside it.")
    if not Path(out).absolute().parent.is_dir():
        raise InvalidInput(f"the folder of --out {out} does not exist", hint="Maybe make it first.")


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, silence anywhere else."""
    from api.render.answer import terminal

    console = terminal(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, what: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[now]}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("measure", total=None, now="starting")

        def report(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, now=what.replace("_", " "))

        yield report
