"""Fits the all-reduce latencies of every device family that has a switched fabric."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import catalog
from models.cost.fitted import FABRIC_BYTES_PER_S
from planner.calibration.kernels import tables
from planner.calibration.kernels.links_fit import ReduceFit, ReduceSample, fit_reduce, reduce_samples

TABLE = "custom_allreduce_perf"


def fit_links(directory: Path, links: Mapping[str, Any]) -> dict[str, ReduceFit]:
    """Latencies by family; ``default``, for families not timed, rests on all that share its speed.

    ``links`` are the present rows: their speeds price the bytes of a message.
    """
    pooled = defaultdict[str, list[ReduceSample]](list)
    for folder, name in tables.DEVICES.items():
        device = catalog.device(name)
        if device.scale_up_bytes_per_s <= FABRIC_BYTES_PER_S:
            continue
        row = links.get(device.family, links["default"])
        for _, rows in tables.read_rows(directory, folder, TABLE):
            found = reduce_samples(rows, device.scale_up_bytes_per_s * row["up_frac"])
            pooled[device.family].extend(found)
            if row["up_frac"] == links["default"]["up_frac"]:
                pooled["default"].extend(found)
    return {family: fit_reduce(found) for family, found in sorted(pooled.items()) if found}
