"""Classes of traffic that one deployment serves on shared replicas: buckets of lengths, tiers of SLO."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from models.errors import InvalidInput
from models.wire import WIRE
from models.workload import Lengths, Slo, Workload

MOST_CLASSES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficClass:
    """A share of a deployment's requests with lengths of its own; ``slo`` replaces the deployment's.

    Shares are relative to their sum; ``prefix_hit_frac`` is the workload's where it is not given.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: Annotated[str, MinLen(1), MaxLen(200)]
    share: Annotated[float, Gt(0), Le(1e12)]
    input_tokens: Lengths
    output_tokens: Lengths
    prefix_hit_frac: Annotated[float, Ge(0), Le(1)] | None = None
    slo: Slo | None = None


def check_classes(classes: Sequence[TrafficClass], workload: Workload, slo: Slo) -> None:
    """Refuse classes that do not describe the traffic of one deployment.

    Raises
    ------
    InvalidInput
        A name twice or with a slash, a closed loop, images, or a metric limited at two percentiles.
    """
    names = [one.name for one in classes]
    for i, name in enumerate(names):
        if name in names[:i] or "/" in name:
            why = "is given twice" if name in names[:i] else "holds a slash"
            raise InvalidInput(
                f"the class name {name!r} {why}", pointer=f"/classes/{i}/name",
                hint="Maybe names such as short and long.",
            )  # fmt: skip
    if classes and workload.arrival.rate_per_s is None:
        raise InvalidInput(
            "classes share an open loop of arrivals, but workload.arrival gives concurrency",
            pointer="/workload/arrival/concurrency",
            hint="Maybe workload.arrival.rate_per_s, or one deployment for each class.",
        )
    if classes and workload.images is not None:
        raise InvalidInput(
            "classes with images are not covered", pointer="/workload/images",
            hint="Maybe one deployment for the requests with images.",
        )  # fmt: skip
    _check_percentiles(classes, slo)


def _check_percentiles(classes: Sequence[TrafficClass], slo: Slo) -> None:
    """Limits of one metric are told apart by their seconds alone, so that the tightest is known."""
    asked: dict[str, Any] = {}
    for i, one in enumerate(classes):
        for metric, limit in (one.slo or slo).limits().items():
            if asked.setdefault(metric, limit.percentile) != limit.percentile:
                raise InvalidInput(
                    f"{metric} is limited at {limit.percentile} here and at {asked[metric]} in another class",
                    pointer=f"/classes/{i}/slo/{metric}/percentile"
                    if one.slo
                    else f"/slo/{metric}/percentile",
                    hint="Maybe the same percentile in every class of a deployment.",
                )
