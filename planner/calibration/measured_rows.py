"""Measured serving configurations: a row of ``predict`` each, with its time to first token and per token."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import codec
from models.errors import InvalidInput
from models.prediction import PredictRow

FILE = Path("calibration") / "accuracy_rows.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """One measured configuration.

    Attributes
    ----------
    row : PredictRow
        The configuration as ``predict`` takes it.
    ttft_s, tpot_s : float
        Measured means [s].
    family : str
        Family of models it belongs to; folds are cut by it, never by row.
    suspected : bool
        Speculative decoding is suspected: its times are not those of plain decoding.
    """

    row: PredictRow
    ttft_s: float
    tpot_s: float
    family: str
    suspected: bool

    @property
    def aggregated(self) -> bool:
        """Both phases on the same replica."""
        return len(self.row.groups) == 1


def read(lines: Iterable[str]) -> tuple[MeasuredRow, ...]:
    """Measured rows from JSON Lines.

    Raises
    ------
    InvalidInput
        A line that is no such row; the message names the line.
    """
    return tuple(_one(i, line) for i, line in enumerate(lines, 1) if line.strip())


def _one(number: int, line: str) -> MeasuredRow:
    try:
        content: dict[str, Any] = json.loads(line)
        measured = content["measured"]
        return MeasuredRow(
            row=codec.from_plain(PredictRow, content["row"]),
            ttft_s=float(measured["ttft_s"]),
            tpot_s=float(measured["tpot_s"]),
            family=str(content["family"]),
            suspected=content.get("speculation") == "suspected",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"line {number} is no measured row: {error}",
            hint="Maybe it lacks row, measured.ttft_s, measured.tpot_s or family.",
        ) from error


def read_directory(data: Path) -> tuple[MeasuredRow, ...]:
    """The measured rows of a data directory.

    Raises
    ------
    InvalidInput
        The directory holds no such file.
    """
    path = data / FILE
    if not path.is_file():
        raise InvalidInput(
            f"{path} does not exist",
            pointer="--data",
            hint="Maybe --data or SHARDWRIGHT_DATA_DIR should name the directory that holds calibration/.",
        )
    return read(path.read_text().splitlines())
