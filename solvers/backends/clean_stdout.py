"""Keeps what a solver prints by itself out of standard output, where answers go.

HiGHS now and then prints a line although its output is off; on standard output it would break JSON.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

STDOUT, STDERR = 1, 2

_lock = Lock()
_users = 0
_saved = -1


@contextmanager
def clean_stdout() -> Iterator[None]:
    """Send file descriptor 1 to standard error meanwhile; nested and concurrent uses share it."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _users, _saved
    with _lock:
        if _users == 0:
            _saved = _redirect()
        _users += 1


def _leave() -> None:
    global _users, _saved
    with _lock:
        _users -= 1
        if _users == 0 and _saved >= 0:
            # The C library may still hold the line in its buffer.
            ctypes.CDLL(None).fflush(None)
            os.dup2(_saved, STDOUT)
            os.close(_saved)
            _saved = -1


def _redirect() -> int:
    """Point standard output at standard error and return a copy of the old one; -1 where either is closed."""
    try:
        saved = os.dup(STDOUT)
    except OSError:
        return -1
    try:
        os.dup2(STDERR, STDOUT)
    except OSError:
        os.close(saved)
        return -1
    return saved
