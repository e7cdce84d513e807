"""Which timings one row of the table is fitted to: a family's devices, or all devices for families unseen."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from models import catalog
from planner.calibration.kernels import samples, tables
from planner.calibration.kernels.counts import Count
from planner.calibration.kernels.samples import Samples

SEED = 0
LEAST_POINTS, MOST_POINTS, MOST_SHARED_POINTS = 30, 10000, 2000
"""Of one device: fewer say nothing, more say no more; each adds as many to the row of all families."""
NO_WITNESS = {
    ("ampere", "latent_prefill"), ("ampere", "latent_decode"), ("ampere", "recurrence"),
    ("ada", "latent_prefill"), ("ada", "latent_decode"),
}  # fmt: skip
"""Latent attention runs on fallback kernels there: no curve comes closer than a factor of four for a tenth of
the shapes, with the memory at a fifth of its speed. Recurrences were timed in decode alone. Both say nothing
about other devices either; the row of all families stands in."""
Counted = Mapping[tuple[str, str], list[tuple[Count, float]]]
"""Counts and seconds by kind and format, as :func:`operations.operations` gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Samples of one row: ``family`` is empty for the row of all families."""

    family: str
    kind: str
    format: str
    samples: Samples

    @property
    def name(self) -> str:
        """Key of the row."""
        return "/".join(part for part in (self.family, self.kind, self.format) if part)


def pools(by_folder: Iterable[tuple[str, Counted]]) -> tuple[Pool, ...]:
    """Samples of every row, sorted by name; counted tables come beside the device folder they are of."""
    parts = defaultdict[tuple[str, str, str], list[Samples]](list)
    for folder, counted in by_folder:
        device = catalog.device(tables.DEVICES[folder])
        for (kind, fmt), timed in counted.items():
            if len(timed) < LEAST_POINTS or (device.family, kind) in NO_WITNESS:
                continue
            chosen = np.random.default_rng(SEED).permutation(len(timed))[:MOST_POINTS]
            found = samples.of_device(timed, device).take(chosen)
            parts[device.family, kind, fmt].append(found)
            parts["", kind, fmt].append(found.take(slice(MOST_SHARED_POINTS)))
    return tuple(
        Pool(family=family, kind=kind, format=fmt, samples=samples.together(found))
        for (family, kind, fmt), found in sorted(parts.items())
    )
