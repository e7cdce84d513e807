"""Writes that must not be lost: tried again while the database is away, locked or full."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

log = logging.getLogger(__name__)
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 3.0
TELL_EVERY_S = 30.0
Made = TypeVar("Made")


def is_outage(error: DBAPIError) -> bool:
    """Whether an error is the database's, and not of what it was asked."""
    return isinstance(error, OperationalError) or error.connection_invalidated


def patiently(action: Callable[[], Made], stopping: threading.Event) -> Made:
    """Result of an action, tried until the database takes it.

    Raises
    ------
    DBAPIError
        The last one, where this process is stopping; or one that is no outage.
    """
    wait_s, told_at = FIRST_WAIT_S, 0.0
    while True:
        try:
            return action()
        except DBAPIError as error:
            if not is_outage(error):
                raise
            if time.monotonic() - told_at > TELL_EVERY_S:
                log.warning("the database does not take a write, trying on: %s", error.orig)
                told_at = time.monotonic()
            if stopping.wait(wait_s):
                raise
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
