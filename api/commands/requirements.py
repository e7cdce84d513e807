"""``shardwright requirements SCENARIO``: the least hardware that meets the SLO."""

import sys
from typing import Annotated

import typer

from api.commands.ending import ends_cleanly, tell
from api.commands.plan import Format
from api.commands.reading import folder_of, read_text, stem_of
from api.exit_codes import ExitCode, of_status


@ends_cleanly
def command(
    scenario: Annotated[str, typer.Argument(help="Scenario file (YAML or JSON); - reads standard input.")],
    devices: Annotated[
        str,
        typer.Option(
            help="Devices to count: those of the scenario's pools, all of the catalogue, or ID,ID.",
            metavar="pools|all|ID,ID",
        ),
    ] = "pools",
    form: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = "table",
) -> ExitCode:
    """Say the fewest devices of each type that meet the SLO, and the least compute, memory and links."""
    from api.render.answer import terminal
    from api.render.progress import parts_bar
    from api.render.requirements_table import print_requirements
    from models import codec
    from models.errors import ShardwrightError
    from planner import scenario_file
    from planner.requirements import requirements

    try:
        question = scenario_file.read(read_text(scenario), base=folder_of(scenario))
        with parts_bar(stem_of(scenario)) as report:
            answer = requirements(question, devices=_asked(devices), on_progress=report)
    except ShardwrightError as error:
        return tell(error, scenario)
    if form == "json":
        sys.stdout.write(codec.to_json(answer) + "\n")
    else:
        print_requirements(answer, terminal())
    return of_status(answer.status)


def _asked(devices: str) -> str | tuple[str, ...]:
    """Words stand for themselves, anything else is a list of ids."""
    if devices in ("pools", "all"):
        return devices
    return tuple(name.strip() for name in devices.split(",") if name.strip())
