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
        typer.Option(help="File with a list of groups, a predict row, or a pasted engine command line."),
    ],
) -> ExitCode | None:
    """Say whether a configuration of your own fits the scenario, and how far it is from the best."""
    from models.errors import InvalidInput
    from planner import check, scenario_file

    try:
        question = scenario_file.read(read_text(scenario), base=folder_of(scenario))
    except InvalidInput as error:
        return tell(error, scenario)
    try:
        verdict = check.check(question, read_config(read_text(config)))
    except InvalidInput as error:
        return tell(error, config)
    typer.echo(json.dumps(verdict, indent=2, allow_nan=False))
    return None


def read_config(text: str) -> object:
    """A JSON or YAML value where the text is one, else the text itself: a pasted command line."""
    from models.errors import InvalidInput
    from planner.importers import document

    try:
        value = document.read(text)
    except InvalidInput:
        if text.lstrip()[:1] in ("{", "["):
            raise
        return text
    return value if isinstance(value, dict | list) else text
