"""``shardwright schema NAME``: the JSON Schema of a document."""

import json
from typing import Annotated

import typer

from api.commands.ending import ends_cleanly


@ends_cleanly
def command(
    name: Annotated[
        str,
        typer.Argument(
            help="scenario, plans, predict-row, prediction, check, requirements, calibration, "
            "or solve.PROBLEM",
            show_default=False,
        ),
    ],
) -> None:
    """Print the JSON Schema of a document."""
    from api.schemas import schema

    typer.echo(json.dumps(schema(name), indent=2))
