r"""Fitted kernel curves: a launch floor, an efficiency per kernel family, fewer rows run slower.

.. math:: t = n_l t_0 + \max\left(\frac{F}{e_c \pi \, r/(r + r_0)}, \frac{B}{e_m \beta}\right)

``r`` rows of the left operand, ``r_0`` the rows at which half the efficiency is reached.
"""

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from models.cost.base import Array, CollectiveKind, Operation, Span
from models.cost.collectives import LinkSpeeds, collective_seconds
from models.cost.roofline import peak_flop_per_s
from models.hardware import Device


@cache
def _table() -> dict[str, Any]:
    text = (files("models") / "data" / "kernel_efficiency.json").read_text()
    table: dict[str, Any] = json.loads(text)
    return table


@lru_cache(maxsize=4096)
def _row(section: str, *keys: str) -> dict[str, float]:
    """Most specific row that exists: leading keys (the family) are given up first, then the format."""
    rows: dict[str, dict[str, float]] = _table()[section]
    for name in ("/".join(keys), "/".join(keys[1:]), "/".join(keys[1:-1])):
        if name in rows:
            return rows[name]
    return rows["default"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Efficiency curves from kernel and collective measurements; the default cost source."""

    name: str = "fitted"
    kind: Literal["fitted"] = "fitted"

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the table, as it states them."""
        return tuple(_table()["sources"])

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation [s]."""
        matmul = operation.kind in ("gemm", "grouped_gemm")
        row = _row("kernels", device.family, operation.kind, operation.format)
        peak = peak_flop_per_s(device, operation.format if matmul else "bf16") * row["compute_frac"]
        fill = operation.rows / (operation.rows + row["half_rows"])
        compute_s = operation.flop / (peak * np.maximum(fill, 1e-9))
        memory_s = operation.bytes / (device.memory_bytes_per_s * row["memory_frac"])
        floor_s = operation.launches * row["launch_s"]
        total: Array = floor_s + np.maximum(compute_s, memory_s)
        return np.where(operation.flop + operation.bytes > 0, total, 0.0)

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of a collective at measured efficiency [s]."""
        return collective_seconds(kind, payload_bytes, span, _links(device))

    def host_s(self, engine: str) -> tuple[float, float]:
        """Host time of a step, and of each running sequence in it [s]."""
        row = _row("hosts", engine)
        return row["step_s"], row["sequence_s"]


def _links(device: Device) -> LinkSpeeds:
    row = _row("links", device.family)
    return LinkSpeeds(
        up_bytes_per_s=device.scale_up_bytes_per_s * row["up_frac"],
        up_base_s=row["up_base_s"] + device.scale_up_latency_s * row["up_latency_weight"],
        up_step_s=row["up_step_s"],
        out_bytes_per_s=device.scale_out_bytes_per_s * row["out_frac"],
        out_base_s=row["out_base_s"] + device.scale_out_latency_s * row["out_latency_weight"],
        out_step_s=row["out_step_s"],
        peer_bytes_per_s=(device.peer_bytes_per_s or np.inf) * row["up_frac"],
    )


def error_band_frac(metric: str) -> tuple[float, float]:
    """Measured/predicted at the 10 % and 90 % quantile of the accuracy rows, by metric."""
    low, high = _table()["error_band_frac"][metric]["range"]
    return float(low), float(high)
