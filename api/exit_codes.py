"""What the shell is told when a command ends."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    SOLVED = 0
    REJECTED = 1
    INVALID = 2
    INFEASIBLE = 3
    TIME_LIMIT = 4
    NOT_BUILT = 5


_OF_STATUS = {"infeasible": ExitCode.INFEASIBLE, "time_limit": ExitCode.TIME_LIMIT}
_GRAVEST_FIRST = (ExitCode.INVALID, ExitCode.NOT_BUILT, ExitCode.TIME_LIMIT, ExitCode.INFEASIBLE)


def of_status(status: str) -> ExitCode:
    """Exit code of an answer; a plan that is not proven optimal still counts as solved."""
    return _OF_STATUS.get(status, ExitCode.SOLVED)


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """The one code of a batch: invalid input before a time limit before infeasible before solved."""
    seen = set(codes)
    return next((code for code in _GRAVEST_FIRST if code in seen), ExitCode.SOLVED)
