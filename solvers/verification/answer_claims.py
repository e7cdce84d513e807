"""What an answer says (``shardwright.plans/1``), as far as it is checked; unknown fields are passed over."""

from __future__ import annotations

from dataclasses import dataclass

from solvers.verification.reading import Field, Unreadable
from solvers.verification.scenario_claims import ScenarioClaims, read_scenario

SCHEMA = "shardwright.plans/1"
Device = tuple[str, int, int]
"""Pool, node, device in the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupClaims:
    """Equal replicas of one configuration."""

    deployment: str
    role: str
    pool: str
    replicas: int
    devices: int
    parallelism: Field
    precision: Field
    memory_bytes: dict[str, float]
    traffic_share: float
    power_level: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodClaims:
    """Replicas and starts of every group in one period of a plan."""

    name: str
    replicas: tuple[int, ...]
    starts: tuple[int, ...]
    devices_used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedClaims:
    """Devices of one replica of one group."""

    group: int
    replica: int
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanClaims:
    """One ranked plan."""

    rank: int
    id: str
    objective_value: float
    gap: float | None
    devices_used: int
    devices_idle: int
    groups: tuple[GroupClaims, ...]
    placement: tuple[PlacedClaims, ...]
    request_per_s: float
    usd_per_hour: float | None
    watt: float
    periods: tuple[PeriodClaims, ...]

    def counts(self) -> list[list[int]]:
        """Give the replicas of every group at one time: in every period, or in the one steady state."""
        if not self.periods:
            return [[group.replicas for group in self.groups]]
        return [list(period.replicas) for period in self.periods]

    def held(self) -> list[list[int]]:
        """Give the replicas of every group that hold devices at one time: those that load included."""
        counts = self.counts()
        if not self.periods:
            return counts
        # what starts in the next period loads in this one; the last is followed by the first
        starts = [period.starts for period in (*self.periods[1:], self.periods[0])]
        return [[n + m for n, m in zip(*both, strict=True)] for both in zip(counts, starts, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofClaims:
    """The certificate object inside the answer."""

    method: str
    lp_bound: float | None
    lp_duals: dict[str, float]
    program_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerClaims:
    """The whole answer."""

    scenario: ScenarioClaims
    scenario_sha256: str
    status: str
    objective_name: str
    sense: str
    bound: float | None
    gap: float | None
    proof: ProofClaims | None
    plans: tuple[PlanClaims, ...]


def read_answer(field: Field) -> AnswerClaims:
    """Read an answer.

    Raises
    ------
    Unreadable
        Another schema, a missing field, a value of another kind.
    """
    schema = field.at("schema")
    if schema.text() != SCHEMA:
        raise Unreadable(f"{schema.text()!r:.60} is not {SCHEMA}", schema.pointer)
    proof = field.get("certificate")
    return AnswerClaims(
        scenario=read_scenario(field.at("scenario")),
        scenario_sha256=field.at("scenario_sha256").text(),
        status=field.at("status").text(),
        objective_name=field.at("objective", "name").text(),
        sense=field.at("objective", "sense").text(),
        bound=field.at("bound").number_or_none(),
        gap=field.at("gap").number_or_none(),
        proof=None if proof is None else _proof(proof),
        plans=tuple(_plan(plan) for plan in field.at("plans").elements()),
    )


def _proof(field: Field) -> ProofClaims:
    return ProofClaims(
        method=field.at("method").text(),
        lp_bound=field.at("lp_bound").number_or_none(),
        lp_duals={name: dual.number() for name, dual in field.at("lp_duals").entries()},
        program_sha256=field.at("program_sha256").text(),
    )


def _plan(field: Field) -> PlanClaims:
    groups = tuple(_group(group) for group in field.at("groups").elements())
    periods = field.get("periods")
    predicted = [served.at("request_per_s").number() for _, served in field.at("predicted").entries()]
    return PlanClaims(
        rank=field.at("rank").integer(),
        id=field.at("id").text(),
        objective_value=field.at("objective_value").number(),
        gap=field.at("gap").number_or_none(),
        devices_used=field.at("devices_used").integer(),
        devices_idle=field.at("devices_idle").integer(),
        groups=groups,
        placement=tuple(_placed(placed) for placed in field.at("placement").elements()),
        request_per_s=sum(predicted),
        usd_per_hour=field.at("cost", "usd_per_hour").number_or_none(),
        watt=field.at("cost", "watt").number(),
        periods=() if periods is None else tuple(_period(p, len(groups)) for p in periods.elements()),
    )


def _period(field: Field, groups: int) -> PeriodClaims:
    field.at("replicas").sequence(groups)
    field.at("starts").sequence(groups)
    return PeriodClaims(
        name=field.at("name").text(),
        replicas=tuple(count.integer() for count in field.at("replicas").elements()),
        starts=tuple(count.integer() for count in field.at("starts").elements()),
        devices_used=field.at("devices_used").integer(),
    )


def _group(field: Field) -> GroupClaims:
    parallelism, level = field.at("parallelism"), field.get("power_level")
    devices = 1
    for degree in ("tp", "cp", "dp", "pp"):
        devices *= parallelism.at(degree).integer()
    return GroupClaims(
        deployment=field.at("deployment").text(),
        role=field.at("role").text(),
        pool=field.at("pool").text(),
        replicas=field.at("replicas").integer(),
        devices=devices,
        parallelism=parallelism,
        precision=field.at("precision"),
        memory_bytes={name: part.number() for name, part in field.at("memory_bytes").entries()},
        traffic_share=field.at("traffic_share").number(),
        power_level=None if level is None else level.text(),
    )


def _placed(field: Field) -> PlacedClaims:
    return PlacedClaims(
        group=field.at("group").integer(),
        replica=field.at("replica").integer(),
        devices=tuple(_device(device) for device in field.at("devices").elements()),
    )


def _device(field: Field) -> Device:
    field.sequence(3)
    pool, node, device = field.elements()
    return pool.text(), node.integer(), device.integer()
