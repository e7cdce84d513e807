"""``shardwright keys``: projects and API keys, made where the database is."""

from datetime import timedelta
from typing import Annotated, Literal

import typer

from api.commands.ending import ends_cleanly
from api.commands.migrate import Db

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke API keys of a database; a service started with --keys asks for them.",
)
DEFAULT_DB = "sqlite:///shardwright.db"


@app.command("create")
@ends_cleanly
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, e.g. ci.")],
    project: Annotated[
        str, typer.Option(help="Tenant; made where there is none. Projects never see each other.")
    ] = "main",
    scope: Annotated[
        Literal["read", "write", "admin"], typer.Option(help="admin also manages the keys of its project.")
    ] = "write",
    days: Annotated[
        float | None, typer.Option(help="End after so many days; never by default.", min=0.001)
    ] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Make a key and print its secret, which is stored nowhere."""
    from api.caller import new_secret
    from api.project_names import check_project
    from db.access import AccessRepository
    from db.clock import now
    from db.database import Database
    from db.upgrade import upgrade

    check_project(project)
    database = Database(db)
    upgrade(database)
    secret = new_secret()
    with database.writing() as session:
        access = AccessRepository(session)
        access.add_project(project)
        ends = None if days is None else now() + timedelta(days=days)
        made = access.add_key(project, name[:300], scope, secret, ends)
    typer.echo(secret)
    typer.echo(f"Key {made.id} of project {project}, scope {scope}. The secret is shown only now.", err=True)
    database.close()


@app.command("list")
@ends_cleanly
def listing(db: Db = DEFAULT_DB) -> None:
    """Print every key, without its secret."""
    from rich.console import Console
    from rich.table import Table

    from db.access import AccessRepository
    from db.database import Database

    database = Database(db)
    with database.reading() as session:
        keys = AccessRepository(session).keys()
    table = Table("id", "project", "name", "scope", "made", "ends", "state")
    for key in keys:
        state = "revoked" if key.revoked_at else "valid"
        ends = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never"
        table.add_row(key.id, key.project, key.name, key.scope, f"{key.created_at:%Y-%m-%d}", ends, state)
    Console().print(table)
    database.close()


@app.command("revoke")
@ends_cleanly
def revoke(
    key_id: Annotated[str, typer.Argument(help="As shardwright keys list shows it.")], db: Db = DEFAULT_DB
) -> None:
    """Close a key; a running service notices within two seconds."""
    from db.access import AccessRepository
    from db.database import Database
    from models.errors import InvalidInput

    database = Database(db)
    with database.writing() as session:
        access = AccessRepository(session)
        if access.key(key_id) is None:
            raise InvalidInput(f"there is no key {key_id!r}", hint="Maybe look at: shardwright keys list.")
        access.revoke(key_id)
    typer.echo(f"{key_id} is revoked.", err=True)
    database.close()
