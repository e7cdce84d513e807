"""The best rates that any point reached, and the time of the smallest kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

from planner.measurement.document import LaunchFloor, Point
from planner.measurement.port import CannotTime
from planner.measurement.shapes import Copy, Elementwise, Gemm


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the device reached.

    Attributes
    ----------
    peak_flop_per_s : dict[str, float]
        Best matrix product by weight format [FLOP/s].
    memory_bytes_per_s : float
        Best copy inside device memory, reads and writes counted [B/s].
    host_bytes_per_s : float or None
        Best copy from pinned host memory [B/s].
    """

    peak_flop_per_s: dict[str, float]
    memory_bytes_per_s: float
    host_bytes_per_s: float | None


def rates(points: Sequence[Point]) -> Rates:
    """Best rates over all points.

    Raises
    ------
    CannotTime
        No matrix product in bf16, or no copy, could be timed.
    """
    products: list[tuple[str, float]] = [
        (p.shape.format, p.flop / p.median_s) for p in points if isinstance(p.shape, Gemm)
    ]
    peaks = {fmt: max(rate for own, rate in products if own == fmt) for fmt, _ in products}
    memory = _best_copy(points, "copy_device")
    if "bf16" not in peaks or memory is None:
        missing = "matrix product in bf16" if memory else "copy inside device memory"
        raise CannotTime(f"no {missing} could be timed", hint="Maybe another process holds the device.")
    return Rates(
        peak_flop_per_s=peaks,
        memory_bytes_per_s=memory,
        host_bytes_per_s=_best_copy(points, "copy_host_to_device"),
    )


def launch_floor(points: Sequence[Point]) -> LaunchFloor:
    """Least time of an elementwise kernel, by how it is launched."""

    def least(mode: str) -> float | None:
        found = [p.median_s for p in points if isinstance(p.shape, Elementwise) and p.shape.mode == mode]
        return min(found, default=None)

    return LaunchFloor(graph_s=least("graph"), eager_s=least("eager"))


def _best_copy(points: Sequence[Point], operation: str) -> float | None:
    copies = [p for p in points if isinstance(p.shape, Copy) and p.shape.operation == operation]
    return max((p.bytes / p.median_s for p in copies), default=None)
