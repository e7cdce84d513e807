"""``shardwright catalog models|devices|engines``: what is known without asking anybody."""

import json
from typing import Annotated, Literal

import typer

from api.commands.ending import ends_cleanly


@ends_cleanly
def command(
    kind: Annotated[Literal["models", "devices", "engines"], typer.Argument(help="What to list.")],
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="How to print the list.")
    ] = "table",
) -> None:
    """List the models, devices or engines of the catalogue."""
    from api.catalogue import rows

    if form == "json":
        typer.echo(json.dumps(rows(kind), indent=2, allow_nan=False))
        return
    from api.render.answer import terminal
    from api.render.catalogue_table import catalogue_table

    terminal().print(catalogue_table(kind))
