"""One solve in a process group of its own, which can be killed at any moment."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
STDERR_TAIL_BYTES = 4_000


class SolveProcess:
    """A child that reads a scenario on standard input and answers in JSON lines.

    Parameters
    ----------
    command
        Program and arguments; the id of this process is appended, so that the child can die with it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._child = subprocess.Popen(
            [*command, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=ROOT,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self.killed_for: str | None = None

    @property
    def pid(self) -> int:
        """Process id, also of the group."""
        return self._child.pid

    def ask(self, scenario: Any) -> None:
        """Hand the scenario over."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._child.stdin as stdin:
            stdin.write(json.dumps(scenario).encode())

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the child says, until it ends."""
        assert self._child.stdout is not None
        for line in self._child.stdout:
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    yield message

    def kill(self, reason: str) -> None:
        """End the child and all it started, now; the first reason is kept."""
        with self._lock:
            if self._child.returncode is not None:
                return
            self.killed_for = self.killed_for or reason
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def close(self) -> int:
        """Wait for the end and give everything back; the exit code."""
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:  # reaped only while nobody can be about to signal a reused id
            code = self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        return code

    def last_words(self) -> str:
        """The end of what the child wrote to standard error, for the log."""
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR_TAIL_BYTES))
        words = self._stderr.read().decode(errors="replace")
        self._stderr.close()
        return words
