"""The outcome of a verification: what was checked, what failed, and what is proven."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One check: its name, what it says, and a line per fault."""

    name: str
    says: str
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return not self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All checks of one answer against one certificate.

    Parameters
    ----------
    status
        ``accepted``; ``partial`` where all checks hold and the stated bound goes beyond what is proven;
        ``rejected`` where a check fails.
    note
        What is not proven, in words; empty where all is.
    proven_bound
        Tightest bound that is proven, as a double.
    proven_by
        ``tree`` or ``lp``; None where no bound is proven.
    plans, columns, rows, leaves
        How many were looked at.
    """

    status: str
    note: str
    sense: str
    objective: float | None
    bound: float | None
    proven_bound: float | None
    proven_by: str | None
    plans: int
    columns: int
    rows: int
    leaves: int
    checks: tuple[Outcome, ...]

    @property
    def accepted(self) -> bool:
        """Whether every check holds."""
        return self.status != "rejected"

    def failures(self) -> list[str]:
        """One line per fault, each with the name of its check."""
        return [f"{check.name}: {fault}" for check in self.checks for fault in check.faults]

    def to_plain(self) -> dict[str, Any]:
        """Give the report as dictionaries and lists for JSON."""
        plain = asdict(self)
        plain["checks"] = [{**asdict(check), "passed": check.passed} for check in self.checks]
        return plain
