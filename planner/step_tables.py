"""The port to measured step times: what prices the steps of a setting's layouts."""

from typing import Protocol

from planner.layouts import Layouts
from planner.setting import Setting
from planner.step import StepModel


class StepTables(Protocol):
    """Measured step times for settings; see :mod:`planner.cost_sources.grid_store`."""

    def applied(self, setting: Setting, layouts: Layouts) -> Setting:
        """The setting with measured steps, where there are any for these layouts."""
        ...


def step_model(setting: Setting, layouts: Layouts, *, host: bool = True) -> StepModel:
    """Prices of the steps of these layouts: measured where the setting has such times, else our own.

    Measured times are those of kernels; ``host`` adds the engine's own, unless factors stand for it.
    """
    if setting.steps is None:
        return StepModel(setting=setting, layouts=layouts)
    made: StepModel = setting.steps(setting, layouts, host=host)
    return made


def searched(setting: Setting, layouts: Layouts) -> Layouts:
    """Layouts of a search that measured times are asked for: those of one pipeline stage, not split along
    the sequence, in powers of two.
    """
    devices = layouts.devices
    plain = (layouts.pp == 1) & (layouts.cp == 1) & (layouts.dcp == 1) & ~layouts.sequence_parallel
    inside = devices <= setting.site.fabric
    return layouts.take(plain & inside & ((devices & (devices - 1)) == 0))
