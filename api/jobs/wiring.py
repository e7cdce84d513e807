"""Puts the durable queue together for a database, with the settings of this process."""

import secrets
import socket

from sqlalchemy.engine import URL

from api.jobs.child_pool import ChildPool
from api.jobs.durable_queue import DurableQueue
from api.jobs.job_runner import JobRunner
from api.settings import Settings
from db.database import Database


def durable_queue(settings: Settings, database: Database, name: str | None = None) -> DurableQueue:
    """The queue of a service or worker; ``name`` is shown in the table of workers."""
    runner = JobRunner(
        database,
        ChildPool(settings.solve_command, settings.solve_memory_bytes),
        worker_id=worker_id(name),
        pricing_allowance_s=settings.pricing_allowance_s,
    )
    return DurableQueue(
        runner,
        system_url=system_url(database.url),
        slots=settings.workers,
        max_interruptions=settings.max_attempts,
    )


def worker_id(name: str | None = None) -> str:
    """Unique name of this process: a new one after each start, as its predecessor may still be running."""
    return f"{(name or socket.gethostname())[:40]}-{secrets.token_hex(4)}"


def system_url(ours: URL) -> str:
    """Where DBOS keeps its tables: a file beside a SQLite database, else a schema of the same database."""
    if ours.get_backend_name() == "sqlite":
        return f"sqlite:///{(ours.database or '').removesuffix('.db')}.queue.db"
    return ours.set(drivername="postgresql").render_as_string(hide_password=False)
