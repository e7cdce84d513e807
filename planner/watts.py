"""Power of a replica at its load."""

from models.cost.base import Array
from models.cost.power import draw_watt
from models.scenario import Role
from planner.layouts import Layouts
from planner.operating_point import State
from planner.setting import Site


def replica_watt(site: Site, layouts: Layouts, role: Role, state: State) -> Array:
    """Draw of all devices of a replica [W]; a prefill replica idles when its queue is empty."""
    busy = state.busy_frac if role == "prefill" else state.busy_frac * 0.0 + 1.0
    watt: Array = layouts.devices * draw_watt(site.idle_watt, site.peak_watt, state.compute_frac, busy)
    return watt
