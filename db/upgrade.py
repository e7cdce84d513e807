"""Bring the schema of a database to the newest revision, or say that it is not there."""

from pathlib import Path
from typing import TYPE_CHECKING

from db.database import Database
from models.errors import InvalidInput

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Apply every migration that is missing, in one transaction."""
    from alembic import command

    config = _config()
    with database.connection() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_current(database: Database) -> None:
    """Refuse a database whose schema is not the one this version works with.

    Raises
    ------
    InvalidInput
        Naming both revisions and the command that helps.
    """
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(_config()).get_current_head()
    with database.connection() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise InvalidInput(
            f"the schema of the database is at {found or 'nothing'}, this version needs {newest}",
            hint=f"Maybe run: shardwright migrate --db {database.url.render_as_string()}",
        )


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
