"""A sweep as a table of coloured cells: one axis down, one across, one figure, the other axes held."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHADES = 7
FIGURES = {
    "objective_value": "objective",
    "devices_used": "devices",
    "usd_per_hour": "USD per hour",
    "watt": "W",
    "gap": "gap",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination: its value, how dark it is, what came of it; blank where it is not solved yet."""

    value: float | None
    shade: str
    status: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An axis that is neither down nor across: its values, and which one is shown."""

    change: str
    values: tuple[str, ...]
    chosen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Rows of cells under the values of the axis across."""

    down: str
    across: str | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    held: tuple[Held, ...]
    figure: str
    lowest: float | None
    highest: float | None


def heat_map(
    axes: Sequence[Mapping[str, Any]],
    points: Mapping[int, Mapping[str, Any]],
    figure: str,
    chosen: Mapping[str, int],
) -> HeatMap:
    """The picture of a sweep.

    Parameters
    ----------
    axes
        ``change`` and ``values`` of each, as stored; the last varies fastest.
    points
        Outcomes by number.
    figure
        Which figure of the outcome is shown.
    chosen
        Of the axes beyond the first two: which value, by name of the change.
    """
    across = axes[1] if len(axes) > 1 else None
    kept = tuple(_held(axis, chosen) for axis in axes[2:])
    picked = [each.chosen for each in kept]
    sizes = [len(axis["values"]) for axis in axes]
    n_across = len(across["values"]) if across else 1
    grid = [
        [points.get(_number(sizes, [i, *([j] if across else []), *picked])) for j in range(n_across)]
        for i in range(sizes[0])
    ]
    values = [v for row in grid for point in row if (v := _value(point, figure)) is not None]
    lowest, highest = (min(values), max(values)) if values else (None, None)
    return HeatMap(
        down=axes[0]["change"],
        across=across["change"] if across else None,
        columns=tuple(map(_text, across["values"])) if across else (FIGURES[figure],),
        rows=tuple(
            (_text(value), tuple(_cell(point, figure, lowest, highest) for point in row))
            for value, row in zip(axes[0]["values"], grid, strict=True)
        ),
        held=kept,
        figure=figure,
        lowest=lowest,
        highest=highest,
    )


def _held(axis: Mapping[str, Any], chosen: Mapping[str, int]) -> Held:
    values = tuple(map(_text, axis["values"]))
    at = chosen.get(axis["change"], 0)
    return Held(change=axis["change"], values=values, chosen=at if 0 <= at < len(values) else 0)


def _number(sizes: Sequence[int], at: Sequence[int]) -> int:
    """Number of a combination from the position on each axis."""
    number = 0
    for size, i in zip(sizes, at, strict=True):
        number = number * size + i
    return number


def _value(point: Mapping[str, Any] | None, figure: str) -> float | None:
    outcome = (point or {}).get("outcome") or {}
    value = outcome.get(figure)
    return None if value is None else float(value)


def _cell(point: Mapping[str, Any] | None, figure: str, lowest: float | None, highest: float | None) -> Cell:
    if point is None:
        return Cell(value=None, shade="", status="waiting", words="not solved yet")
    value = _value(point, figure)
    if value is None or lowest is None or highest is None:
        return Cell(
            value=None, shade="", status=point["status"], words=point.get("reason") or point["status"]
        )
    share = (value - lowest) / (highest - lowest) if highest > lowest else 0.5
    words = "; ".join((point.get("outcome") or {}).get("groups", ()))
    return Cell(value=value, shade=f"h{round(share * (SHADES - 1))}", status=point["status"], words=words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
