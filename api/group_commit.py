"""Small writes of many requests, committed together: one transaction costs as much as thirty of them."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from db.database import Database

MOST_TOGETHER = 64
Asked = TypeVar("Asked")
Made = TypeVar("Made")


class GroupCommit(Generic[Asked, Made]):
    """One thread that writes what waits; each caller gets its own result after the commit, or its error.

    Parameters
    ----------
    write_all
        Writes some requests in a session; a result for each, or the exception it is refused with. Where it
        raises, the transaction is undone and each request is written in one of its own.
    """

    def __init__(
        self, database: Database, write_all: Callable[[Session, Sequence[Asked]], Sequence[Made | Exception]]
    ) -> None:
        self._database = database
        self._write_all = write_all
        self._waiting: queue.SimpleQueue[tuple[Asked, Future[Made]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="group-commit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def begin(self, asked: Asked) -> "Future[Made]":
        """Result of a request once it is committed."""
        made: Future[Made] = Future()
        self._waiting.put((asked, made))
        return made

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ends = [first], False
            while len(batch) < MOST_TOGETHER and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    ends = True
                    break
                batch.append(following)
            self._write(batch)
            if ends:
                return

    def _write(self, batch: "list[tuple[Asked, Future[Made]]]") -> None:
        try:
            with self._database.writing() as session:
                results = self._write_all(session, [asked for asked, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for each in batch:
                self._write([each])
            return
        for (_, made), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                made.set_exception(result)
            else:
                made.set_result(result)
