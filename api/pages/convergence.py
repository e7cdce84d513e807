"""How best and bound came together, as a step chart: drawn from the stored events of a job."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from db.records import Event

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640.0, 220.0, 84.0, 124.0, 16.0, 34.0
"""Drawing in pixels of its own view box; right of the lines stand their names."""
APART = 20.0
"""Least distance of the two names, so that neither covers the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a solver said; figures it did not repeat are those it said last."""

    number: int
    phase: str
    incumbent: float | None
    bound: float | None
    gap: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as SVG points, and where its name stands."""

    name: str
    points: str
    name_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """The chart with the reports it is drawn from."""

    lines: tuple[Line, ...]
    lowest: float
    highest: float
    reports: tuple[Report, ...]


def reports_of(events: Iterable[Event]) -> Iterator[Report]:
    """Reports that hold figures, each with what is known by then."""
    known: dict[str, float] = {}
    for event in events:
        fresh = {k: event.data[k] for k in ("incumbent", "bound", "gap") if event.data.get(k) is not None}
        known |= fresh
        if fresh:
            yield Report(
                number=event.number,
                phase=str(event.data.get("phase", "")).replace("_", " "),
                incumbent=known.get("incumbent"),
                bound=known.get("bound"),
                gap=known.get("gap"),
            )


def convergence(events: Iterable[Event]) -> Convergence | None:
    """The chart; None before the first figure."""
    reports = tuple(reports_of(events))
    values = [v for r in reports for v in (r.incumbent, r.bound) if v is not None]
    if not values:
        return None
    lowest, highest = min(values), max(values)
    lines = []
    for name in ("incumbent", "bound"):
        heights = [None if v is None else _y(v, lowest, highest) for v in (getattr(r, name) for r in reports)]
        if any(y is not None for y in heights):
            lines.append(_line(name, heights))
    return Convergence(lines=_named_apart(lines), lowest=lowest, highest=highest, reports=reports)


def _y(value: float, lowest: float, highest: float) -> float:
    """Height of a value; halfway up where there is only one."""
    share = 0.5 if highest <= lowest else (value - lowest) / (highest - lowest)
    return TOP + (HEIGHT - BOTTOM - TOP) * (1 - share)


def _line(name: str, heights: list[float | None]) -> Line:
    """A value holds until the next report, so the line goes right before it goes up or down."""
    step = (WIDTH - LEFT - RIGHT) / len(heights)
    points, last = [], 0.0
    for i, y in enumerate(heights):
        if y is not None:
            points += [f"{LEFT + i * step:.1f},{y:.1f}", f"{LEFT + (i + 1) * step:.1f},{y:.1f}"]
            last = y
    words = {"incumbent": "best so far", "bound": "bound"}
    return Line(name=words[name], points=" ".join(points), name_y=last + 4)


def _named_apart(lines: list[Line]) -> tuple[Line, ...]:
    if len(lines) < 2 or abs(lines[0].name_y - lines[1].name_y) >= APART:
        return tuple(lines)
    middle = (lines[0].name_y + lines[1].name_y) / 2
    up = lines[0].name_y < lines[1].name_y
    moved = (middle - APART / 2, middle + APART / 2) if up else (middle + APART / 2, middle - APART / 2)
    return tuple(
        Line(name=line.name, points=line.points, name_y=y) for line, y in zip(lines, moved, strict=True)
    )
