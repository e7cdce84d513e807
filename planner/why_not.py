"""Why not something simpler: what was dropped, and what one configuration alone would reach."""

import numpy as np

from models.scenario import WHOLE_ROLES, Scenario
from planner.candidates import Candidates
from planner.fleet_program import Translated
from planner.pricing import Priced
from planner.setting import Site

SHOWN = 3
"""Uniform alternatives that are named."""


def why_not(
    scenario: Scenario, sites: list[Site], candidates: Candidates, translated: Translated, best: float
) -> tuple[str, ...]:
    """Statements for the best plan, most telling first."""
    return (*_uniform(scenario, sites, translated, best), *_dropped(candidates))


def _uniform(scenario: Scenario, sites: list[Site], translated: Translated, best: float) -> list[str]:
    """Replicas of one configuration of a whole role only, where goodput of one model on one pool is asked."""
    if scenario.periods or scenario.reserve.failure is not None:
        return []  # what they reach then is no plain multiplication
    if scenario.objectives[0] != "max_goodput" or len(scenario.deployments) != 1 or len(sites) != 1:
        return []
    columns, fleet = translated.columns, translated.fleet
    if fleet.classes is not None:
        return []
    capacity = sites[0].capacity
    alone = np.array([p.role in WHOLE_ROLES and not _behind_pool(p) for p in columns.priced])[columns.block]
    if capacity is None or not alone.any():
        return []
    replicas = capacity // np.maximum(columns.devices.astype(int), 1)
    reached = np.where(alone, replicas * fleet.rate_per_s, 0.0)
    order = np.argsort(-reached, kind="stable")[:SHOWN]
    return [
        f"only {int(replicas[c])} x {_name(translated, int(c))}: "
        f"{reached[c]:.4g} request/s, {100.0 * (1.0 - reached[c] / best):.1f} % less"
        for c in order
        if 0.0 < reached[c] < best * (1.0 - 1e-6)
    ]


def _behind_pool(priced: Priced) -> bool:
    """Whether it needs an encode pool in front of it."""
    return priced.setting.images is not None and priced.setting.images.pool_frac > 0.0


def _name(translated: Translated, column: int) -> str:
    priced = translated.columns.priced[int(translated.columns.block[column])]
    return f"{priced.layouts.parallelism(int(translated.columns.row[column])).short()} {priced.role}"


def _dropped(candidates: Candidates) -> list[str]:
    """What kept most layouts out."""
    found = []
    for name, count in candidates.dropped.most_common():
        if name == "memory":
            found.append(f"{count} layouts do not hold the weights and one request")
        elif name.startswith("slo:"):
            found.append(f"{count} layouts exceed the {name.removeprefix('slo:').upper()} limit without load")
    return found[:SHOWN]
