r"""Fitted kernel curves: a launch floor, an efficiency per kernel family, fewer rows run slower.

.. math:: t = n_l t_0 + \left(C^p + M^p\right)^{1/p}, \quad
    C = \frac{F}{e_c \pi} \left(1 + \frac{r_0}{r}\right), \quad M = \frac{B + u_0 b}{e_m \beta}

``r`` rows of the left operand, ``r_0`` the rows at which half the efficiency is reached; ``b`` the weights
of one independent part (an expert), ``u_0`` the parts that must be in flight; ``p`` how well products and
loads overlap (1: not at all). The constants come from kernel timings (``kernel_efficiency.json``), small
factors on them from serving measurements (:mod:`models.cost.serving_fit`).
"""

import json
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from models.cost import serving_fit, terms
from models.cost.base import Array, CollectiveKind, Operation, Overheads, ServingLoop, Span
from models.cost.collectives import LinkSpeeds, collective_seconds
from models.cost.roofline import peak_flop_per_s
from models.cost.serving_fit import ServingFit
from models.hardware import Device

FABRIC_BYTES_PER_S = 2e11
"""Engines bring their own all-reduce kernels for switched fabrics, not for cards on PCIe."""


@cache
def _table() -> dict[str, Any]:
    text = (files("models") / "data" / "kernel_efficiency.json").read_text()
    table: dict[str, Any] = json.loads(text)
    return table


@lru_cache(maxsize=4096)
def curve(section: str, *keys: str) -> dict[str, float]:
    """Most specific row that exists: leading keys (the family) are given up first, then the format."""
    rows: dict[str, dict[str, float]] = _table()[section]
    for name in ("/".join(keys), "/".join(keys[1:]), "/".join(keys[1:-1])):
        if name in rows:
            return rows[name]
    return rows["default"]


def engine_launches(engine: str, family: str, kind: str, number_format: str) -> float:
    """Launches of an engine's module over those of the fastest one; 1 where nobody timed them apart."""
    rows: dict[str, dict[str, float]] = _table().get("engine_launches", {})
    row = rows.get("/".join((engine, family, kind, number_format)))
    return 1.0 if row is None else row["launch_frac"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelTimes:
    """Pieces of a kernel's time [s]: products, what few rows add to them, loads, launches."""

    compute_s: Array
    thin_s: Array
    memory_s: Array
    floor_s: Array | float
    overlap_power: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """Efficiency curves from kernel and collective measurements; the default cost source."""

    name: str = "fitted"
    kind: Literal["fitted", "calibrated"] = "fitted"
    engine: str = ""
    version: str = ""
    fit: ServingFit | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the tables, as they state them."""
        return (*_table()["sources"], *self._fit.sources)

    @property
    def _fit(self) -> ServingFit:
        return self.fit or serving_fit.shipped()

    def serving(self, engine: str, version: str | None) -> "Fitted":
        """The same curves with what was fitted for this engine and version."""
        return replace(self, engine=engine, version=terms.version_key(engine, version))

    def _curve(self, device: Device, operation: Operation) -> tuple[dict[str, float], float]:
        """Constants of the kernel, and the compute it reaches with many rows [FLOP/s]."""
        matmul = operation.kind in ("gemm", "grouped_gemm")
        row = curve("kernels", device.family, operation.kind, operation.format)
        peak = peak_flop_per_s(device, operation.format if matmul else "bf16")
        return row, peak * row["compute_frac"]

    def times(self, device: Device, operation: Operation) -> KernelTimes:
        """Pieces of the operation's time before anything fitted to serving measurements."""
        row, peak = self._curve(device, operation)
        moved = operation.bytes + row.get("ramp_units", 0.0) * operation.unit_bytes
        launches = engine_launches(self.engine, device.family, operation.kind, operation.format)
        compute_s = operation.flop / peak
        return KernelTimes(
            compute_s=compute_s,
            thin_s=compute_s * row["half_rows"] / np.maximum(operation.rows, 1e-9),
            memory_s=moved / (device.memory_bytes_per_s * row["memory_frac"]),
            floor_s=operation.launches * launches * row["launch_s"],
            overlap_power=row.get("overlap_power", 1.0),
        )

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation [s]: the pieces of :meth:`times` with their factors, in fewer steps."""
        row, peak = self._curve(device, operation)
        factor = self._fit.kernel(operation.kind, operation.format, device.family, self.engine, self.version)
        half_rows = row["half_rows"] * factor.half_rows
        compute_s = operation.flop * (factor.compute / peak)
        if half_rows:
            compute_s = compute_s * (1.0 + half_rows / np.maximum(operation.rows, 1e-9))
        moved = operation.bytes
        if row.get("ramp_units"):
            moved = moved + row["ramp_units"] * operation.unit_bytes
        memory_s = moved * (factor.memory / (device.memory_bytes_per_s * row["memory_frac"]))
        launches = engine_launches(self.engine, device.family, operation.kind, operation.format)
        floor_s = operation.launches * row["launch_s"] * (launches * factor.launch)
        total = floor_s + _overlapped(compute_s, memory_s, row.get("overlap_power", 1.0))
        return np.where(operation.flop + operation.bytes > 0, total, 0.0)

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of a collective at measured efficiency [s]."""
        return collective_seconds(kind, payload_bytes, span, _links(device))

    def overheads(self, device: Device) -> Overheads:
        """Launches, host and collectives' factors."""
        return self._fit.overheads(device, self.engine, self.version)

    def loop(self) -> ServingLoop:
        """Constants of the serving loop."""
        return self._fit.loop(self.engine, self.version)


def _overlapped(compute_s: Array, memory_s: Array, power: float) -> Array:
    if power == 1.0:
        return compute_s + memory_s
    both: Array = (
        np.sqrt(compute_s * compute_s + memory_s * memory_s)
        if power == 2.0
        else (compute_s**power + memory_s**power) ** (1.0 / power)
    )
    return both


def _links(device: Device) -> LinkSpeeds:
    row = curve("links", device.family)
    switched = device.scale_up_bytes_per_s > FABRIC_BYTES_PER_S
    return LinkSpeeds(
        up_bytes_per_s=device.scale_up_bytes_per_s * row["up_frac"],
        up_base_s=row["up_base_s"] + device.scale_up_latency_s * row["up_latency_weight"],
        up_step_s=row["up_step_s"],
        out_bytes_per_s=device.scale_out_bytes_per_s * row["out_frac"],
        out_base_s=row["out_base_s"] + device.scale_out_latency_s * row["out_latency_weight"],
        out_step_s=row["out_step_s"],
        peer_bytes_per_s=(device.peer_bytes_per_s or np.inf) * row["up_frac"],
        reduce_base_s=row["reduce_base_s"] if switched else None,
        reduce_step_s=row["reduce_step_s"] if switched else None,
    )
