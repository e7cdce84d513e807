"""Calibration files: text to a checked calibration."""

from typing import Any

from models import codec
from models.calibration import Calibration
from models.errors import InvalidInput
from planner.importers import document
from planner.setting import resolve_calibration


def read(text: str | bytes) -> Calibration:
    """Calibration of a JSON or YAML text.

    Raises
    ------
    InvalidInput
        With every fault at once, each with a JSON pointer.
    """
    return from_document(document.read(text))


def from_document(content: Any) -> Calibration:
    """Calibration of plain dictionaries and lists, its devices named as in the catalogue."""
    if not isinstance(content, dict):
        raise InvalidInput(
            "a calibration is an object with systems and parameters",
            hint="Maybe the file is empty, or a benchmark result: shardwright calibrate reads those.",
        )
    found = resolve_calibration(codec.from_plain(Calibration, content), "")
    assert found is not None
    return found
