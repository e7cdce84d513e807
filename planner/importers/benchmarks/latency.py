"""Latency statistics of a result, in seconds, under the names of an observation."""

from collections.abc import Mapping

from models.observation import STATISTICS
from planner.importers.benchmarks.record import Record

SECONDS, MILLISECONDS = 1.0, 1e3
"""How many of a unit make a second. Dividing keeps 402.8 ms at 0.4028 s; multiplying by 1e-3 does not."""

PER_SECOND: Mapping[str, float] = {
    "s": SECONDS,
    "sec": SECONDS,
    "ms": MILLISECONDS,
    "us": 1e6,
    "ns": 1e9,
    "s/token": SECONDS,
    "ms/token": MILLISECONDS,
}
"""The same, for each unit of time that a report may name."""

PERCENTILES: Mapping[str, str] = {name: name for name in STATISTICS if name != "mean"}
"""Percentiles under their plain names."""


def latency(record: Record, names: Mapping[str, str], unit: float) -> dict[str, float]:
    """Statistics in seconds, by the name an observation has for them.

    Parameters
    ----------
    record : Record
        Object that holds the statistics as fields.
    names : mapping
        Field of the record for each name in ``STATISTICS``.
    unit : float
        How many of the record's unit make a second.
    """
    stated = {name: record.measured(names[name]) for name in STATISTICS if name in names}
    # a mean of 0 tells that there was no sample at all (no streaming, or a single output token)
    if "mean" in names and record.has(names["mean"]) and stated["mean"] is None:
        return {}
    return {name: value / unit for name, value in stated.items() if value is not None}


def stated_unit(record: Record, name: str) -> float:
    """How many of the unit that the field ``name`` states make a second."""
    unit = record.text(name)
    if unit is None or unit not in PER_SECOND:
        record.refuse(name, f"is {unit!r}, no unit of time", f"Maybe one of {', '.join(PER_SECOND)}.")
    return PER_SECOND[unit]


def same_unit(record: Record, name: str, *units: str) -> None:
    """Refuse a record whose field ``name`` states none of these units."""
    unit = record.text(name)
    if unit not in units:
        record.refuse(name, f"is {unit!r}", f"Maybe {' or '.join(units)}, which is what is read here.")
