"""``shardwright what-if SCENARIO --set NAME=VALUE``: the difference a change makes, proven on both sides."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.commands.ending import ends_cleanly, tell
from api.commands.reading import folder_of, read_text
from api.exit_codes import ExitCode, of_status
from models.errors import InvalidInput, ShardwrightError

if TYPE_CHECKING:
    from models.what_if import Change


@ends_cleanly
def command(
    scenario: Annotated[str, typer.Argument(help="Scenario file (YAML or JSON); - reads standard input.")],
    changes: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A field and its new value, e.g. slo.chat.ttft_s.limit_s=2.3; may be repeated.",
        ),
    ],
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="How to print the answer.")
    ] = "table",
) -> ExitCode:
    """Solve a scenario as it is and with changes, and print the difference."""
    from api.render.answer import terminal
    from api.render.what_if_table import print_what_if
    from models import codec
    from planner import scenario_file
    from planner.what_if import what_if

    try:
        question = scenario_file.read(read_text(scenario), base=folder_of(scenario))
        answer = what_if(question, [read_change(text) for text in changes])
    except ShardwrightError as error:
        return tell(error, scenario)
    if form == "json":
        sys.stdout.write(codec.to_json(answer, indent=2) + "\n")
    else:
        print_what_if(answer, terminal())
    return of_status(answer.after.status)


def read_change(text: str) -> "Change":
    """A change from NAME=VALUE; the value is read as YAML, so 2.3, null and [a, b] are what they look like.

    Raises
    ------
    InvalidInput
        No name, or no value.
    """
    from models.what_if import Change
    from planner.importers import document

    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise InvalidInput(
            f"--set {text!r} is not NAME=VALUE", hint="Maybe --set slo.chat.ttft_s.limit_s=2.3."
        )
    return Change(change=name.strip(), to=document.read(value) if value.strip() else None)
