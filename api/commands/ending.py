"""How a command ends: errors become lines on standard error and an exit code, never a traceback."""

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from api.exit_codes import ExitCode
from api.render.faults import lines
from models.errors import NotBuilt, ShardwrightError
from solvers.errors import InvalidInstance

P = ParamSpec("P")
EXPECTED = (ShardwrightError, InvalidInstance, OSError)
"""What a user can cause; anything else is a defect and keeps its traceback."""


def tell(error: Exception, source: str = "") -> ExitCode:
    """Write every fault to standard error and return the exit code it stands for."""
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return ExitCode.INVALID
    typer.echo("\n".join(lines(error, source)), err=True)
    return ExitCode.NOT_BUILT if isinstance(error, NotBuilt) else ExitCode.INVALID


def ends_cleanly(command: Callable[P, ExitCode | None]) -> Callable[P, None]:
    """Turn a command's returned code, or its error, into the exit of the process."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs) or ExitCode.SOLVED
            sys.stdout.flush()
        except EXPECTED as error:
            code = tell(error)
        raise typer.Exit(int(code))

    return run


def _drop_output() -> None:
    """Nobody reads any more: what is still buffered must not fail again at exit."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
