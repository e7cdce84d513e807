"""Driver, clocks and power of one GPU as ``nvidia-smi`` tells them; empty where it does not."""

import subprocess
from typing import Any

from models.units import MIB

MHZ = 1e6
FIELDS: dict[str, tuple[str, float | None]] = {
    # nvidia-smi's property: our field, and its unit; None for text
    "driver_version": ("driver", None),
    "memory.total": ("memory_bytes", MIB),
    "clocks.max.sm": ("sm_clock_max_hz", MHZ),
    "clocks.max.memory": ("memory_clock_max_hz", MHZ),
    "power.limit": ("power_limit_watt", 1.0),
    "power.draw": ("power_draw_watt", 1.0),
}
LONGEST_S = 20.0


def facts(identity: str) -> dict[str, Any]:
    """Facts by field of :class:`~planner.measurement.port.FoundDevice`; ``identity``: an index or a UUID."""
    command = [
        "nvidia-smi",
        f"--id={identity}",
        f"--query-gpu={','.join(FIELDS)}",
        "--format=csv,noheader,nounits",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST_S)
    except (OSError, subprocess.SubprocessError):
        return {}
    return read(done.stdout)


def read(line: str) -> dict[str, Any]:
    """Facts of one line of its table; a property it does not know ("[N/A]") is left out."""
    values = [value.strip() for value in line.strip().split(",")]
    if len(values) != len(FIELDS):
        return {}
    found: dict[str, Any] = {}
    for value, (name, unit) in zip(values, FIELDS.values(), strict=True):
        if unit is None:
            found[name] = value
        elif value.replace(".", "", 1).isdigit():
            found[name] = float(value) * unit
    return found
