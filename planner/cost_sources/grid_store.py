"""A directory of step grids: those that are there, and those an installed package can add."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from models.parallelism import Parallelism
from planner.cost_sources.aiconfigurator import sample_grid
from planner.cost_sources.aiconfigurator_grid import Sampled
from planner.cost_sources.grid_files import load_grids, save_grid
from planner.cost_sources.measured_steps import NO_GRID, measured_step_model
from planner.cost_sources.step_grid import StepGrid, altered
from planner.layouts import Layouts
from planner.setting import Setting

Sampler = Callable[[Setting, Layouts], Sampled]
ALTERED = "the device's figures are altered: times of the device itself do not hold"


@dataclass
class GridStore:
    """Makes settings price their steps from grids; sampled ones are written beside those found.

    Layouts that no grid knows are sampled once, together with those known, and the grid takes the place of
    an older one of the same origin. Where that gives nothing, our own model prices them and the reason is
    kept for the evidence.
    """

    directory: Path
    sampler: Sampler = sample_grid
    _grids: tuple[StepGrid, ...] = ()
    _reasons: dict[object, str] = field(default_factory=dict)
    _asked: set[object] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._read()

    def _read(self) -> None:
        # in the order of their names, as every later process finds them
        self._grids = load_grids(self.directory) if self.directory.exists() else ()

    def applied(self, setting: Setting, layouts: Layouts) -> Setting:
        """The setting with steps from the grids that are about it."""
        if altered(setting):
            return replace(setting, steps=partial(measured_step_model, grids=(), absent=ALTERED))
        key = (setting.spec.id, setting.site.device.id, setting.engine.name, setting.precision)
        asked = dict.fromkeys(layouts.parallelism(row) for row in range(len(layouts)))
        known = [layout for grid in self._grids if grid.covers(setting) for layout in grid.known]
        new = [p for p in asked if p not in set(known) and (key, p) not in self._asked]
        if new and key not in self._reasons:
            self._asked.update((key, p) for p in new)
            self._sample(setting, [*known, *new], key)
        # factors that are in the times already are not multiplied again
        usable = tuple(g for g in self._grids if setting.rate_factors is None or g.plain)
        maker = partial(measured_step_model, grids=usable, absent=self._reasons.get(key, NO_GRID))
        return replace(setting, steps=maker)

    def _sample(self, setting: Setting, wanted: list[Parallelism], key: object) -> None:
        sampled = self.sampler(setting, Layouts.of(*dict.fromkeys(wanted)))
        if sampled.grid is None:
            self._reasons[key] = sampled.reason or NO_GRID
            return
        save_grid(sampled.grid, self.directory)
        self._read()
