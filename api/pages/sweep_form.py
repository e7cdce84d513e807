"""From what was typed into the form of a sweep to a request, or to messages."""

import json
from typing import Any

import yaml

from api.document_bounds import check_values
from models.errors import InvalidInput
from planner.importers import document

MOST_LINES = 8


def read_axes(text: str) -> list[dict[str, Any]]:
    """Axes, one a line: a field, a colon, its values with commas between them.

    Raises
    ------
    InvalidInput
        Naming the line.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InvalidInput(
            "no axis is given", pointer="/axes", hint="Maybe cluster.pools.h100.nodes: 1, 2, 4."
        )
    if len(lines) > MOST_LINES:
        raise InvalidInput(f"{len(lines)} axes, more than {MOST_LINES}", pointer="/axes")
    return [_axis(line) for line in lines]


def read_scenario(text: str) -> Any:
    """A pasted scenario, YAML or JSON."""
    if not text.strip():
        raise InvalidInput("no scenario is pasted", pointer="/scenario")
    check_values(text)
    return document.read(text)


def _axis(line: str) -> dict[str, Any]:
    change, colon, values = line.partition(":")
    if not colon or not values.strip():
        raise InvalidInput(
            f"{line[:80]!r} is no axis", pointer="/axes", hint="Maybe slo.chat.tpot_s.limit_s: 0.03, 0.05."
        )
    return {"change": change.strip(), "values": [_value(part.strip()) for part in values.split(",")]}


def _value(text: str) -> Any:
    """A number, true, false, null, or else a text."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return plain if isinstance(plain, str | int | float | bool) or plain is None else text
