"""``shardwright serve``: the service with its page and REST interface."""

import logging
import os
from typing import Annotated, Any, Literal

import typer

from api.commands.ending import ends_cleanly
from api.commands.migrate import Db

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
GRACE_S = 3


@ends_cleanly
def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65_535)] = 8000,
    db: Db = "sqlite:///shardwright.db",
    workers: Annotated[
        int | None,
        typer.Option(
            help="Jobs this process runs at the same time; 0 leaves them to shardwright worker.",
            min=0,
            max=256,
            show_default="one per core",
        ),
    ] = None,
    keys: Annotated[
        bool | None,
        typer.Option(
            "--keys/--no-keys",
            help="Ask every request for an API key.",
            show_default="keys, unless only this machine is listened to",
        ),
    ] = None,
    log: Annotated[
        Literal["quiet", "json"], typer.Option(help="json: one line for every request on standard error.")
    ] = "quiet",
) -> None:
    """Run the service: page at /, REST under /v1.

    On SQLite this is all there is. On PostgreSQL run shardwright migrate first; any number of servers and
    workers may share the database.
    """
    import uvicorn

    from api.app import create_app
    from api.settings import Settings

    alone = host in LOOPBACK
    guarded = keys if keys is not None else not alone or _asked_for_keys()
    chosen: dict[str, Any] = {"database_url": db, "requires_keys": guarded}
    if alone:
        chosen["allowed_hosts"] = LOOPBACK
    if workers is not None:
        chosen["workers"] = workers
    if log == "json":
        _log_requests()
    settings = Settings(**chosen)
    _check_database(settings.database_url)
    reach = "this machine only" if alone else "whoever can reach the port"
    rights = "with API keys" if guarded else "there are no keys or accounts"
    typer.echo(f"Shardwright listens on http://{host}:{port}, open to {reach}: {rights}.", err=True)
    uvicorn.run(
        create_app(settings),
        host=host.strip("[]"),
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def _check_database(url: str) -> None:
    """What would end the service while it starts is told before, in a line."""
    from api.jobs import alone
    from db.database import Database
    from db.upgrade import check_current

    database = Database(url)
    if database.is_sqlite:
        alone.hold(database.url.database or "").close()
    else:
        check_current(database)
    database.close()


def _asked_for_keys() -> bool:
    return os.environ.get("SHARDWRIGHT_REQUIRES_KEYS", "").lower() in ("1", "true", "yes")


def _log_requests() -> None:
    """Lines of the requests as they are, JSON already."""
    lines = logging.getLogger("shardwright.requests")
    lines.setLevel(logging.INFO)
    lines.propagate = False
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    lines.addHandler(handler)
