"""One solve process in a process group of its own, which can be killed at any moment."""

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
LAST_WORDS = ("answer", "error")


class SolveProcess:
    """A child that answers questions, one JSON line each, with JSON lines; the last one ends the answer.

    Parameters
    ----------
    command
        Program and arguments; the id of this process is appended, so that the child can die with it, and
        the memory it may have.
    memory_bytes
        Address space of the child; 0 = no limit.
    """

    def __init__(self, command: Sequence[str], memory_bytes: int = 0) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._child = subprocess.Popen(
            [*command, str(os.getpid()), str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=ROOT,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self.killed_for: str | None = None
        self.answered = 0

    @property
    def pid(self) -> int:
        """Process id, also of the group."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked again."""
        return self.killed_for is None and self._child.poll() is None

    def ask(self, question: Any) -> Iterator[dict[str, Any]]:
        """What the child says to a question, until its last word on it or its end."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps(question).encode() + b"\n")
            self._child.stdin.flush()
        for line in self._child.stdout:
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if not isinstance(message, dict):
                    continue
                yield message
                if message.get("kind") in LAST_WORDS:
                    self.answered += 1
                    return
        self.kill("died")  # it has, or says no more: either way it can be asked nothing else

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
