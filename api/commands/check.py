"""``shardwright check SCENARIO --config CONFIG``: why not this configuration?"""

import json
from typing import Annotated

import typer

from api.commands.ending import ends_cleanly, tell
from api.commands.reading import folder_of, read_text
from api.exit_codes import ExitCode


@ends_cleanly
def command(
    scenario: Annotated[str, typer.Argument(help="Scenario file (YAML or JSON); - reads standard input.")],
    config: Annotated[
        str,
        typer.Option(help="File with a list of groups or a predict row (JSON or YAML)."),
    ],
) -> ExitCode | None:
    """Say whether a configuration of your own fits the scenario, and how far it is from the best."""
    from models.errors import ShardwrightError
    from planner import check, scenario_file

    try:
        question = scenario_file.read(read_text(scenario), base=folder_of(scenario))
    except ShardwrightError as error:
        return tell(error, scenario)
    try:
        verdict = check.check(question, read_config(read_text(config)))
    except ShardwrightError as error:
        return tell(error, config)
    typer.echo(json.dumps(verdict, indent=2, allow_nan=False))
    return None


def read_config(text: str) -> object:
    """The value of a JSON or YAML text.

    Raises
    ------
    NotBuilt
        A pasted engine command line.
    InvalidInput
        Neither that nor JSON nor YAML.
    """
    from api.command_lines import is_command_line, not_read_yet
    from models.errors import InvalidInput
    from planner.importers import document

    try:
        value = document.read(text)
    except InvalidInput:
        if text.lstrip()[:1] not in ("{", "[") and is_command_line(text):
            raise not_read_yet() from None
        raise
    if isinstance(value, str) and is_command_line(value):
        raise not_read_yet()
    return value
