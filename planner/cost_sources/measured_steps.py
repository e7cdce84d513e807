"""Step times from sampled grids where one covers a layout, from our own model elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache

import numpy as np

from models.cost.base import Array
from models.parallelism import Parallelism
from planner.cost_sources.grid_load import GridTables, tables_of
from planner.cost_sources.step_grid import StepGrid
from planner.layouts import Layouts
from planner.setting import Setting
from planner.step import StepCost, StepModel
from planner.step_load import StepLoad

MEASURED_BAND_FRAC = {"ttft_s": (0.36, 2.95), "tpot_s": (0.80, 1.24)}
"""Measured over predicted at the 10 % and 90 % quantile of 1,434 serving rows on grids of aiconfigurator-core
0.12.0, before the serving loop was fitted (kind fitted; docs/measured-costs.md)."""
NO_GRID = "no measured grid for this model, device, engine and precision"


@dataclass(frozen=True, kw_only=True)
class MeasuredStepCost(StepCost):
    """Price of one step, and what it rests on; arrays over candidates.

    Attributes
    ----------
    measured : Array
        Where the time comes from a grid [bool]; elsewhere it is our own model's.
    outside : Array
        Where a grid was left: its time at the edge, scaled by how our own model grows from there [bool].
    """

    measured: Array
    outside: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """Candidates that one grid prices: their rows, and their layouts' places in its tables."""

    tables: GridTables
    rows: Array
    places: Array


@dataclass(frozen=True, kw_only=True)
class MeasuredStepModel(StepModel):
    """Prices steps from grids where they hold the layout, as :class:`StepModel` elsewhere.

    A grid gives the time of a micro-batch through all stages. How it splits over the stages of a pipeline
    and over the parts of the breakdown is our own model's, scaled to the measured sum.

    The tables hold kernels and collectives only; with ``host`` the engine's own time of a step is added as
    our model has it.

    Attributes
    ----------
    grids : tuple of StepGrid
        Those about this setting, the preferred one first.
    absent : str
        Why there are no grids, where there are none.
    """

    grids: tuple[StepGrid, ...] = ()
    host: bool = True
    absent: str = NO_GRID

    def take(self, rows: Array) -> "MeasuredStepModel":
        """The chosen layouts; where grids hold them is not looked up again."""
        fewer = super().take(rows)
        assert isinstance(fewer, MeasuredStepModel)
        fewer.__dict__["_found"] = tuple(found[rows] for found in self._found)
        return fewer

    @cached_property
    def chosen(self) -> Array:
        """Index into ``grids`` of the one that prices each candidate; -1 where none does."""
        return self._found[0]

    @property
    def measured_sequences(self) -> tuple[float, ...]:
        """Sequences of a micro-batch whose decode steps were measured, in any of the grids."""
        return tuple(sorted({b for share in self._shares for b in share.tables.decode.first.tolist()}))

    @property
    def measured(self) -> Array:
        """Where a grid holds the candidate's layout [bool]."""
        found: Array = self.chosen >= 0
        return found

    def reason(self, row: int) -> str:
        """Why a candidate is priced by our own model; empty where a grid prices it."""
        if self.chosen[row] >= 0:
            return ""
        if not self.grids:
            return self.absent
        layout = self.layouts.parallelism(row)
        told = (m.reason for grid in self.grids for m in grid.missing if m.parallelism == layout)
        return next(told, "the measured grids were not asked for this layout")

    def sources(self, row: int) -> tuple[str, ...]:
        """Where a candidate's step times come from."""
        if self.chosen[row] < 0:
            return self.setting.cost.sources
        grid = self.grids[int(self.chosen[row])]
        # host time and the hops of a pipeline that was not timed are our own model's
        own = self.setting.cost.sources if self.host or self._found[2][row] else ()
        return (f"{grid.source}, tables {grid.origin.system} {grid.origin.backend} "
                f"{grid.origin.database_version} ({grid.origin.mode})", *own)  # fmt: skip

    def cost(self, load: StepLoad) -> MeasuredStepCost:
        """Price one step of every candidate under its load."""
        own = super().cost(load)
        host_s = self._host(load) if self.host else np.zeros(own.travel_s.shape)
        kernels_s = own.travel_s - host_s
        found_s, outside = self._from_grids(load, kernels_s)
        staged = self._found[2]
        if staged.any():
            found_s = found_s + np.where(staged, own.parts_s["pipeline"], 0.0)
        scale = np.where(kernels_s > 0, found_s / np.where(kernels_s > 0, kernels_s, 1.0), 1.0)

        def parts() -> dict[str, Array]:
            return {
                name: seconds if self.host and name == "host" else seconds * scale
                for name, seconds in own.parts_s.items()
            }

        return MeasuredStepCost(
            bottleneck_s=(own.bottleneck_s - host_s) * scale + host_s,
            travel_s=found_s + host_s,
            parts=parts,
            measured=self.measured,
            outside=outside,
        )

    def _from_grids(self, load: StepLoad, own_s: Array) -> tuple[Array, Array]:
        """Times by the grids, ``own_s`` where there is none, and where a grid was left."""
        found_s, outside = own_s.copy(), np.zeros(own_s.shape, dtype=bool)
        near = {name: np.array(values, dtype=float) for name, values in _arrays(load).items()}
        for share in self._shares:
            inner, left = share.tables.inside(_take(load, share.rows))
            found_s[share.rows] = share.tables.seconds(share.places, inner)
            outside[share.rows] = left
            for name, values in _arrays(inner).items():
                near[name][share.rows] = values
        if any(not np.array_equal(values, getattr(load, name)) for name, values in near.items()):
            # beyond the tables times grow as our own model says they do
            edge = StepLoad(**near)
            edge_s = super().cost(edge).travel_s - (self._host(edge) if self.host else 0.0)
            grown = np.where(edge_s > 0, own_s / np.where(edge_s > 0, edge_s, 1.0), 1.0)
            found_s = np.where(self.measured, found_s * grown, found_s)
        return found_s, outside

    @cached_property
    def _shares(self) -> list[_Share]:
        chosen, places, _ = self._found
        return [
            _Share(tables=tables_of(grid), rows=rows, places=places[rows])
            for i, grid in enumerate(self.grids)
            if len(rows := np.flatnonzero(chosen == i))
        ]

    @cached_property
    def _found(self) -> tuple[Array, Array, Array]:
        """For every candidate the first grid that holds its layout, the layout's place in it, and whether it
        is there without its pipeline.
        """
        columns = np.stack([np.asarray(getattr(self.layouts, f.name), dtype=int) for f in fields(Layouts)])
        _, first, where = np.unique(columns, axis=1, return_index=True, return_inverse=True)
        chosen, places = np.full(len(first), -1), np.zeros(len(first), dtype=int)
        staged = np.zeros(len(first), dtype=bool)
        for k, row in enumerate(first):
            layout = self.layouts.parallelism(int(row))
            # of a pipeline that nobody timed, its stages may be known: the kernels of one stage that has all
            for known in dict.fromkeys((layout, replace(layout, pp=1))):
                i = next((i for i, grid in enumerate(self.grids) if known in _places(grid)), -1)
                if i >= 0:
                    chosen[k], places[k] = i, _places(self.grids[i])[known]
                    staged[k] = known != layout
                    break
        where = where.ravel()
        return chosen[where], places[where], staged[where]


def measured_step_model(
    setting: Setting,
    layouts: Layouts,
    grids: Sequence[StepGrid],
    *,
    host: bool = True,
    absent: str = NO_GRID,
) -> MeasuredStepModel:
    """Step prices of these layouts: from the first grid that is about the setting and holds the layout.

    Parameters
    ----------
    setting, layouts
        As for :class:`StepModel`.
    grids : sequence of StepGrid
        Any grids; those about other settings are passed over.
    host : bool
        Add our model's time of the engine's host process, which the tables leave out.
    absent : str
        What to say where no grid is about the setting, for instance why sampling gave none.
    """
    covering = tuple(grid for grid in grids if grid.covers(setting))
    return MeasuredStepModel(setting=setting, layouts=layouts, grids=covering, host=host, absent=absent)


@lru_cache(maxsize=256)
def _places(grid: StepGrid) -> dict[Parallelism, int]:
    return {steps.parallelism: i for i, steps in enumerate(grid.layouts)}


def _arrays(load: StepLoad) -> dict[str, Array]:
    """What the load states; a grid knows nothing of the rest."""
    stated = {f.name: getattr(load, f.name) for f in fields(load)}
    return {name: np.asarray(values) for name, values in stated.items() if values is not None}


def _take(load: StepLoad, rows: Array) -> StepLoad:
    return StepLoad(**{name: values[rows] for name, values in _arrays(load).items()})
