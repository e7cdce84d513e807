"""``shardwright serve``: the service with its page and REST interface."""

from typing import Annotated

import typer

from api.commands.ending import ends_cleanly


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

    application = create_app(Settings(database_url=db))
    reach = "this machine only" if host in ("127.0.0.1", "localhost", "::1") else "whoever can reach the port"
    typer.echo(
        f"Shardwright listens on http://{host}:{port}, open to {reach}: there are no keys or accounts.",
        err=True,
    )
    uvicorn.run(application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
