"""Stored plans never change: the last ones that were asked for are kept as the bytes that are sent."""

import threading
from collections import OrderedDict

MOST_BYTES = 64_000_000


class PlanCache:
    """Responses by project and plan id, the least recently used dropped first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, project: str, plan_id: str) -> bytes | None:
        """What was kept."""
        with self._lock:
            found = self._kept.get((project, plan_id))
            if found is not None:
                self._kept.move_to_end((project, plan_id))
            return found

    def put(self, project: str, plan_id: str, body: bytes) -> None:
        """Keep a response, in place of the oldest ones."""
        with self._lock:
            self._held_bytes += len(body) - len(self._kept.pop((project, plan_id), b""))
            self._kept[(project, plan_id)] = body
            while self._held_bytes > self._most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._held_bytes -= len(dropped)
