"""``shardwright serve``: the service with its page and REST interface."""

from typing import Annotated

import typer

from api.commands.ending import ends_cleanly

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
GRACE_S = 3


@ends_cleanly
def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65_535)] = 8000,
    db: Annotated[
        str, typer.Option(help="Database URL; a SQLite file by default.", metavar="URL")
    ] = "sqlite:///shardwright.db",
) -> None:
    """Run the service: page at /, REST under /v1."""
    import uvicorn

    from api.app import create_app
    from api.settings import Settings

    alone = host in LOOPBACK
    settings = Settings(database_url=db, allowed_hosts=LOOPBACK if alone else ())
    reach = "this machine only" if alone else "whoever can reach the port"
    typer.echo(
        f"Shardwright listens on http://{host}:{port}, open to {reach}: there are no keys or accounts.",
        err=True,
    )
    uvicorn.run(
        create_app(settings),
        host=host.strip("[]"),
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
    )
