"""A directory of step grids: those that are there, and those an installed package can add."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from planner.cost_sources.aiconfigurator import sample_grid
from planner.cost_sources.aiconfigurator_grid import Sampled
from planner.cost_sources.grid_files import load_grids, save_grid
from planner.cost_sources.measured_steps import NO_GRID, measured_step_model
from planner.cost_sources.step_grid import StepGrid
from planner.layouts import Layouts
from planner.setting import Setting

Sampler = Callable[[Setting, Layouts], Sampled]


@dataclass
class GridStore:
    """Makes settings price their steps from grids; sampled ones are written beside those found.

    A setting that no grid is about is sampled once for the layouts that are asked for. Where that gives
    nothing, our own model prices it and the reason is kept for the evidence.
    """

    directory: Path
    sampler: Sampler = sample_grid
    _grids: list[StepGrid] = field(default_factory=list)
    _reasons: dict[object, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.directory.exists():
            self._grids.extend(load_grids(self.directory))

    def applied(self, setting: Setting, layouts: Layouts) -> Setting:
        """The setting with steps from the grids that are about it."""
        key = (setting.spec.id, setting.site.device.id, setting.engine.name, setting.precision)
        if key not in self._reasons and not any(grid.covers(setting) for grid in self._grids):
            sampled = self.sampler(setting, layouts)
            self._reasons[key] = sampled.reason or NO_GRID
            if sampled.grid is not None:
                save_grid(sampled.grid, self.directory)
                self._grids.append(sampled.grid)
        maker = partial(measured_step_model, grids=tuple(self._grids), absent=self._reasons.get(key, NO_GRID))
        return replace(setting, steps=maker)
