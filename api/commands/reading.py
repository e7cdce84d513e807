"""Files named on the command line, read whole and within bounds; ``-`` is standard input."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import Fault, InvalidInput, TooLarge

if TYPE_CHECKING:
    from models.calibration import Calibration

STDIN = "-"
MAX_BYTES = 8_000_000


def read_text(name: str, *, max_bytes: int = MAX_BYTES) -> str:
    """Text of one file.

    Raises
    ------
    InvalidInput
        Missing, a directory, not readable, not UTF-8, or larger than ``max_bytes``.
    """
    data = _read(name, max_bytes)
    if len(data) > max_bytes:
        raise TooLarge(f"{name} has more than {max_bytes} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not UTF-8 text: {error.reason} at byte {error.start}",
            hint="Maybe it is a binary file, or saved in another encoding.",
        ) from None


def read_calibration(name: str) -> "Calibration":
    """The calibration in a file.

    Raises
    ------
    InvalidInput
        No calibration; every fault names the file.
    """
    from planner import calibration_file

    try:
        return calibration_file.read(read_text(name))
    except InvalidInput as error:
        faults = [Fault(pointer=f.pointer, detail=f"{name}: {f.detail}", hint=f.hint) for f in error.faults]
        raise InvalidInput(faults[0].detail, pointer=error.pointer, faults=tuple(faults)) from None


def folder_of(name: str) -> Path:
    """Folder that relative paths inside the file refer to."""
    return Path.cwd() if name == STDIN else Path(name).resolve().parent


def stem_of(name: str) -> str:
    """Name of the file without folder and last suffix."""
    return "stdin" if name == STDIN else Path(name).stem


def _read(name: str, max_bytes: int) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read(max_bytes + 1)
    try:
        with open(name, "rb") as file:
            return file.read(max_bytes + 1)
    except IsADirectoryError:
        raise InvalidInput(f"{name} is a directory", hint="Maybe name a file inside it.") from None
    except FileNotFoundError:
        raise InvalidInput(f"{name} does not exist", hint="Maybe the path has a typo.") from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
