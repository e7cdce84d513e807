"""A day in periods: the fleet program once for each, tied together by what starts and stops."""

from dataclasses import dataclass, replace

import numpy as np

from models.cost.base import Array
from models.scenario import Scenario
from planner.fleet_program import Translated
from solvers.periods import Periods, objective_over, over_periods


@dataclass(frozen=True, kw_only=True)
class Day:
    """Periods of a scenario: hours [periods], scale of each deployment's traffic [periods, deployments]."""

    names: tuple[str, ...]
    hours: Array
    scale: Array

    @property
    def share_frac(self) -> Array:
        """Share of the time that every period lasts [periods]."""
        share: Array = self.hours / self.hours.sum()
        return share

    def busiest(self, deployment: int) -> int:
        """Period in which a deployment is asked for most; its predictions hold for it."""
        return int(np.argmax(self.scale[:, deployment]))


def day_of(scenario: Scenario) -> Day | None:
    """Periods of a scenario; None where it asks for one steady state."""
    if not scenario.periods:
        return None
    return Day(
        names=tuple(p.name for p in scenario.periods),
        hours=np.array([p.hours for p in scenario.periods]),
        scale=np.array([[p.scale_of(d.name) for d in scenario.deployments] for p in scenario.periods]),
    )


def over_day(translated: Translated, day: Day | None) -> Translated:
    """The program over all periods; rows are named after theirs. ``columns`` stays those of one period."""
    if day is None:
        return translated
    periods = Periods(hours=day.hours, scale=day.scale)
    over = over_periods(translated.fleet, periods)
    return replace(
        translated,
        fleet=over.fleet,
        objectives=tuple(objective_over(o, periods) for o in translated.objectives),
        channels=tuple(translated.channels[j] for j in over.channel_of[1].tolist()),
        supplies=translated.supplies * len(day.names),
        resources=tuple(f"{name}@{period}" for period in day.names for name in translated.resources),
        demands=tuple(f"{translated.demands[w]}@{day.names[t]}" for t, w in over.demand_of.T.tolist()),
        links=translated.links * len(day.names),
        periods=day.names,
    )
