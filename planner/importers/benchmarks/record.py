"""A strict view of one object of a result file: what is absent is None, what is wrong names its field."""

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from models.errors import InvalidInput
from planner.importers.hf_config.fields import shown

_LARGEST = 1e15
_LONGEST = 500
_SHOWN = 80
_UNMEASURED = "Maybe no request succeeded, so that nothing was measured."


class Record:
    """Values of one JSON object, read by name; ``pointer`` is where the object stands in the document.

    Null counts as absent everywhere, so does an absent object: reading on inside it finds nothing.
    """

    def __init__(self, values: Mapping[str, Any], pointer: str = "") -> None:
        self._values = values
        self.pointer = pointer

    def refuse(self, name: str, problem: str, hint: str = "") -> NoReturn:
        """Raise :class:`InvalidInput` pointing at one field."""
        raise InvalidInput(f"{name[:_SHOWN]} {problem}", pointer=self._pointer(name), hint=hint)

    def value(self, name: str) -> Any:
        """Raw value, None when absent."""
        return self._values.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def inner(self, *names: str) -> "Record":
        """Object at the end of a chain of names."""
        record = self
        for name in names:
            value = record.value(name)
            if value is not None and not isinstance(value, Mapping):
                record.refuse(name, f"must be an object, got {shown(value)}")
            record = Record(value or {}, record._pointer(name))
        return record

    def entries(self, name: str) -> tuple["Record", ...]:
        """Objects of a list."""
        value = self.value(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(name, f"must be a list, got {shown(value)}")
        wrong = next((i for i, item in enumerate(value) if not isinstance(item, Mapping)), None)
        if wrong is not None:
            self.refuse(name, f"must hold objects, but entry {wrong} is {shown(value[wrong])}")
        return tuple(Record(item, f"{self._pointer(name)}/{i}") for i, item in enumerate(value))

    def names(self) -> tuple[str, ...]:
        """Names of the fields, in the order of the file."""
        return tuple(self._values)

    def text(self, name: str) -> str | None:
        """Text, None when absent or empty."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, f"must be text, got {shown(value)}")
        if len(value) > _LONGEST:
            self.refuse(name, f"has {len(value)} characters, more than {_LONGEST}")
        return value.strip() or None

    def flag(self, name: str) -> bool | None:
        """True or false, None when absent."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self.refuse(name, f"must be true or false, got {shown(value)}")
        return value

    def number(self, name: str) -> float | None:
        """Finite number that is not negative, None when absent."""
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, f"must be a number, got {shown(value)}", "Maybe a quoted number.")
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(name, f"is {value}, no finite number", _UNMEASURED)
        if not 0 <= value <= _LARGEST:
            self.refuse(name, f"must lie between 0 and {_LARGEST:g}, got {shown(value)}")
        return float(value)

    def measured(self, name: str) -> float | None:
        """Positive number; benchmarks write 0 where they have no sample, so 0 counts as absent."""
        return self.number(name) or None

    def count(self, name: str) -> int | None:
        """Whole number that is not negative (1000.0 is one), None when absent."""
        value = self.number(name)
        if value is not None and not value.is_integer():
            self.refuse(name, f"must be a whole number, got {shown(self.value(name))}")
        return None if value is None else int(value)

    def served(self, name: str, value: int | None) -> int:
        """Requests that were served, as read from field ``name``: refused where there are none."""
        if value is None:
            self.refuse(name, "is missing", "Maybe the file is cut off, or of another benchmark.")
        if value <= 0:
            self.refuse(name, "leaves no request that was served", _UNMEASURED)
        return value

    def limit(self, name: str) -> float | None:
        """Rate or cap of the load generator; None when absent, zero or without limit ("inf")."""
        value = self.value(name)
        if value == math.inf or (isinstance(value, str) and value.strip().lower() in ("inf", "infinity")):
            return None
        return self.measured(name)

    def _pointer(self, name: str) -> str:
        return f"{self.pointer}/{name.replace('~', '~0').replace('/', '~1')}"
