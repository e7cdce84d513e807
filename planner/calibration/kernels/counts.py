"""What one operation costs, whoever asks: the numbers a curve is evaluated at."""

from dataclasses import dataclass

from models.cost.base import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One :class:`models.cost.base.Operation` as plain numbers; units as there."""

    kind: OperationKind
    format: str
    flop: float
    bytes: float
    rows: float
    launches: float = 1.0
    unit_bytes: float = 0.0
