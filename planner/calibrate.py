"""Benchmark files in, a calibration out: what was used, what was not and why, how far it gets."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from models.errors import Fault, InvalidInput, TooLarge
from planner.calibration import user_fit, user_rows
from planner.calibration.told import Told, canonical
from planner.calibration.user_fit import UserFit
from planner.calibration.user_rows import Refused, UserRows

SHOWN_REASONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A fit to the points of some files; ``files`` names the file of each row of the fit."""

    fit: UserFit
    files: tuple[str, ...]
    formats: tuple[tuple[str, str], ...]
    refused: tuple[Refused, ...]


def calibrate(
    texts: Iterable[tuple[str, str]], told: Told, *, name: str, most_points: int = user_fit.MOST_POINTS
) -> Calibrated:
    """Calibrate on result files, each a name and its text.

    Raises
    ------
    InvalidInput
        A file of no known format, or no point that can be used: then every reason is told.
    TooLarge
        More than ``most_points`` points.
    """
    read, told = UserRows(), canonical(told)
    for file, text in texts:
        read += user_rows.read(text, file, told)
    if not read.rows:
        raise _nothing_used(read.refused)
    if len(read.rows) > most_points:
        raise TooLarge(f"{len(read.rows)} measured points, more than {most_points}")
    counts = Counter(read.files)
    sources = [f"{file} ({form}, {points(counts[file])})" for file, form in read.formats if counts[file]]
    return Calibrated(
        fit=user_fit.fit(read.rows, name=name, sources=sources),
        files=read.files,
        formats=read.formats,
        refused=read.refused,
    )


def _nothing_used(refused: tuple[Refused, ...]) -> InvalidInput:
    """One fault per reason, however many points share it."""
    places: dict[str, list[Refused]] = {}
    for each in refused:
        places.setdefault(each.reason, []).append(each)
    faults = tuple(
        Fault(pointer="", detail=f"{mine[0].file} point {mine[0].number}{_more(len(mine) - 1)}: {reason}")
        for reason, mine in list(places.items())[:SHOWN_REASONS]
    )
    message = "no point of the files can be used to calibrate"
    return InvalidInput(message, faults=(Fault(pointer="", detail=message), *faults))


def points(number: int) -> str:
    """A number of measured points, in words."""
    return "1 point" if number == 1 else f"{number} points"


def _more(others: int) -> str:
    return f" and {others} more" if others else ""
