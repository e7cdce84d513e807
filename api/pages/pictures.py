"""Pictures of an answer as data: the curve of a trade-off, and the devices of a day, hour by hour."""

from dataclasses import dataclass

from models.objective import OBJECTIVES
from models.plan import Plan, RankedPlans

COLOURS = 8
WIDTH, HEIGHT, LEFT, BOTTOM = 640.0, 240.0, 64.0, 40.0
"""Drawing in pixels of its own view box; left and below there is room for the axes."""
TOP = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One point of the curve: where it stands, and what it says."""

    x: float
    y: float
    rank: int | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A trade-off: the second objective to the right, the first one up."""

    marks: tuple[Mark, ...]
    names: tuple[str, str]
    units: tuple[str, str]
    lowest: tuple[float, float]
    highest: tuple[float, float]

    @property
    def steps(self) -> str:
        """The line as SVG points: between two points the better one is not reached."""
        return " ".join(f"{m.x:.1f},{m.y:.1f}" for m in self.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Devices of one group in one period."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPicture:
    """Stacked devices over the day, as wide as each period is long."""

    blocks: tuple[Block, ...]
    labels: tuple[tuple[float, str], ...]
    most: int
    keys: tuple[tuple[str, str, str], ...]


def curve(answer: RankedPlans) -> Curve | None:
    """The trade-off of an answer; None where none was asked for."""
    if not answer.frontier:
        return None
    up, right = tuple(answer.frontier[0].values)
    ups, rights = ([p.values[name] for p in answer.frontier] for name in (up, right))
    rank = {plan.id: plan.rank for plan in answer.plans}
    marks = tuple(
        Mark(
            x=LEFT + (WIDTH - LEFT - TOP) * _between(p.values[right], rights),
            y=TOP + (HEIGHT - BOTTOM - TOP) * (1 - _between(p.values[up], ups)),
            rank=rank.get(p.plan_id),
            words=f"{p.values[up]:.4g} {OBJECTIVES[up][0]} at {p.values[right]:.4g} {OBJECTIVES[right][0]}",
        )
        for p in answer.frontier
    )
    return Curve(
        marks=marks,
        names=(right.replace("_", " "), up.replace("_", " ")),
        units=(OBJECTIVES[right][0], OBJECTIVES[up][0]),
        lowest=(min(rights), min(ups)),
        highest=(max(rights), max(ups)),
    )


def _between(value: float, values: list[float]) -> float:
    """Share of the way from the least to the largest value; the middle where they are equal."""
    span = max(values) - min(values)
    return 0.5 if span <= 0 else (value - min(values)) / span


def day_picture(plan: Plan, letters: list[str]) -> DayPicture | None:
    """Devices by period and group; None for one steady state."""
    if not plan.periods:
        return None
    sizes = [g.parallelism.tp * g.parallelism.cp * g.parallelism.dp * g.parallelism.pp for g in plan.groups]
    hours = sum(p.hours for p in plan.periods)
    most = max(sum(n * s for n, s in zip(p.replicas, sizes, strict=True)) for p in plan.periods) or 1
    room = HEIGHT - BOTTOM - TOP
    blocks: list[Block] = []
    labels: list[tuple[float, str]] = []
    start = LEFT
    for period in plan.periods:
        width = (WIDTH - LEFT) * period.hours / hours
        below = HEIGHT - BOTTOM
        for i, (count, size) in enumerate(zip(period.replicas, sizes, strict=True)):
            height = room * count * size / most
            below -= height
            if count:
                words = f"{period.name}: {letters[i]} {count} replicas, {count * size} devices"
                blocks.append(
                    Block(x=start, y=below, width=max(width - 1.0, 0.5), height=height,
                          colour=f"c{i % COLOURS}", words=words)
                )  # fmt: skip
        labels.append((start + width / 2, period.name))
        start += width
    every = max(-(-len(labels) // 12), 1)
    keys = tuple(
        (letters[i], f"c{i % COLOURS}", f"{g.deployment} {g.parallelism.short()} {g.role}")
        for i, g in enumerate(plan.groups)
    )
    return DayPicture(blocks=tuple(blocks), labels=tuple(labels[::every]), most=most, keys=keys)
