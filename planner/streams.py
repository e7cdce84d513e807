"""Streams of requests: the traffic of every deployment, or of every class of it; and the tiers they share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.errors import InvalidInput
from models.scenario import Deployment, Scenario
from models.traffic_class import TrafficClass
from models.workload import Slo


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One demand of the fleet program.

    Attributes
    ----------
    name : str
        Key of its predictions: the deployment, or deployment/class.
    deployment : Deployment
        The deployment as though this stream were all of its traffic: its lengths, arrivals and SLO.
    """

    deployment_index: int
    name: str
    deployment: Deployment
    class_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Limits that columns hold, and the streams they may serve: those that ask for no more."""

    slo: Slo
    members: tuple[int, ...]


def streams_of(scenario: Scenario) -> tuple[Stream, ...]:
    """Every stream, deployment by deployment."""
    return tuple(
        stream
        for m, deployment in enumerate(scenario.deployments)
        for stream in _of_deployment(m, deployment)
    )


def _of_deployment(m: int, deployment: Deployment) -> list[Stream]:
    if not deployment.classes:
        return [Stream(deployment_index=m, name=deployment.name, deployment=deployment)]
    total = sum(one.share for one in deployment.classes)
    return [
        Stream(
            deployment_index=m, name=f"{deployment.name}/{one.name}", class_index=i,
            deployment=_as_if_alone(deployment, one, one.share / total),
        )
        for i, one in enumerate(deployment.classes)
    ]  # fmt: skip


def _as_if_alone(deployment: Deployment, one: TrafficClass, share_frac: float) -> Deployment:
    """The deployment with the traffic and the limits of one class."""
    workload = deployment.workload
    rate_per_s = workload.arrival.rate_per_s
    assert rate_per_s is not None
    hits = workload.prefix_hit_frac if one.prefix_hit_frac is None else one.prefix_hit_frac
    alone = replace(
        workload, input_tokens=one.input_tokens, output_tokens=one.output_tokens, prefix_hit_frac=hits,
        arrival=replace(workload.arrival, rate_per_s=rate_per_s * share_frac),
    )  # fmt: skip
    return replace(deployment, workload=alone, slo=deployment.slo if one.slo is None else one.slo, classes=())


def tiers_of(streams: Sequence[Stream], deployment_index: int) -> tuple[Tier, ...]:
    """Tiers of one deployment: the tightest limit of each metric, for all; then every distinct SLO.

    A class is served by columns whose limits are at least as tight as its own, so what holds the tightest
    serves all, and what holds a looser SLO serves the classes that ask for no more.
    """
    mine = [i for i, s in enumerate(streams) if s.deployment_index == deployment_index]
    slos = [streams[i].deployment.slo for i in mine]
    wanted = dict.fromkeys([_tightest(slos), *slos])
    return tuple(
        Tier(slo=slo, members=tuple(i for i, own in zip(mine, slos, strict=True) if _holds(slo, own)))
        for slo in wanted
    )


def _tightest(slos: Sequence[Slo]) -> Slo:
    """The smallest limit of each metric."""
    tight = {
        metric: min((limits[metric] for limits in map(Slo.limits, slos) if metric in limits),
                    key=lambda limit: limit.limit_s)
        for metric in dict.fromkeys(metric for slo in slos for metric in slo.limits())
    }  # fmt: skip
    return Slo(**tight)


def _holds(held: Slo, asked: Slo) -> bool:
    """Whether limits that are held keep those that are asked."""
    limits = held.limits()
    return all(
        metric in limits and limits[metric].limit_s <= limit.limit_s
        for metric, limit in asked.limits().items()
    )


def refuse_classes(scenario: Scenario, question: str) -> None:
    """Refuse a question that does not know classes.

    Raises
    ------
    InvalidInput
        A deployment with classes; the pointer leads to them.
    """
    for m, deployment in enumerate(scenario.deployments):
        if deployment.classes:
            raise InvalidInput(
                f"{question} does not cover the classes of {deployment.name}",
                pointer=f"/deployments/{m}/classes",
                hint="Maybe leave classes out and give the lengths of the class in question.",
            )
