"""Who watches a search: told of better plans and tighter bounds while it runs, in the caller's sense.

A search inside another one (a neighbourhood, a part, a later plan) is not watched: its figures are not
those of the whole. Threads a search starts are not watched either, as they have a context of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Tell = Callable[[float | None, float | None], None]
"""Told objective and bound; None where there is none yet."""

_watcher: ContextVar[Tell | None] = ContextVar("watcher", default=None)


def is_watched() -> bool:
    """Whether anybody wants to know."""
    return _watcher.get() is not None


def told(objective: float | None, bound: float | None) -> None:
    """Tell the watcher, if there is one."""
    tell = _watcher.get()
    if tell is not None:
        tell(_finite(objective), _finite(bound))


@contextmanager
def watched(tell: Tell | None) -> Iterator[None]:
    """Searches inside are told of; with None they are not."""
    token = _watcher.set(tell)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def mirrored() -> Iterator[None]:
    """A search inside minimises what its caller maximises."""
    tell = _watcher.get()
    if tell is None:
        yield
        return
    with watched(lambda objective, bound: tell(_minus(objective), _minus(bound))):
        yield


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
