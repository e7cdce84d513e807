"""``shardwright predict``: price fixed configurations, one JSON object a line, as a stream."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import IO, Annotated, Any

import typer

from api.commands.ending import ends_cleanly
from api.commands.reading import read_calibration
from api.commands.step_grids_option import StepGrids
from models.errors import InvalidInput, TooLarge

BATCH_LINES = 4096
MAX_LINE_BYTES = 1_000_000


@ends_cleanly
def command(
    rows: Annotated[
        str, typer.Option("--in", metavar="ROWS.jsonl", help="Rows to price; - is standard input.")
    ] = "-",
    out: Annotated[
        str, typer.Option("--out", metavar="OUT.jsonl", help="Where answers go; - is standard output.")
    ] = "-",
    calibration: Annotated[
        str | None, typer.Option(metavar="FILE", help="Calibration that corrects the predictions.")
    ] = None,
    step_grids: StepGrids = None,
) -> None:
    """Price fixed configurations, one JSON object a line."""
    from planner.predict import predict

    _refuse_same_file(rows, out)
    corrected = None if calibration is None else read_calibration(calibration)
    steps = None
    if step_grids is not None:
        from planner.cost_sources.grid_store import GridStore

        steps = GridStore(step_grids)
    with ExitStack() as stack:
        source = sys.stdin.buffer if rows == "-" else stack.enter_context(open(rows, "rb"))
        batches = _batches(source, "standard input" if rows == "-" else rows)
        first = next(batches, [])  # an unreadable first line leaves an existing answer file alone
        target = sys.stdout if out == "-" else stack.enter_context(open(out, "w", encoding="utf-8"))
        for batch in chain([first], batches):
            target.writelines(
                json.dumps(row, allow_nan=False) + "\n" for row in predict(batch, corrected, steps)
            )
            target.flush()


def _refuse_same_file(rows: str, out: str) -> None:
    if "-" not in (rows, out) and os.path.exists(out) and os.path.samefile(rows, out):
        raise InvalidInput(f"--in and --out are the same file {out}", hint="Maybe write to another file.")


def _batches(source: IO[bytes], name: str) -> Iterator[list[dict[str, Any]]]:
    """Rows in groups; those before an unreadable line are still handed out."""
    batch: list[dict[str, Any]] = []
    try:
        for row in _objects(source, name):
            batch.append(row)
            if len(batch) == BATCH_LINES:
                yield batch
                batch = []
    except InvalidInput:
        yield batch
        raise
    yield batch


def _objects(source: IO[bytes], name: str) -> Iterator[dict[str, Any]]:
    """Each line as an object; empty lines are skipped."""
    number = 0
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise TooLarge(f"{name}: line {number} has more than {MAX_LINE_BYTES} bytes")
        if line.strip():
            yield _object(line, name, number)


def _object(line: bytes, name: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_not_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name}: line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput(f"{name}: line {number} is not a JSON object but {type(value).__name__}")
    return value


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number")
    return value
