"""Calls of sweeps, one scenario solved over the values of one or more of its fields."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.client.answers import Document
from api.client.errors import NotReachable, Refused, UnknownAnswer
from api.client.exchange import Call, Request, get, write
from api.client.replies import object_of
from api.client.retrying import Retrying
from api.client.scenario_input import ScenarioInput, question

Axes = Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any]]
"""Fields named as in relaxations, each with its values: a mapping, or rows of ``change`` and ``values``."""
FIRST_LOOK_S = 0.1
MOST_LOOK_S = 2.0


def submit(scenario: ScenarioInput | Document, axes: Axes) -> Call[dict[str, Any]]:
    """Submit a sweep."""
    if isinstance(axes, Mapping):
        rows = [{"change": name, "values": list(values)} for name, values in axes.items()]
    else:
        rows = [dict(row) for row in axes]
    return Call(write("POST", "sweeps", content=question(scenario) | {"axes": rows}), object_of)


def sweep(sweep_id: str) -> Call[dict[str, Any]]:
    """Ask where a sweep stands."""
    return Call(get("sweeps", sweep_id), object_of)


def cancel(sweep_id: str) -> Call[dict[str, Any] | None]:
    """Cancel a sweep; None where the service says no more than that it is done."""
    return Call(write("DELETE", "sweeps", sweep_id), lambda reply: object_of(reply) if reply.body else None)


class ReadingResults:
    """How far the lines of a sweep have been read, over as many connections as it takes."""

    def __init__(self, sweep_id: str, retrying: Retrying) -> None:
        self._request = get("sweeps", sweep_id, "results", format="jsonl")
        self._retrying = retrying
        self._told = 0
        self._seen = 0
        self._drops = 0
        self._rest = b""

    def connect(self) -> Request:
        """Request for all lines."""
        self._seen, self._rest = 0, b""
        return self._request

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """Rows that this piece completes and no connection before has told."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return self._fresh(lines)

    def end(self) -> list[dict[str, Any]]:
        """The last row, where its line has no end."""
        return self._fresh([self._rest])

    def pause_s(self, error: Refused | NotReachable) -> float:
        """Pause before the next connection, or the error where it stands."""
        pause_s = self._retrying.pause_s(self._drops, error, self._request)
        if pause_s is None:
            raise error
        self._drops += 1
        return pause_s

    def _fresh(self, lines: list[bytes]) -> list[dict[str, Any]]:
        rows = []
        for line in filter(bytes.strip, lines):
            self._seen += 1
            if self._seen > self._told:
                self._told, self._drops = self._seen, 0
                rows.append(_row(line))
        return rows


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        raise UnknownAnswer(f"a line is no JSON: {line[:80].decode('utf-8', 'replace')!r}") from None
    if not isinstance(row, dict):
        raise UnknownAnswer("a line is no JSON object")
    return row


def look_after_s(looks: int) -> float:
    """Pause before the next look at a sweep [s]; it grows, for short sweeps end soon."""
    return min(MOST_LOOK_S, FIRST_LOOK_S * 1.5**looks)
