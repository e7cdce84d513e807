"""Errors as lines a person can act on: file, JSON pointer, what is wrong, a hint."""

from models.errors import Fault, InvalidInput, ShardwrightError

MAX_SHOWN = 50


def faults_of(error: Exception) -> tuple[Fault, ...]:
    """Every fault an error carries, at least one."""
    if isinstance(error, InvalidInput):
        return error.faults
    if isinstance(error, ShardwrightError):
        return (Fault(pointer=error.pointer, detail=error.message, hint=error.hint),)
    if isinstance(error, OSError):
        return (Fault(pointer="", detail=_system_words(error)),)
    return (
        Fault(
            pointer=getattr(error, "pointer", ""),
            detail=getattr(error, "message", "") or str(error) or type(error).__name__,
            hint=getattr(error, "hint", ""),
        ),
    )


def lines(error: Exception, source: str = "") -> list[str]:
    """One line per fault, its hint indented below; ``source`` is the file at fault."""
    faults = faults_of(error)
    out: list[str] = []
    for fault in faults[:MAX_SHOWN]:
        where = ": ".join(part for part in (source, fault.pointer) if part)
        out.append(f"error: {where}: {fault.detail}" if where else f"error: {fault.detail}")
        out += [f"  {line}" for line in fault.hint.splitlines()]
    if len(faults) > MAX_SHOWN:
        out.append(f"error: and {len(faults) - MAX_SHOWN} more")
    return out


def _system_words(error: OSError) -> str:
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words
