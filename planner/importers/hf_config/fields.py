"""A strict view of one JSON object: typed, bounded, and every refusal names its field."""

import math
from collections.abc import Mapping
from typing import Any, NoReturn, overload

from models.errors import InvalidInput

MOST = 10_000_000
"""Largest count a field of an architecture may hold."""
LAYERS = 10_000
"""Most layers that are read."""
_SHOWN = 80


def shown(value: object) -> str:
    """Short text of a value for a message, whatever its size."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < _SHOWN else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    return f"a {type(value).__name__}"


class Fields:
    """Values of one JSON object, read by name; ``pointer`` is where the object stands in the document.

    Readers take several names because families call the same thing differently: the first one that is
    there and not null counts. A reader without ``default`` refuses when none is.
    """

    def __init__(self, values: Mapping[str, Any], pointer: str = "") -> None:
        self._values = values
        self.pointer = pointer

    def refuse(self, name: str, problem: str, hint: str = "") -> NoReturn:
        """Raise :class:`InvalidInput` pointing at one field."""
        where = name.replace("~", "~0").replace("/", "~1")
        raise InvalidInput(f"{name} {problem}", pointer=f"{self.pointer}/{where}", hint=hint)

    def named(self, *names: str) -> str | None:
        """First of ``names`` that is present and not null."""
        return next((n for n in names if self._values.get(n) is not None), None)

    def has(self, *names: str) -> bool:
        """Whether one of ``names`` is present and not null."""
        return self.named(*names) is not None

    def value(self, name: str) -> Any:
        """Raw value, None when absent."""
        return self._values.get(name)

    @overload
    def count(self, *names: str, least: int = 1, most: int = MOST) -> int: ...
    @overload
    def count(self, *names: str, default: int, least: int = 1, most: int = MOST) -> int: ...
    @overload
    def count(self, *names: str, default: None, least: int = 1, most: int = MOST) -> int | None: ...

    def count(self, *names: str, default: int | None = -1, least: int = 1, most: int = MOST) -> int | None:
        """Whole number within bounds; ``default`` where the field may be missing."""
        name = self.named(*names)
        if name is None:
            if default == -1:
                self.refuse(names[0], "is missing", f"Maybe the file is cut off; also read: {_list(names)}")
            return default
        return self._whole(name, self._values[name], least, most)

    def _whole(self, name: str, value: object, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(name, f"must be a whole number, got {shown(value)}", "Maybe a quoted number.")
        if not least <= value <= most:
            self.refuse(
                name, f"must lie between {least} and {most}, got {shown(value)}", "Maybe a unit slipped in."
            )
        return value

    def counts(self, name: str, length: int, *, least: int = 0, most: int = MOST) -> tuple[int, ...] | None:
        """List of ``length`` whole numbers, None when absent."""
        items = self._items(name, length)
        if items is None:
            return None
        return tuple(self._whole(name, item, least, most) for item in items)

    def choices(self, name: str, length: int, allowed: Mapping[str, str]) -> tuple[str, ...] | None:
        """List of ``length`` words translated by ``allowed``, None when absent."""
        items = self._items(name, length)
        if items is None:
            return None
        for item in items:
            if not isinstance(item, str) or item not in allowed:
                self.refuse(
                    name,
                    f"holds {shown(item)}, which is not one of {_list(allowed)}",
                    "Maybe a layer type this version does not read.",
                )
        return tuple(allowed[item] for item in items)

    def _items(self, name: str, length: int) -> list[Any] | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            self.refuse(name, f"must be a list, got {shown(value)}")
        if len(value) != length:
            self.refuse(name, f"has {len(value)} entries for {length} layers", "Maybe the list is cut off.")
        return list(value)

    def numbers(self, name: str) -> tuple[int, ...]:
        """List of layer numbers of any length, empty when absent."""
        value = self._values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or len(value) > LAYERS:
            self.refuse(name, f"must be a list of layer numbers, got {shown(value)}")
        return tuple(self._whole(name, item, 0, LAYERS) for item in value)

    def objects(self, name: str, length: int) -> tuple["Fields", ...]:
        """List of ``length`` objects."""
        items = self._items(name, length)
        if items is None:
            self.refuse(name, "is missing")
        for index, item in enumerate(items):
            if not isinstance(item, Mapping):
                self.refuse(name, f"entry {index} must be an object, got {shown(item)}")
        return tuple(Fields(item, f"{self.pointer}/{name}/{i}") for i, item in enumerate(items))

    def flag(self, *names: str, default: bool = False) -> bool:
        """True or false; ``default`` when missing or null."""
        name = self.named(*names)
        if name is None:
            return default
        value = self._values[name]
        if not isinstance(value, bool):
            self.refuse(name, f"must be true or false, got {shown(value)}")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Text; ``default`` when missing or null."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.refuse(name, f"must be text, got {shown(value)}")
        return value

    def ratio(self, name: str) -> float:
        """Positive finite number."""
        value = self._values.get(name)
        if value is None:
            self.refuse(name, "is missing")
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, f"must be a number, got {shown(value)}")
        if not 0 < value <= MOST or not math.isfinite(value):
            self.refuse(name, f"must be positive and at most {MOST}, got {shown(value)}")
        return float(value)

    def inner(self, name: str) -> "Fields | None":
        """Object nested under ``name``, None when absent."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.refuse(name, f"must be an object, got {shown(value)}")
        return Fields(value, f"{self.pointer}/{name}")

    def within(self, outer: "Fields") -> "Fields":
        """These fields, with those of the enclosing object where these have none."""
        merged = {**outer._values, **{k: v for k, v in self._values.items() if v is not None}}
        return Fields(merged, self.pointer)


def _list(names: Any) -> str:
    return ", ".join(names)
