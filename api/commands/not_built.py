"""Commands of the contract that later issues build: they end with exit code 5."""

from collections.abc import Callable

import typer

from api.exit_codes import ExitCode

COMMANDS = {
    "simulate": "Replay traffic through a plan",
    "import": "Read topology, traces or benchmark reports",
    "export": "Write the files that deploy a plan",
}
ANY_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}


def command_of(name: str) -> Callable[[typer.Context], None]:
    """The command that says it is not built yet."""

    def command(context: typer.Context) -> None:
        typer.echo(f"error: shardwright {name} is not built yet", err=True)
        raise typer.Exit(int(ExitCode.NOT_BUILT))

    return command
