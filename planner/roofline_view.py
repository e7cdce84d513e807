"""Operators of one step of a group against the roofs of its device (``shardwright.roofline/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.plan import Plan
from models.scenario import Scenario
from models.wire import WIRE
from planner.group_replay import GroupReplay, replay
from planner.roofs import Roof, bytes_of, flop_of, peak_of, roof_of
from planner.step_operators import StepOperator, step_work


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """One operator, figures of one call on one device.

    ``flop_per_byte`` is its arithmetic intensity (null: it moves nothing), ``flop_per_s`` what it reaches,
    ``peak_format`` the number format of its ceiling, ``bound`` what sets its pace.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: str
    block: str
    calls: int
    flop: float
    bytes: float
    time_s: float
    flop_per_byte: float | None
    flop_per_s: float
    peak_format: str
    bound: Roof


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRoofline:
    """Roofs of the device and the operators under them.

    ``peak_flop_per_s`` are dense peaks by number format, those of the power level the group runs at.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.roofline/1"] = "shardwright.roofline/1"
    group: int
    deployment: str
    role: str
    pool: str
    device: str
    peak_flop_per_s: Mapping[str, float]
    memory_bytes_per_s: float
    matches_plan: bool | None
    operators: tuple[RooflinePoint, ...]


def plan_roofline(scenario: Scenario, plan: Plan, group: int) -> PlanRoofline:
    """Operators of one step of a group at its planned batch, priced as the plan was.

    Raises
    ------
    InvalidInput
        There is no such group, or its setting cannot be found in the scenario.
    """
    return roofline_of(replay(scenario, plan, group), group)


def roofline_of(found: GroupReplay, group: int) -> PlanRoofline:
    """The same for a group that is rebuilt already; ``group`` is its number."""
    work, setting = step_work(found), found.model.setting
    calls = setting.spec.counts()
    points = [_point(found, o, calls[o.kind]) for o in work.layers if o.operations]
    points += [_point(found, o, 1) for o in (*work.embedding, *work.head)]
    told = found.group
    return PlanRoofline(
        group=group, deployment=told.deployment, role=told.role, pool=told.pool,
        device=setting.site.device.id, peak_flop_per_s=dict(setting.site.device.peak_flop_per_s),
        memory_bytes_per_s=setting.site.device.memory_bytes_per_s, matches_plan=found.matches,
        operators=tuple(p for p in points if p.time_s > 0),
    )  # fmt: skip


def _point(found: GroupReplay, operator: StepOperator, calls: int) -> RooflinePoint:
    device, work = found.model.setting.site.device, operator.operations
    flop, moved, seconds = flop_of(work), bytes_of(work), operator.seconds_s
    return RooflinePoint(
        name=operator.name, block=operator.block, calls=calls, flop=flop, bytes=moved, time_s=seconds,
        flop_per_byte=flop / moved if moved > 0 else None, flop_per_s=flop / max(seconds, 1e-30),
        peak_format=peak_of(device, work)[0], bound=roof_of(device, work, seconds),
    )  # fmt: skip
