"""The reader itself: from the text of a result file to its operating points."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.errors import InvalidInput, TooLarge
from models.observation import Observation
from planner.importers.benchmarks.registry import FORMATS, Format
from planner.importers.benchmarks.text import Piece, pieces

MAX_OBSERVATIONS = 10_000
_SHOWN_KEYS = 12
_SHOWN_CHARACTERS = 40


def read_benchmark(text: str, *, name: str = "file") -> tuple[Observation, ...]:
    """Operating points of a result file, its format told by its keys.

    Parameters
    ----------
    text : str
        JSON, a JSON list of results, JSON Lines, or YAML; at most 64 MiB.
    name : str
        What to call the file in messages.

    Raises
    ------
    InvalidInput
        Of no known format, cut off, without a metric or a served request, or with a value that cannot be.
    TooLarge
        Too many bytes, levels or operating points.
    """
    observations: list[Observation] = []
    try:
        for piece in pieces(text):
            observations.extend(_read(piece, MAX_OBSERVATIONS - len(observations)))
    except InvalidInput as error:
        raise type(error)(f"{name}: {error.message}", pointer=error.pointer, hint=error.hint) from None
    return tuple(observations)


def _read(piece: Piece, room: int) -> Iterator[Observation]:
    try:
        for index, observation in enumerate(_format(piece.values).read(piece.values)):
            if index >= room:
                raise TooLarge(f"more than {MAX_OBSERVATIONS} results", hint="Maybe split the file.")
            yield observation
    except InvalidInput as error:
        place = f"{piece.place}: " if piece.place else ""
        raise type(error)(
            f"{place}{error.message}", pointer=f"{piece.pointer}{error.pointer}", hint=error.hint
        ) from None


def _format(values: Mapping[str, Any]) -> Format:
    for each in FORMATS.values():
        if each.matches(values):
            return each
    keys = [str(key)[:_SHOWN_CHARACTERS] for key in values]
    more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    raise InvalidInput(
        f"no known benchmark result; top-level keys: {', '.join(keys[:_SHOWN_KEYS]) or 'none'}{more}",
        hint=f"Maybe a file of one of {', '.join(FORMATS)}; see docs/benchmarks-in.md.",
    )
