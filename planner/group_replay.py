"""One group of a stored plan, priced again as the planner did: same setting, traffic, load and costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.cost.base import Array
from models.errors import InvalidInput
from models.plan import Group, Plan
from models.scenario import Scenario
from planner.colocated import Colocated
from planner.hand_over import HandOver
from planner.operating_point import Replica
from planner.pricing import load_range
from planner.replay_ways import ways_of
from planner.setting import Setting, settings
from planner.step import StepCost, StepModel
from planner.traffic import traffics

BISECTIONS = 40
SAME_FRAC = 1e-3
"""Relative difference of step times that count as one: searches of the planner end nearer than this."""


@dataclass(frozen=True, kw_only=True)
class GroupReplay:
    """A group with its replica at the load the plan gives it; arrays hold this one candidate.

    ``told_s`` is the step time in the plan's own breakdown, None where it tells none.
    """

    group: Group
    replica: Replica
    hand_over: HandOver | None
    load: Array
    told_s: float | None

    @cached_property
    def cost(self) -> StepCost:
        """The step that the plan breaks down."""
        return self.replica.shape(self.load)

    @property
    def model(self) -> StepModel:
        """What prices that step: beside prompts decode has a part of the device only."""
        return self.replica.decode.model if isinstance(self.replica, Colocated) else self.replica.model

    @property
    def step_s(self) -> float:
        """Its time: one micro-batch through all stages [s]."""
        return float(np.broadcast_to(self.cost.travel_s, self.load.shape)[0])

    @property
    def off_frac(self) -> float:
        """Relative distance to the step time that the plan tells."""
        return 0.0 if self.told_s is None else abs(self.step_s - self.told_s) / max(self.told_s, 1e-12)

    @property
    def matches(self) -> bool | None:
        """Whether the plan tells the same step time; None where it tells none."""
        return None if self.told_s is None else self.off_frac <= SAME_FRAC


def replay(scenario: Scenario, plan: Plan, number: int) -> GroupReplay:
    """Rebuild one group of a plan of this scenario.

    A plan does not tell the tier of its classes, the share of an encode pool or how roles share the
    requests: of the few possible ways the one whose step time is that of the plan is taken.

    Raises
    ------
    InvalidInput
        There is no group of that number, or the scenario has no such setting.
    """
    if not 0 <= number < len(plan.groups):
        raise InvalidInput(
            f"there is no group {number}", pointer="/group",
            hint=f"Maybe a number from 0 to {len(plan.groups) - 1}.",
        )  # fmt: skip
    group = plan.groups[number]
    sites, _, found = settings(scenario)
    setting = _setting(found, group)
    traffic = traffics(scenario, found)
    told_s = _told_s(plan, number)
    ways = [
        GroupReplay(group=group, replica=replica, hand_over=sent, load=load, told_s=told_s)
        for replica, sent, load in ways_of(scenario, plan, number, setting, sites, traffic)
    ]
    if told_s is not None:
        ways += [
            replace(way, load=_load_of_step(way, told_s)) for way in ways[-1:] if _shares_roles(plan, group)
        ]
    return min(ways, key=lambda way: way.off_frac)


def _told_s(plan: Plan, number: int) -> float | None:
    """Step time in the plan's breakdown; of groups with the same name it tells the last one's."""
    names = [f"{g.deployment}/{g.role}/{g.parallelism.short()}" for g in plan.groups]
    told = plan.explanation.breakdown_s.get(names[number])
    return None if not told or names[number] in names[number + 1 :] else sum(told.values())


def _setting(found: Sequence[Setting], group: Group) -> Setting:
    """The setting of a group; an encoder runs in bf16 whatever the language model does."""

    def fits(s: Setting) -> bool:
        p, q = s.precision, group.precision
        same = group.role == "encode" or (p.weights, p.experts, p.cache) == (q.weights, q.experts, q.cache)
        place = s.site.pool.name == group.pool and s.site.power_level == group.power_level
        return s.deployment.name == group.deployment and place and same

    setting = next(filter(fits, found), None)
    if setting is None:
        raise InvalidInput(
            f"the scenario has no {group.deployment} at this precision on {group.pool}", pointer="/group"
        )
    return setting


def _shares_roles(plan: Plan, group: Group) -> bool:
    """Whether another way through the deployment takes a part of its requests."""
    roles = {g.role for g in plan.groups if g.deployment == group.deployment}
    return "prefill" in roles and len(roles - {"encode"}) > 2


def _load_of_step(way: GroupReplay, told_s: float) -> Array:
    """Load at which a step takes as long as the plan tells; steps grow with the load."""
    low, high = (np.log(end) for end in load_range(way.group.role, way.replica.model.layouts))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        longer = way.replica.shape(np.exp(middle)).travel_s > told_s
        low, high = np.where(longer, low, middle), np.where(longer, middle, high)
    return np.exp(low)
