"""What a replica takes before it serves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Speed at which weights are read [B/s per device], and the rest of a start [s]."""

    load_bytes_per_s_per_device: float
    fixed_s: float
