"""Small writes of many requests, committed together: one transaction costs as much as thirty of them."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from db.database import Database

MOST_TOGETHER = 64
Made = TypeVar("Made")


class GroupCommit:
    """One thread that writes what waits; each caller gets its own result after the commit, or its error."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[tuple[Callable[[Session], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._work, name="group-commit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def run(self, action: Callable[[Session], Made]) -> Made:
        """Result of an action inside a transaction, once that is committed."""
        made: Future[Made] = Future()
        self._waiting.put((action, made))
        return made.result()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            ends = False
            while len(batch) < MOST_TOGETHER and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    ends = True
                    break
                batch.append(following)
            self._write(batch)
            if ends:
                return

    def _write(self, batch: list[tuple[Callable[[Session], Any], Future[Any]]]) -> None:
        """One transaction, a savepoint for each action; nobody hears of success before the commit."""
        done: list[tuple[Future[Any], Any]] = []
        try:
            with self._database.writing() as session:
                for action, made in batch:
                    try:
                        with session.begin_nested():
                            result = action(session)
                        done.append((made, result))
                    except Exception as error:
                        made.set_exception(error)
        except Exception as error:  # the whole transaction is gone, with everything in it
            for _, made in batch:
                if not made.done():
                    made.set_exception(error)
            return
        for made, result in done:
            made.set_result(result)
