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
    predicted = [served.at("request_per_s").number() for _, served in field.at("predicted").entries()]
    return PlanClaims(
        rank=field.at("rank").integer(),
        id=field.at("id").text(),
        objective_value=field.at("objective_value").number(),
        gap=field.at("gap").number_or_none(),
        devices_used=field.at("devices_used").integer(),
        devices_idle=field.at("devices_idle").integer(),
        groups=tuple(_group(group) for group in field.at("groups").elements()),
        placement=tuple(_placed(placed) for placed in field.at("placement").elements()),
        request_per_s=sum(predicted),
        usd_per_hour=field.at("cost", "usd_per_hour").number_or_none(),
        watt=field.at("cost", "watt").number(),
    )


def _group(field: Field) -> GroupClaims:
    parallelism = field.at("parallelism")
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
