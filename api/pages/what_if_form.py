"""What was typed into the small form of a plan: the fields that were changed, or messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.adjustable import Adjustable


@dataclass(slots=True, kw_only=True)
class Turned:
    """Changes as the API takes them, what was typed at each field, and what is wrong with it."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: bool = False


def read_turned(fields: Sequence[Adjustable], typed: Mapping[str, str]) -> Turned:
    """The fields whose value is not that of the scenario; an empty one is left as it is."""
    turned = Turned(asked=True)
    for row in fields:
        text = typed.get(row.change, "").strip()
        if not text:
            continue
        turned.typed[row.change] = text[:40]
        try:
            value = float(text)
        except ValueError:
            turned.faults.append(f"{row.words}: {text[:40]!r} is not a number")
            continue
        if value != row.value:
            whole = row.whole and value.is_integer()
            turned.changes.append({"change": row.change, "to": int(value) if whole else value})
    return turned
