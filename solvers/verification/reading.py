"""Strict reading of JSON values: what cannot be read is told with the place where it stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class Unreadable(ValueError):
    """A value that is missing or of another kind than the format says.

    ``document`` is the one it stands in, where two are read: ``answer`` or ``certificate``.
    """

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(f"{pointer}: {message}" if pointer else message)
        self.message, self.pointer, self.document = message, pointer, ""


def read_json(text: str) -> dict[str, Any]:
    """Give the object in a text.

    Raises
    ------
    Unreadable
        Not JSON, not an object, a key given twice, NaN or infinity.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable("is no JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable(f"duplicate key {next(n for n in names if names.count(n) > 1)!r}")
    return found


def _no_constant(name: str) -> None:
    raise Unreadable(f"{name} is not a finite number")


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a document and its JSON pointer."""

    value: Any
    pointer: str = ""

    def at(self, *keys: str) -> Field:
        """Descend to a value that must be there."""
        field = self
        for key in keys:
            inner = field._object()
            if key not in inner:
                raise Unreadable("missing", f"{field.pointer}/{_escaped(key)}")
            field = Field(inner[key], f"{field.pointer}/{_escaped(key)}")
        return field

    def get(self, key: str) -> Field | None:
        """Descend to a value that may be missing or null."""
        inner = self._object().get(key)
        return None if inner is None else Field(inner, f"{self.pointer}/{_escaped(key)}")

    def entries(self) -> Iterator[tuple[str, Field]]:
        """Go through an object."""
        for key, value in self._object().items():
            yield key, Field(value, f"{self.pointer}/{_escaped(key)}")

    def elements(self) -> Iterator[Field]:
        """Go through a list."""
        for i, value in enumerate(self.sequence()):
            yield Field(value, f"{self.pointer}/{i}")

    def sequence(self, length: int | None = None) -> list[Any]:
        """Give the list as it stands, of a given length where one is asked."""
        if not isinstance(self.value, list):
            raise self._wrong("a list")
        if length is not None and len(self.value) != length:
            raise Unreadable(f"has {len(self.value)} entries, not {length}", self.pointer)
        return self.value

    def text(self) -> str:
        """Give a text."""
        if not isinstance(self.value, str):
            raise self._wrong("a text")
        return self.value

    def flag(self) -> bool:
        """Give true or false."""
        if not isinstance(self.value, bool):
            raise self._wrong("true or false")
        return self.value

    def integer(self, below: int | None = None) -> int:
        """Give a whole number; an index where ``below`` says how many there are."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self._wrong("a whole number")
        value: int = self.value
        if below is not None and not 0 <= value < below:
            raise Unreadable(f"{value!r:.40} is no index below {below}", self.pointer)
        return value

    def number(self) -> float:
        """Give a number that a double holds without rounding."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._wrong("a number")
        try:
            value = float(self.value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value) or value != self.value:
            raise Unreadable(f"{self.value!r:.40} is no finite double", self.pointer)
        return value

    def number_or_none(self) -> float | None:
        """Give a number, or None where the document says null."""
        return None if self.value is None else self.number()

    def _object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self._wrong("an object")
        return self.value

    def _wrong(self, kind: str) -> Unreadable:
        return Unreadable(f"is not {kind}: {json.dumps(self.value, default=repr)[:40]}", self.pointer)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
