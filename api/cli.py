"""The command line, and the composition root: every command is wired to the program here.

Importing this module stays cheap: each command imports what it needs when it runs, so that
``shardwright --help`` answers at once.
"""

from typing import Annotated

import typer

from api.commands import (
    accuracy,
    calibrate,
    catalog,
    check,
    keys,
    measure,
    migrate,
    not_built,
    plan,
    predict,
    requirements,
    schema,
    serve,
    solve,
    verify,
    what_if,
    worker,
)

app = typer.Typer(
    name="shardwright",
    help="Decides how large language models are cut up and placed on GPU clusters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 solved, 1 verification failed, 2 invalid input, 3 infeasible, "
    "4 time limit without plan, 5 not built yet.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"shardwright {version('shardwright')}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Decides how large language models are cut up and placed on GPU clusters."""


app.command("plan")(plan.command)
app.command("predict")(predict.command)
app.command("check")(check.command)
app.command("what-if")(what_if.command)
app.command("requirements")(requirements.command)
app.command("accuracy")(accuracy.command)
app.command("calibrate")(calibrate.command)
app.command("measure")(measure.measure)
app.command("solve")(solve.command)
app.command("verify")(verify.command)
app.command("catalog")(catalog.command)
app.command("schema")(schema.command)
app.command("serve")(serve.command)
app.command("worker")(worker.command)
app.command("migrate")(migrate.command)
app.add_typer(keys.app, name="keys")
for _name, _what in not_built.COMMANDS.items():
    app.command(_name, help=f"{_what} (not built yet)", context_settings=not_built.ANY_ARGUMENTS)(
        not_built.command_of(_name)
    )


if __name__ == "__main__":
    app()
