"""Server-sent events: bytes in pieces of any size to events, and where to resume after a drop."""

import json
import re
from dataclasses import dataclass
from typing import Any

from api.client.errors import NotReachable, Refused, UnknownAnswer
from api.client.exchange import Request, get
from api.client.retrying import Retrying

LINE_END = re.compile(rb"\r\n|\r|\n")
MOST_DIGITS = 18
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a job: ``kind`` is progress, incumbent, log or done; ``number`` counts from 1."""

    number: int
    kind: str
    data: dict[str, Any]


class EventParser:
    """Reads one connection; comments (heartbeats) and unfinished events leave no trace."""

    def __init__(self) -> None:
        self._rest = b""
        self._swallow_lf = False
        self._begun = False
        self._number = 0
        self._kind = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """Events that this piece completes."""
        events = (self._take(line) for line in self._lines(piece))
        return [event for event in events if event is not None]

    def _lines(self, piece: bytes) -> list[bytes]:
        if not piece:
            return []
        if self._swallow_lf and piece.startswith(b"\n"):  # the other half of a CR LF
            piece = piece[1:]
        *lines, self._rest = LINE_END.split(self._rest + piece)
        self._swallow_lf = piece.endswith(b"\r")
        if lines and not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(BOM)
        return lines

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._finish()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and value.isdecimal() and len(value) <= MOST_DIGITS:
            self._number = int(value)
        return None

    def _finish(self) -> Event | None:
        kind, self._kind = self._kind, ""
        lines, self._data = self._data, []
        if not lines:
            return None
        try:
            data = json.loads("\n".join(lines))
        except ValueError:
            raise UnknownAnswer(f"event {self._number} is no JSON") from None
        if not isinstance(data, dict):
            raise UnknownAnswer(f"event {self._number} is no JSON object")
        return Event(number=self._number, kind=kind or "message", data=data)


class Following:
    """How far the events of a job have been read, over as many connections as it takes."""

    def __init__(self, job_id: str, after: int, retrying: Retrying) -> None:
        self.ended = False
        self._finished = False
        self._job_id = job_id
        self._after = after
        self._retrying = retrying
        self._drops = 0
        self._parser = EventParser()

    def connect(self) -> Request:
        """Request for what was not read yet."""
        self._parser = EventParser()
        asked = get("plan-jobs", self._job_id, "events")
        headers = {"Accept": "text/event-stream"}
        if self._after:
            headers["Last-Event-ID"] = str(self._after)
        return Request(method=asked.method, path=asked.path, headers=headers)

    def feed(self, piece: bytes) -> list[Event]:
        """New events; those that were read before the drop are not told twice."""
        self._drops = 0  # whatever comes, the connection works
        fresh = []
        for event in self._parser.feed(piece):
            if event.number > self._after and not self.ended:
                self._after = event.number
                self.ended = event.kind == "done"
                fresh.append(event)
        return fresh

    def body_ended(self, finished: bool) -> None:
        """Tell a drop from the end: a body that ends after the job is known to have finished has it all.

        Raises
        ------
        NotReachable
            The job goes on, so the connection was cut.
        """
        if not finished:
            raise NotReachable("the events ended before the job", sent=True, timed_out=False)
        self.ended, self._finished = self._finished, True

    def pause_s(self, error: Refused | NotReachable) -> float:
        """Pause before the next connection, or the error where it stands."""
        pause_s = self._retrying.pause_s(self._drops, error, self.connect())
        if pause_s is None:
            raise error
        self._drops += 1
        return pause_s
