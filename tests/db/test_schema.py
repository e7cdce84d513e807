"""The migrations make exactly the tables the code maps."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from db.base import Base
from db.database import Database
from db.documents import DocumentRepository
from db.upgrade import upgrade
from models.errors import InvalidInput


def test_migrations_agree_with_the_mapping(database: Database) -> None:
    with database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_keeps_what_is_stored(database: Database) -> None:
    with database.writing() as session:
        kept = DocumentRepository(session).add("models", "m", "id", {})
    upgrade(database)
    with database.reading() as session:
        assert DocumentRepository(session).get("models", kept.id) == kept


def test_sqlite_is_set_up_for_readers_beside_a_writer(database: Database) -> None:
    with database.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert session.execute(text("PRAGMA busy_timeout")).scalar() == 10_000


def test_an_error_inside_a_transaction_leaves_no_trace(database: Database) -> None:
    def fail_half_way() -> None:
        with database.writing() as session:
            DocumentRepository(session).add("models", "m", "id", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with database.reading() as session:
        assert DocumentRepository(session).page("models", 10, None).items == ()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", ""])
def test_databases_that_cannot_work_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        Database(url)


def test_a_path_with_a_percent_sign_works(tmp_path: Path) -> None:
    made = Database(f"sqlite:///{tmp_path / '50%.db'}")
    upgrade(made)
    assert made.ready()
    made.close()
