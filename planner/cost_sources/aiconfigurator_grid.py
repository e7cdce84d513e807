"""Turns what the measured database answered into a grid."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.cost.base import Array
from models.parallelism import Parallelism
from planner.cost_sources.step_grid import (
    GridAxes,
    GridOrigin,
    LayoutSteps,
    MissingLayout,
    StepGrid,
    resolved,
)
from planner.setting import Setting

LICENSE = "Apache-2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFactors:
    """Named corrections of the package's times; 1 = none.

    The package's own planner multiplies with ``PLANNER_FACTORS`` before it ranks; they are no measurement.
    Its further factors (1.8 on TTFT, 0.9 and 0.92 on rates) act on requests, not on steps: queueing and
    the closed loop of this project stand in their place.
    """

    prefill: float = 1.0
    decode: float = 1.0


PLANNER_FACTORS = StepFactors(prefill=1.1, decode=1.08)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A grid, or why there is none."""

    grid: StepGrid | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the database was asked for: its names, the layouts in order, and those it was spared."""

    system: str
    backend: str
    axes: GridAxes
    factors: StepFactors
    layouts: tuple[Parallelism, ...]
    refused: dict[Parallelism, str]


def grid_of(setting: Setting, asked: Asked, answer: dict[str, Any]) -> Sampled:
    """The answer as a grid; without a single priced layout there is none."""
    priced, missing, lowered = [], dict(asked.refused), 0.0
    for layout, found in zip(asked.layouts, answer["layouts"], strict=True):
        steps, reason, cut = _steps(layout, found, asked.factors)
        if steps is None:
            missing[layout] = reason
        else:
            priced.append(steps)
            lowered = max(lowered, cut)
    if not priced:
        return Sampled(grid=None, reason=missing[asked.layouts[0]])
    grid = StepGrid(
        schema="shardwright.step-grid/1",
        source=f"{answer['package']} {answer['package_version']}, {LICENSE}",
        kind="measured",
        model=setting.spec.id,
        parameters=setting.spec.parameters(),
        device=setting.site.device.id,
        engine=setting.deployment.engine.name,
        precision=resolved(setting.precision),
        origin=_origin(asked, answer, lowered),
        axes=asked.axes,
        layouts=tuple(priced),
        missing=tuple(MissingLayout(parallelism=p, reason=why) for p, why in missing.items()),
    )
    return Sampled(grid=grid)


def _origin(asked: Asked, answer: dict[str, Any], lowered: float) -> GridOrigin:
    return GridOrigin(
        package=answer["package"],
        package_version=answer["package_version"],
        system=asked.system,
        backend=asked.backend,
        database_version=answer["database_version"],
        mode=answer["mode"],
        formats={use: mode for use, mode in answer["formats"].items() if mode},
        factors=asdict(asked.factors),
        lowered_frac=round(lowered, 6),
    )


def _steps(
    layout: Parallelism, found: dict[str, Any], factors: StepFactors
) -> tuple[LayoutSteps | None, str, float]:
    """Tables of one layout, or why there are none, and the largest share by which a time was lowered."""
    if "reason" in found:
        return None, str(found["reason"]), 0.0
    factor_of = {"decode_s": factors.decode, "prefill_s": factors.prefill, "chunk_s": factors.prefill}
    tables: dict[str, Any] = {}
    most = 0.0
    for name, factor in factor_of.items():
        times = np.array(found[name], dtype=float) * factor
        if not (np.isfinite(times).all() and (times > 0.0).all()):
            return None, f"the measured source gives no positive time in {name}", 0.0
        rising = _rising(times)
        most = max(most, float((1.0 - rising / times).max()))
        tables[name] = tuple(tuple(float(t) for t in row) for row in rising)
    return LayoutSteps(parallelism=layout, **tables), "", most


def _rising(times: Array) -> Array:
    """The largest table below this one in which no larger step is faster.

    Measurements jitter, and a step never need take longer than a larger one: it could be padded to it.
    """
    turned = times[::-1, ::-1]
    rising: Array = np.minimum.accumulate(np.minimum.accumulate(turned, axis=0), axis=1)[::-1, ::-1]
    return rising
