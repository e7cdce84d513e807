"""Times a device within a budget and writes down what follows."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version

from planner.measurement.catalogue_rows import derive
from planner.measurement.document import DeviceMeasurement, Point, Settings, Skipped
from planner.measurement.grid import collective_shapes, local_shapes
from planner.measurement.port import CannotTime, FoundDevice, MeasurableDevice
from planner.measurement.rates import launch_floor
from planner.measurement.shapes import Collective, LocalShape, Shape
from planner.measurement.timing import Clock, Limits, Timing, timed

Progress = Callable[[int, int, str], None]
"""Shapes done, shapes in all, what is being timed."""
COLLECTIVE_SHARE = 0.3
"""Of the budget, kept for collectives where there are several devices."""
QUICK = Limits(warm_up_s=0.005, sample_s=0.002, samples=7)
TIME_UP = CannotTime("the time was up")


@dataclass(slots=True)
class _Session:
    """What one run collects, and the clock it works against."""

    clock: Clock
    progress: Progress
    limits: Limits
    total: int
    points: list[Point] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def keep(self, shape: Shape, outcome: Timing | CannotTime) -> None:
        if isinstance(outcome, CannotTime):
            self.skipped.append(Skipped(shape=shape, reason=outcome.message))
            return
        point = Point(
            shape=shape,
            flop=shape.flop,
            bytes=shape.bytes,
            median_s=outcome.median_s,
            spread_frac=outcome.spread_frac,
            samples=outcome.samples,
            calls=outcome.calls,
        )
        self.points.append(point)

    def tell(self, what: str) -> None:
        self.progress(len(self.points) + len(self.skipped), self.total, what)


def measure(
    device: MeasurableDevice,
    settings: Settings,
    *,
    on_progress: Progress = lambda done, total, what: None,
    clock: Clock = time.monotonic,
) -> DeviceMeasurement:
    """Time a device and derive its catalogue rows.

    Shapes that the device cannot run, or that the budget leaves no time for, are listed with the reason.

    Raises
    ------
    CannotTime
        Not even a matrix product and a copy could be timed.
    """
    began, found = clock(), device.found()
    local = local_shapes(found.formats, quick=settings.quick)
    groups = collective_shapes(found.count, quick=settings.quick)
    limits = QUICK if settings.quick else Limits()
    session = _Session(clock=clock, progress=on_progress, limits=limits, total=len(local) + len(groups))
    until = began + settings.minutes * 60.0
    kept_s = settings.minutes * 60.0 * COLLECTIVE_SHARE if groups else 0.0
    _time_local(device, local, session, until - kept_s)
    _time_collectives(device, groups, session, until)
    session.tell("fitting")
    return _document(found, settings, session, began)


def _time_local(
    device: MeasurableDevice, shapes: Sequence[LocalShape], session: _Session, until: float
) -> None:
    """Each shape may take its part of the time that is left, so that none is crowded out."""
    for i, shape in enumerate(shapes):
        session.tell(shape.operation)
        left_s = (until - session.clock()) / (len(shapes) - i)
        session.keep(shape, _timed(device, shape, session, left_s) if left_s > 0.0 else TIME_UP)


def _timed(
    device: MeasurableDevice, shape: LocalShape, session: _Session, left_s: float
) -> Timing | CannotTime:
    limits = replace(session.limits, longest_s=min(session.limits.longest_s, left_s))
    try:
        with device.prepared(shape) as run:
            return timed(run, limits, session.clock)
    except CannotTime as error:
        return CannotTime(error.message)  # without its traceback, which would hold the operands


def _time_collectives(
    device: MeasurableDevice, shapes: Sequence[Collective], session: _Session, until: float
) -> None:
    if not shapes:
        return
    session.tell("collectives")
    left = dict.fromkeys(shapes)
    for shape, outcome in device.collectives(shapes, session.limits, until - session.clock()):
        session.keep(shape, outcome)
        session.tell(shape.operation)
        left.pop(shape, None)
    for shape in left:
        session.keep(shape, TIME_UP)


def _document(found: FoundDevice, settings: Settings, session: _Session, began: float) -> DeviceMeasurement:
    now = datetime.now(UTC)
    driver = f"driver {found.driver}, " if found.driver else ""
    provenance = f"shardwright measure, {now:%Y-%m-%d}: {found.name}, {driver}{found.libraries}"
    derived = derive(found, session.points, provenance)
    return DeviceMeasurement(
        shardwright_version=version("shardwright"),
        measured_at=now.isoformat(timespec="seconds"),
        wall_s=session.clock() - began,
        settings=settings,
        device=found,
        launch_floor=launch_floor(session.points),
        points=tuple(session.points),
        skipped=tuple(session.skipped),
        references=derived.references,
        row=derived.row,
        kernels=derived.kernels,
        links=derived.links,
        catalogue=derived.catalogue,
    )
