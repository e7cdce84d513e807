"""The database: connections, transactions, schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from models.errors import InvalidInput

BUSY_TIMEOUT_MS = 10_000
PAGE_CACHE_KIB = 400
"""Pages each connection keeps; there may be dozens of them, and the system keeps the file's pages anyway."""
POOL_SIZE = 20
POOL_OVERFLOW = 40


class Database:
    """Sessions on one database; a transaction is committed when its block ends without an error.

    Parameters
    ----------
    url
        ``sqlite:///file`` or ``postgresql://user:password@host/name``.
    """

    def __init__(self, url: str) -> None:
        parsed = _checked(url)
        self.url = parsed
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._engine = create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=not self.is_sqlite
        )
        if self.is_sqlite:
            _prepare_sqlite(self._engine)
        self._writer = self._engine.execution_options(writes=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one consistent state."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that holds the write lock from its start, so that it never has to be tried again."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One connection in a write transaction, for the schema."""
        with self._writer.begin() as connection:
            yield connection

    def ready(self) -> bool:
        """Whether the database answers."""
        with self.reading() as session:
            return session.execute(text("SELECT 1")).scalar() == 1

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidInput(
            "the database URL cannot be read", hint="Maybe sqlite:///shardwright.db."
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if backend not in ("sqlite", "postgresql"):
        raise InvalidInput(f"no support for database {backend!r}", hint="Maybe sqlite:///shardwright.db.")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InvalidInput(
            "a database in memory cannot be shared by the workers", hint="Maybe sqlite:///shardwright.db."
        )
    return parsed


def _prepare_sqlite(engine: Engine) -> None:
    """Readers beside one writer, enforced foreign keys, transactions that begin when we say so."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver would otherwise begin only at the first write
        for pragma in (
            "journal_mode=WAL",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
            "synchronous=NORMAL",
            f"cache_size=-{PAGE_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
