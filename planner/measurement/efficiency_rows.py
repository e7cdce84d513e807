"""Fits every kernel family and the links to timed points, and writes them as rows of efficiencies."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from models import catalog
from models.cost.collectives import VOLUME
from models.cost.roofline import peak_flop_per_s
from models.hardware import Device
from planner.measurement.document import KernelRow, LinkRow, Point
from planner.measurement.kernel_curves import CurveFit, KernelCurve, KernelSamples, fit_curve
from planner.measurement.link_curves import LinkCurve, LinkFit, LinkSamples, fit_links
from planner.measurement.rates import Rates
from planner.measurement.shapes import Attention, Collective, Elementwise, Gemm, KernelShape

Timed = tuple[KernelShape, float]
"""A kernel and its seconds."""
LEAST_POINTS = 5
"""As many as the curve has constants."""
USUAL_POWER = 2.0
LINK_NAMES = {"base_s": "up_base_s", "step_s": "up_step_s", "bytes_per_s": "up_frac"}
TAKEN_OVER = ("out_frac", "out_base_s", "out_latency_weight", "out_step_s", "reduce_base_s", "reduce_step_s")
DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFit:
    """The curve of one kernel family and the points it rests on."""

    operation: str
    format: str
    fit: CurveFit
    points: int
    rows_range: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFit:
    """The curve of the links and the points it rests on."""

    fit: LinkFit
    points: int
    members_range: tuple[int, int]


def fit_kernels(points: Sequence[Point], rates: Rates) -> tuple[KernelFit, ...]:
    """One curve per kernel family and format that has enough points."""
    families: dict[tuple[str, str], list[Timed]] = defaultdict(list)
    for shape, seconds in _kernels(points):
        families[shape.operation, shape.format].append((shape, seconds))
    return tuple(
        _fit_family(operation, fmt, family, rates)
        for (operation, fmt), family in families.items()
        if len(family) >= LEAST_POINTS
    )


def fit_collectives(points: Sequence[Point]) -> GroupFit | None:
    """One curve for all collectives; None where too few were timed."""
    chosen = [(p.shape, p.median_s) for p in points if isinstance(p.shape, Collective)]
    if len(chosen) < LEAST_POINTS:
        return None
    members = [shape.members for shape, _ in chosen]
    samples = LinkSamples(
        members=np.array(members, dtype=float),
        volume=np.array([VOLUME[shape.operation] for shape, _ in chosen]),
        payload_bytes=np.array([shape.bytes for shape, _ in chosen]),
        seconds=np.array([seconds for _, seconds in chosen]),
    )
    generic = _table()["links"]["default"]
    speed = float(np.max(samples.moved_bytes / samples.seconds))
    prior = LinkCurve(base_s=generic["up_step_s"], step_s=generic["up_step_s"], bytes_per_s=speed)
    return GroupFit(
        fit=fit_links(samples, prior), points=len(chosen), members_range=(min(members), max(members))
    )


def kernel_rows(fits: Sequence[KernelFit], device: Device, family: str, source: str) -> dict[str, KernelRow]:
    """Efficiencies as fractions of the figures of ``device``, keyed as the catalogue keys them."""
    return {
        f"{family}/{found.operation}/{found.format}": KernelRow(
            compute_frac=rounded(found.fit.curve.flop_per_s / _peak(device, found)),
            memory_frac=rounded(found.fit.curve.bytes_per_s / device.memory_bytes_per_s),
            launch_s=rounded(found.fit.curve.launch_s),
            half_rows=rounded(found.fit.curve.half_rows),
            overlap_power=rounded(found.fit.curve.overlap_power),
            kind="measured",
            source=source,
            points=found.points,
            rows_range=found.rows_range,
            residual_median_frac=rounded(found.fit.residual_median_frac),
            residual_p90_frac=rounded(found.fit.residual_p90_frac),
            undetermined=found.fit.undetermined,
        )
        for found in fits
    }


def link_rows(found: GroupFit | None, device: Device, family: str, source: str) -> dict[str, LinkRow]:
    """Efficiencies of the links of ``device``; what one host cannot tell is the catalogue's default."""
    if found is None:
        return {}
    curve, generic = found.fit.curve, _table()["links"]["default"]
    row = LinkRow(
        up_frac=rounded(curve.bytes_per_s / device.scale_up_bytes_per_s),
        up_base_s=rounded(curve.base_s),
        up_latency_weight=0.0,
        up_step_s=rounded(curve.step_s),
        **{key: generic.get(key) for key in TAKEN_OVER},
        kind="measured",
        source=source,
        points=found.points,
        members_range=found.members_range,
        residual_median_frac=rounded(found.fit.residual_median_frac),
        residual_p90_frac=rounded(found.fit.residual_p90_frac),
        undetermined=tuple(LINK_NAMES[name] for name in found.fit.undetermined),
    )
    return {family: row}


def rounded(value: float) -> float:
    """As many digits as a measurement is worth."""
    return float(f"{value:.{DIGITS}g}")


def _kernels(points: Sequence[Point]) -> Iterator[Timed]:
    """Kernels inside a graph, as engines run a decode step; launches by the host are another matter."""
    for point in points:
        shape = point.shape
        if isinstance(shape, Gemm | Attention) or (isinstance(shape, Elementwise) and shape.mode == "graph"):
            yield shape, point.median_s


def _fit_family(operation: str, fmt: str, points: list[Timed], rates: Rates) -> KernelFit:
    rows = [shape.rows for shape, _ in points]
    samples = KernelSamples(
        launches=np.ones(len(points)),
        flop=np.array([shape.flop for shape, _ in points]),
        bytes=np.array([shape.bytes for shape, _ in points]),
        rows=np.array(rows, dtype=float),
        seconds=np.array([seconds for _, seconds in points]),
    )
    generic = _generic(operation, fmt)
    peaks = rates.peak_flop_per_s
    prior = KernelCurve(
        flop_per_s=generic["compute_frac"] * peaks[fmt if operation == "gemm" else "bf16"],
        bytes_per_s=generic["memory_frac"] * rates.memory_bytes_per_s,
        launch_s=generic["launch_s"],
        half_rows=generic["half_rows"],
        overlap_power=generic.get("overlap_power", USUAL_POWER),
    )
    return KernelFit(
        operation=operation,
        format=fmt,
        fit=fit_curve(samples, prior),
        points=len(points),
        rows_range=(min(rows), max(rows)),
    )


def _peak(device: Device, found: KernelFit) -> float:
    return peak_flop_per_s(device, found.format if found.operation == "gemm" else "bf16")


def _generic(operation: str, fmt: str) -> Mapping[str, float]:
    rows: dict[str, dict[str, float]] = _table()["kernels"]
    return rows.get(f"{operation}/{fmt}") or rows.get(operation) or rows["default"]


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((catalog.DATA / "kernel_efficiency.json").read_text(encoding="utf-8"))
    return table
