"""Assembles a row of the device table: measured, else known, else assumed, each figure with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from models import catalog, names
from models.errors import UnknownName
from models.hardware import Device, Source
from planner.measurement.efficiency_rows import GroupFit, rounded
from planner.measurement.port import FoundDevice
from planner.measurement.rates import Rates

LABELS = ("id", "name", "vendor", "family", "aliases")
IDLE_FRAC = 0.12
ASSUMED: dict[str, tuple[Any, str]] = {
    "scale_up_domain": (None, "devices of one host, joined as far as the host joins them"),
    "scale_up_latency_s": (8e-6, "8e-6 per step through PCIe and host memory"),
    "scale_out_bytes_per_s": (12.5e9, "one 100 Gb/s port per device: set inter_node on the pool"),
    "scale_out_latency_s": (1e-5, "1e-5 per step: adapter, one or two switch hops, NCCL proxy"),
    "host_bytes_per_s": (32e9, "PCIe 4 x16"),
    "peak_watt": (400.0, "the driver states no power limit"),
}
"""What a device is taken to have that neither the measurement nor the catalogue tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value and where it comes from; ``key`` names the source."""

    value: Any
    key: str
    source: Source


def known_device(name: str) -> Device | None:
    """The device as the catalogue has it, by the name its driver gives; None for one it does not have."""
    try:
        return catalog.device(name)
    except UnknownName:
        return None


def device_row(
    found: FoundDevice, rates: Rates, links: GroupFit | None, provenance: str
) -> tuple[dict[str, Any], dict[str, Source]]:
    """A row shaped as those of the device table, and the references its sources name.

    Parameters
    ----------
    provenance : str
        Program, date, device and libraries of the measurement.
    """
    known = known_device(found.name)
    figures = _assumed(found) | _from_catalogue(known) | _measured(found, rates, links, known, provenance)
    if known is None:
        figures = _completed(figures)
    base = names.plain(found.name) if known is None else known.id
    row: dict[str, Any] = {
        "id": f"{base}-measured",
        "name": f"{found.name} (measured)",
        "vendor": found.vendor,
    }
    row |= {"family": f"{base}-measured"}
    order = [f.name for f in fields(Device) if f.name in figures]
    row |= {field: figures[field].value for field in order}
    row |= {"aliases": [], "sources": {field: figures[field].key for field in order}}
    return row, {figures[field].key: figures[field].source for field in order}


def as_device(row: Mapping[str, Any], references: Mapping[str, Source]) -> Device:
    """The device that a row describes; it has no price."""
    filled = {
        "aliases": tuple(row["aliases"]),
        "price_usd_per_hour": None,
        "sources": {field: references[key] for field, key in row["sources"].items()},
    }
    return Device(**{**row, **filled})


def _assumed(found: FoundDevice) -> dict[str, Figure]:
    figures = {
        field: Figure(value=value, key=f"assumed:{field}", source=Source(kind="assumed", source=why))
        for field, (value, why) in ASSUMED.items()
    }
    counted = Source(kind="measured", source="devices of this name on the host that was measured")
    return figures | {"devices_per_node": Figure(value=found.count, key="driver:count", source=counted)}


def _from_catalogue(known: Device | None) -> dict[str, Figure]:
    if known is None:
        return {}
    return {
        field: Figure(value=getattr(known, field), key=f"catalogue:{field}", source=source)
        for field, source in known.sources.items()
        if field not in (*LABELS, "price_usd_per_hour")
    }


def _measured(
    found: FoundDevice, rates: Rates, links: GroupFit | None, known: Device | None, provenance: str
) -> dict[str, Figure]:
    def figure(value: Any, key: str, how: str) -> Figure:
        source = Source(kind="measured", source=f"{provenance}: {how}")
        return Figure(value=value, key=f"measured:{key}", source=source)

    peaks, how = _peaks(rates, known)
    memory = rounded(rates.memory_bytes_per_s)
    made = {
        "peak_flop_per_s": figure(peaks, "peak", how),
        "memory_bytes": figure(found.memory_bytes, "capacity", "as the driver reports it"),
        "memory_bytes_per_s": figure(
            memory, "memory", "best copy inside device memory, reads and writes counted"
        ),
    }
    if rates.host_bytes_per_s is not None:
        host = rounded(rates.host_bytes_per_s)
        made["host_bytes_per_s"] = figure(host, "host", "best copy from pinned host memory")
    if found.power_limit_watt is not None:
        made["peak_watt"] = figure(found.power_limit_watt, "power", "power limit in force")
    if links is not None:
        curve = links.fit.curve
        how = f"collectives over {links.members_range[0]} to {links.members_range[1]} devices of one host"
        made["scale_up_bytes_per_s"] = figure(rounded(curve.bytes_per_s), "links", how)
        made["scale_up_latency_s"] = figure(rounded(curve.base_s + curve.step_s), "links", how)
    return made


def _peaks(rates: Rates, known: Device | None) -> tuple[dict[str, float], str]:
    """Best product by format; formats that were not timed, scaled from their datasheet as bf16 is."""
    reached = {fmt: rounded(value) for fmt, value in rates.peak_flop_per_s.items()}
    how = f"best matrix product in {' and '.join(reached)}"
    if known is None:
        return reached, how
    share = rates.peak_flop_per_s["bf16"] / known.peak_flop_per_s["bf16"]
    others = {f: rounded(p * share) for f, p in known.peak_flop_per_s.items() if f not in reached}
    if others:
        how += f"; {' and '.join(others)}: datasheet times the share of it that bf16 reached"
    return reached | others, how


def _completed(figures: dict[str, Figure]) -> dict[str, Figure]:
    """What follows from other figures on a device that the catalogue does not know."""
    host, watt = figures["host_bytes_per_s"], figures["peak_watt"].value
    idle = Source(kind="assumed", source=f"{IDLE_FRAC} x peak_watt: override watt.idle on the pool")
    up = Source(kind="assumed", source="no collective was timed: the host link")
    made = {"idle_watt": Figure(value=round(IDLE_FRAC * watt), key="assumed:idle_watt", source=idle)}
    if "scale_up_bytes_per_s" not in figures:
        made["scale_up_bytes_per_s"] = Figure(value=host.value, key="assumed:scale_up", source=up)
    return figures | made
