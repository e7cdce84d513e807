"""Everything that follows from timed points: a device row, efficiency rows, and their references."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.hardware import Source
from planner.measurement.device_row import as_device, device_row, known_device
from planner.measurement.document import CatalogueRows, KernelRow, LinkRow, Point
from planner.measurement.efficiency_rows import fit_collectives, fit_kernels, kernel_rows, link_rows
from planner.measurement.port import FoundDevice
from planner.measurement.rates import rates

KERNELS, LINKS = "measured:kernels", "measured:collectives"


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Rows of the catalogue, relative to the measured device and to the one the catalogue knows."""

    row: Mapping[str, Any]
    references: Mapping[str, Source]
    kernels: Mapping[str, KernelRow]
    links: Mapping[str, LinkRow]
    catalogue: CatalogueRows | None


def derive(found: FoundDevice, points: Sequence[Point], provenance: str) -> Derived:
    """Fit the points and express the constants as catalogue rows.

    Raises
    ------
    CannotTime
        The points hold no matrix product in bf16 or no copy.
    """
    reached = rates(points)
    kernels, links = fit_kernels(points, reached), fit_collectives(points)
    row, references = device_row(found, reached, links, provenance)
    device, known = as_device(row, references), known_device(found.name)
    catalogue = None
    if known is not None:
        catalogue = CatalogueRows(
            id=known.id,
            family=known.family,
            kernels=kernel_rows(kernels, known, known.family, KERNELS),
            links=link_rows(links, known, known.family, LINKS),
        )
    how = "constants fitted to kernels inside a CUDA graph, operands outside the cache"
    references[KERNELS] = Source(kind="measured", source=f"{provenance}: {how}")
    if links is not None:
        how = "base, step and speed fitted to collectives of one host; out_* and reduce_*: the default row"
        references[LINKS] = Source(kind="measured", source=f"{provenance}: {how}")
    return Derived(
        row=row,
        references=references,
        kernels=kernel_rows(kernels, device, device.family, KERNELS),
        links=link_rows(links, device, device.family, LINKS),
        catalogue=catalogue,
    )
