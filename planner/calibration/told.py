"""What a user says of a benchmarked system beside the result files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from models import catalog
from models.errors import InvalidInput
from models.precision import Precision
from models.wire import WIRE

DEGREES = ("tp", "pp", "dp", "ep")
LOOK_UPS: dict[str, Callable[[str], str]] = {
    "model": lambda name: catalog.model(name).id,
    "device": lambda name: catalog.device(name).id,
    "engine": lambda name: catalog.engine(name).name,
}
"""Catalogue id of a name, per field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the user says of the benchmarked system, where a file does not.

    Attributes
    ----------
    model, device, engine : str, optional
        Names of the catalogue.
    devices : int, optional
        Accelerators of all replicas together.
    precision : Precision, optional
        Default: the checkpoint's own.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    model: str | None = None
    device: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    tp: int | None = None
    pp: int | None = None
    dp: int | None = None
    ep: int | None = None
    devices: int | None = None
    precision: Precision | None = None

    def __post_init__(self) -> None:
        for name in (*DEGREES, "devices"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= 1_000_000:
                raise InvalidInput(f"must lie between 1 and 1,000,000, got {value}", pointer=f"/{name}")


def canonical(told: Told) -> Told:
    """Ids of the catalogue instead of aliases.

    Raises
    ------
    InvalidInput
        A name the catalogue does not hold.
    """
    ids: dict[str, Any] = {}
    for field, look_up in LOOK_UPS.items():
        value = getattr(told, field)
        if value is not None:
            try:
                ids[field] = look_up(value)
            except InvalidInput as error:
                raise InvalidInput(error.message, pointer=f"/{field}", hint=error.hint) from None
    return replace(told, **ids)
