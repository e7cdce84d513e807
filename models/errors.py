"""Everything this project raises on purpose, as one small tree.

ShardwrightError
  InvalidInput           the description contradicts itself, or breaks a bound; names field and value
    UnknownName          a device, model, engine or price the catalogue does not hold
    TooLarge             a count or a document beyond the stated limits
  NotBuilt               a command of the contract that no issue has built yet

Infeasible, time limit and "no plan" are statuses of an answer, never exceptions.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with a document: where, what, and perhaps a way out."""

    pointer: str
    detail: str
    hint: str = ""


class ShardwrightError(Exception):
    """Base of the tree; ``hint`` is advice for the reader, ``pointer`` a JSON pointer to the field."""

    def __init__(self, message: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.pointer}: " if self.pointer else ""
        advice = f"\n{self.hint}" if self.hint else ""
        return f"{where}{self.message}{advice}"


class InvalidInput(ShardwrightError, ValueError):
    """The description contradicts itself, or breaks a bound; several faults may be told at once."""

    def __init__(
        self, message: str, *, pointer: str = "", hint: str = "", faults: tuple[Fault, ...] = ()
    ) -> None:
        super().__init__(message, pointer=pointer, hint=hint)
        self.faults = faults or (Fault(pointer=pointer, detail=message, hint=hint),)

    def under(self, prefix: str) -> "InvalidInput":
        """The same error seen from a document that holds this one at ``prefix``."""
        faults = tuple(Fault(pointer=prefix + f.pointer, detail=f.detail, hint=f.hint) for f in self.faults)
        return type(self)(self.message, pointer=prefix + self.pointer, hint=self.hint, faults=faults)


class UnknownName(InvalidInput):
    """A name the catalogue does not hold."""


class TooLarge(InvalidInput):
    """A count or a document beyond the stated limits."""


class NotBuilt(ShardwrightError, ValueError):
    """A command or option of the contract that is not built yet."""
