"""Text of a result file into plain objects: JSON, a list of results, JSON Lines, or YAML."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import InvalidInput, TooLarge
from planner.importers import document
from planner.importers.hf_config.fields import shown

MAX_BYTES = 64 * 2**20
_CUT_OFF = "Maybe the file was cut off while it was written or copied."


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One object of the text; ``place`` is its line (or empty), ``pointer`` where it stands in a list."""

    values: Mapping[str, Any]
    place: str = ""
    pointer: str = ""


def pieces(text: str) -> Iterator[Piece]:
    """Every object of a text that may hold several results, in order.

    Raises
    ------
    InvalidInput
        Not JSON, JSON Lines or YAML; a duplicate key; an entry that is no object; nothing at all.
    TooLarge
        More than 64 MiB, or nested too deep.
    """
    _bound(text)
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise InvalidInput("the file is empty", hint="Maybe the benchmark has not finished.")
    if text.lstrip()[0] not in "{[":
        yield from _entries(document.read(text, drop_non_finite=True))
    elif _is_lines(text):
        yield from _lines(text)
    else:
        yield from _entries(_decoded(text))


def _bound(text: str) -> None:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise TooLarge(
            f"the file has {size} bytes, more than {MAX_BYTES}",
            hint="Maybe it holds every single request; export the summary only.",
        )


def _is_lines(text: str) -> bool:
    """Whether the first line alone is a JSON object and more follow."""
    first, _, rest = text.lstrip().partition("\n")
    if not rest.strip() or not first.rstrip().endswith("}"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _lines(text: str) -> Iterator[Piece]:
    # only \n ends a line: str.splitlines would also cut at U+2028 inside a text value
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            yield _piece(_decoded(line), place=place)
        except InvalidInput as error:
            raise type(error)(f"{place}: {error.message}", pointer=error.pointer, hint=error.hint) from None


def _entries(value: Any) -> Iterator[Piece]:
    if not isinstance(value, list):
        yield _piece(value)
        return
    if not value:
        raise InvalidInput("the file holds an empty list", hint="Maybe the benchmark has not finished.")
    for index, entry in enumerate(value):
        yield _piece(entry, pointer=f"/{index}")


def _piece(value: Any, *, place: str = "", pointer: str = "") -> Piece:
    if not isinstance(value, Mapping):
        raise InvalidInput(
            f"a result must be an object, got {shown(value)}",
            pointer=pointer,
            hint="Maybe this is a log or a table; give the JSON that the benchmark saves.",
        )
    return Piece(values=value, place=place, pointer=pointer)


def _decoded(text: str) -> Any:
    """Value of one JSON text. NaN and infinities stay: whoever reads a field decides what they mean."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise TooLarge("the document is nested too deep") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"not JSON: {error.msg} on line {error.lineno}, column {error.colno}", hint=_CUT_OFF
        ) from None
    except InvalidInput:
        raise
    except ValueError as error:
        # an integer of thousands of digits
        raise InvalidInput(f"not JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidInput(f"duplicate key {twice!r:.80}", hint="Maybe one of the two should go.")
    return values
