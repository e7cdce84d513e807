"""Points in a plane as data: drawn by the server as SVG, and the same figures for the script."""

from dataclasses import dataclass
from typing import Any

from api.pages.axis import Axis

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640.0, 340.0, 74.0, 48.0, 16.0, 18.0
"""Drawing in pixels of its own view box, with room for the axes."""
SHAPES = ("circle", "diamond", "square", "triangle-up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One point: where it stands, how large and of which series it is, what it says and leads to."""

    x: float
    y: float
    series: str
    label: str
    words: str
    size: float = 6.0
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A line through points, with words at its end."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Everything a chart shows; ``wanted_from`` is the x from which points are wanted (the SLO).

    ``known`` names all series there may be, so that one has the same colour and shape in every chart.
    """

    name: str
    x: Axis
    y: Axis
    dots: tuple[Dot, ...]
    traces: tuple[Trace, ...] = ()
    known: tuple[str, ...]
    wanted_from: float | None = None
    wanted_words: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """Those of them that have a point here."""
        return tuple(name for name in self.known if any(dot.series == name for dot in self.dots))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in pixels."""
        return (
            round(LEFT + (WIDTH - LEFT - RIGHT) * self.x.part(x), 1),
            round(TOP + (HEIGHT - BOTTOM - TOP) * (1.0 - self.y.part(y)), 1),
        )

    def number(self, series: str) -> int:
        """Which of the series it is: tells colour and shape."""
        return self.known.index(series)

    def outline(self, dot: Dot) -> str:
        """The mark of a dot as an SVG path."""
        return mark(SHAPES[self.number(dot.series) % len(SHAPES)], *self.at(dot.x, dot.y), dot.size)

    def key(self, series: str) -> str:
        """The mark of a series in the legend."""
        return mark(SHAPES[self.number(series) % len(SHAPES)], 9.0, 9.0, 6.5)

    def polyline(self, trace: Trace) -> str:
        """A trace as SVG points."""
        return " ".join(f"{x},{y}" for x, y in map(self.at, trace.xs, trace.ys))

    def data(self) -> dict[str, Any]:
        """The same for the script."""
        return {
            "x": self.x.data(),
            "y": self.y.data(),
            "series": [
                {
                    "name": name, "colour": f"c{self.number(name)}",
                    "shape": SHAPES[self.number(name) % len(SHAPES)],
                    "points": [
                        {"x": d.x, "y": d.y, "size": 2 * d.size, "label": d.label, "words": d.words,
                         "link": d.link}
                        for d in self.dots if d.series == name
                    ],
                }
                for name in self.series
            ],
            "lines": [
                {"name": t.name, "x": t.xs, "y": t.ys} for t in self.traces
            ],
            "wanted": self.wanted_from,
            "wantedWords": self.wanted_words,
        }  # fmt: skip


def mark(shape: str, x: float, y: float, r: float) -> str:
    """Outline of a mark around a point."""
    if shape == "circle":
        return (
            f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0z"
        )
    corners = {
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle-up": ((0, -1.2), (1.2, 1.0), (-1.2, 1.0)),
    }[shape]
    return "M" + "L".join(f"{x + r * dx:.1f} {y + r * dy:.1f}" for dx, dy in corners) + "z"
