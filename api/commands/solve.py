"""``shardwright solve PROBLEM INSTANCE``: one formulation on its own."""

import json
from typing import Annotated, Any

import typer

from api.commands.ending import ends_cleanly, tell
from api.commands.reading import read_text
from api.exit_codes import ExitCode, of_status


@ends_cleanly
def command(
    problem: Annotated[str, typer.Argument(help="Name of the formulation, such as replica-mix.")],
    instance: Annotated[str, typer.Argument(help="Instance file (JSON); - reads standard input.")],
    name: Annotated[str | None, typer.Option(help="Which instance, in a file that holds several.")] = None,
    time_limit: Annotated[float, typer.Option(help="Solving time [s].", min=0.001, max=86_400.0)] = 10.0,
    gap: Annotated[
        float, typer.Option(help="Relative gap at which a plan is optimal.", min=0.0, max=1.0)
    ] = 1e-4,
) -> ExitCode:
    """Solve one problem instance and print the answer as JSON."""
    from models.errors import InvalidInput
    from planner.importers import document
    from solvers import problems
    from solvers.errors import InvalidInstance

    module = problem_module(problem)
    try:
        parsed: Any = module.parse(problems.pick(document.read(read_text(instance)), name))
    except (InvalidInput, InvalidInstance) as error:
        return tell(error, instance)
    answer = module.solve(parsed, time_limit_s=time_limit, gap=gap)
    typer.echo(json.dumps(answer, indent=2, allow_nan=False))
    return of_status(answer["status"])


def problem_module(problem: str) -> Any:
    """The formulation of that name.

    Raises
    ------
    UnknownName
        Names the ones that exist.
    """
    from models.errors import UnknownName
    from solvers import problems

    if problem not in problems.PROBLEMS:
        raise UnknownName(
            f"no problem is named {problem!r}", hint=f"Maybe one of: {', '.join(sorted(problems.PROBLEMS))}"
        )
    return problems.PROBLEMS[problem]
