"""``shardwright migrate``: bring a database to the schema of this version, before any process uses it."""

from typing import Annotated

import typer

from api.commands.ending import ends_cleanly

Db = Annotated[
    str,
    typer.Option(
        help="Database URL: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
        metavar="URL",
        envvar="SHARDWRIGHT_DATABASE_URL",
    ),
]


@ends_cleanly
def command(db: Db = "sqlite:///shardwright.db") -> None:
    """Bring the database to the schema of this version; nothing happens where it is there already.

    A service on SQLite does this by itself. On PostgreSQL run it once before servers and workers start.
    """
    from api.jobs.dbos_engine import migrate
    from api.jobs.wiring import system_url
    from db.database import Database
    from db.upgrade import upgrade

    database = Database(db)
    upgrade(database)
    migrate(system_url(database.url))
    typer.echo(f"{database.url.render_as_string()} has the schema of this version.", err=True)
    database.close()
