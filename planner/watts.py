"""Power of a replica: what its devices draw while it runs, and what each request adds.

A linear law, so that the program can weigh idle capacity against work and a plan draws what the program
says. Running replicas read their weights all the time (memory-bound share of the range); a prompt adds the
rest of the range for as long as it is computed alone. Prefill and encode replicas idle when there is none.
"""

from models.cost.base import Array
from models.cost.power import draw_watt
from models.scenario import Role
from planner.layouts import Layouts
from planner.operating_point import Replica
from planner.setting import Site


def base_watt(site: Site, layouts: Layouts, role: Role) -> Array:
    """Draw of all devices of a replica that runs without prompts [W]."""
    none = layouts.devices * 0.0
    busy = none if role in ("prefill", "encode") else none + 1.0
    watt: Array = layouts.devices * draw_watt(site.idle_watt, site.peak_watt, none, busy)
    return watt


def joule_per_request(site: Site, layouts: Layouts, role: Role, replica: Replica) -> Array:
    """Energy a prompt adds on its replica [J], at the time it takes alone."""
    none = layouts.devices * 0.0
    if role == "decode":
        return none
    full = draw_watt(site.idle_watt, site.peak_watt, none + 1.0, none + 1.0)
    added = layouts.devices * full - base_watt(site, layouts, role)
    joule: Array = added * replica.prompt_s / layouts.dp
    return joule
