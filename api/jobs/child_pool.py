"""Solve processes kept warm between jobs: a new one costs more than a second of imports."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from api.jobs.solve_process import SolveProcess

MAX_ANSWERS = 500
"""Questions after which a process is replaced: whatever its libraries leak ends with it."""


class ChildPool:
    """Processes that wait for a question, at most one for each slot.

    Parameters
    ----------
    command
        Program of the child.
    memory_bytes
        Address space of each; 0 = no limit.
    """

    def __init__(self, command: Sequence[str], memory_bytes: int = 0) -> None:
        self._command = command
        self._memory_bytes = memory_bytes
        self._idle: list[SolveProcess] = []
        self._lock = threading.Lock()
        # a child dies with the thread that made it, so all are made by one that lives as long as the pool
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="child-maker")

    def warm(self, count: int) -> None:
        """Have so many processes ready."""
        for _ in range(count):
            self.put(self._made())

    def take(self) -> SolveProcess:
        """A process that waits for a question."""
        while True:
            with self._lock:
                found = self._idle.pop() if self._idle else None
            if found is None:
                return self._made()
            if found.is_alive:
                return found
            _discard(found)

    def put(self, process: SolveProcess) -> None:
        """Keep a process that has answered for the next job."""
        if process.is_alive and process.answered < MAX_ANSWERS:
            with self._lock:
                self._idle.append(process)
        else:
            process.kill("replaced")
            _discard(process)

    def close(self) -> None:
        """End every idle process."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill("stopping")
            _discard(process)
        self._maker.shutdown()

    def _made(self) -> SolveProcess:
        return self._maker.submit(SolveProcess, self._command, self._memory_bytes).result()


def _discard(process: SolveProcess) -> None:
    process.close()
    process.last_words()
