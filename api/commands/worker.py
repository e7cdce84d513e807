"""``shardwright worker``: a process that runs jobs of a PostgreSQL database, on any machine."""

import os
import signal
import threading
from typing import Annotated

import typer

from api.commands.ending import ends_cleanly
from api.commands.migrate import Db

FOREVER_S = 3600.0


@ends_cleanly
def command(
    db: Db = "postgresql://localhost/shardwright",
    slots: Annotated[
        int,
        typer.Option(
            help="Jobs at the same time, each in a process of its own. Give all workers the same.",
            min=1,
            max=256,
        ),
    ] = max(1, os.cpu_count() or 1),
    name: Annotated[
        str | None,
        typer.Option(help="Shown beside a random part in the list of workers.", show_default="host"),
    ] = None,
) -> None:
    """Run jobs until told to stop; start as many as you like, on as many machines as you like.

    Ctrl-C or SIGTERM stops in order: what runs goes back to the queue. A worker that is killed is found
    dead by the others after 10 seconds, and they take up its jobs.
    """
    from api.jobs.wiring import durable_queue
    from api.settings import Settings
    from db.database import Database
    from db.upgrade import check_current
    from models.errors import InvalidInput

    database = Database(db)
    if database.is_sqlite:
        raise InvalidInput(
            "a SQLite database is for one process, the service itself",
            hint="Maybe use postgresql:// for several, or shardwright serve --workers N.",
        )
    check_current(database)
    queue = durable_queue(Settings(database_url=db, workers=slots), database, name)
    over = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: over.set())
    queue.start()
    typer.echo(f"Worker {queue.executor_id} runs up to {slots} jobs at a time.", err=True)
    while not over.wait(FOREVER_S):
        pass
    queue.stop()
    database.close()
