"""Dated lists of what an hour of a device costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from models.hardware import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Typical price of one device, with the spread of the market where it is known [USD/h]."""

    usd_per_hour: float
    kind: Kind
    source: str
    low_usd_per_hour: float | None = None
    high_usd_per_hour: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """Prices by device id; a device that is missing has none."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    name: str
    date: str
    rows: Mapping[str, Price]
    note: str = ""
