"""Strict reading of instances: every refusal names the field, the value found and where it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from solvers.errors import InvalidInstance

LONGEST_SHOWN = 60
LARGEST_WHOLE = 2**53
"""Largest whole number up to which floats hold all of them."""


def refuse(pointer: str, value: object, wanted: str, hint: str = "") -> InvalidInstance:
    """Make the error for a field that holds the wrong thing."""
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "..."
    return InvalidInstance(f"{_field(pointer)} is {shown}, must be {wanted}", pointer, hint)


def member(document: Mapping[str, Any], key: str, pointer: str) -> Any:
    """Give a required member of an object."""
    if key not in document:
        where = f" in {_field(pointer)}" if pointer else ""
        near = ", ".join(str(name) for name in list(document)[:8])
        hint = f"Maybe it has another name here; found: {near or 'nothing'}."
        raise InvalidInstance(f"{key} is missing{where}", f"{pointer}/{key}", hint)
    return document[key]


def mapping(value: Any, pointer: str) -> dict[str, Any]:
    """Read an object."""
    if not isinstance(value, dict):
        raise refuse(pointer, value, "an object")
    return value


def sequence(value: Any, pointer: str, *, least: int = 0) -> list[Any]:
    """Read an array of at least so many members."""
    if not isinstance(value, list):
        raise refuse(pointer, value, "an array")
    if len(value) < least:
        raise refuse(pointer, value, f"an array of at least {least}")
    return value


def number(value: Any, pointer: str, *, above: float | None = None, least: float = 0.0) -> float:
    """Read a finite number, at least ``least`` or greater than ``above``."""
    wanted = f"a finite number above {above:g}" if above is not None else f"a finite number >= {least:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(pointer, value, wanted, _quoted_hint(value))
    try:
        figure = float(value)
    except OverflowError:
        raise refuse(pointer, "a huge integer", wanted) from None
    if not math.isfinite(figure) or figure < least or (above is not None and figure <= above):
        raise refuse(pointer, value, wanted)
    return figure


def whole(value: Any, pointer: str, *, least: int = 0) -> int:
    """Read a whole number; 4.0 is one, true is not."""
    wanted = f"a whole number >= {least}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(pointer, value, wanted, _quoted_hint(value))
    if isinstance(value, float) and not value.is_integer():
        raise refuse(pointer, value, wanted)
    if value < least or value > LARGEST_WHOLE:
        raise refuse(pointer, value, f"{wanted} and <= {LARGEST_WHOLE}")
    return int(value)


def text(value: Any, pointer: str) -> str:
    """Read a non-empty string."""
    if not isinstance(value, str) or not value:
        raise refuse(pointer, value, "a non-empty string")
    return value


def flag(value: Any, pointer: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise refuse(pointer, value, "true or false")
    return value


def distinct(names: Sequence[str], pointer: str, key: str) -> tuple[str, ...]:
    """Refuse a name that occurs twice among the members of an array."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise InvalidInstance(
                f"{_field(f'{pointer}/{i}/{key}')} is {name!r}, which occurs twice",
                f"{pointer}/{i}/{key}",
                "Maybe two entries were meant to be one with both values.",
            )
        seen.add(name)
    return tuple(names)


def _quoted_hint(value: Any) -> str:
    return "Maybe the number is in quotes." if isinstance(value, str) else ""


def _field(pointer: str) -> str:
    """Show a JSON pointer as a path: /gpus/0/name -> gpus[0].name."""
    path = ""
    for part in pointer.split("/")[1:]:
        path += f"[{part}]" if part.isdigit() else f".{part}" if path else part
    return path or "the instance"
