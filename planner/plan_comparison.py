"""Two plans side by side: figure by figure with the better one, and the groups in which they differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.plan import Group, Plan
from models.wire import WIRE

Better = Literal["a", "b", "equal", "none"]
SAME_FRAC = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFigure:
    """One figure of both plans; ``difference`` is b minus a, null where one of them lacks it."""

    __pydantic_config__: ClassVar[Any] = WIRE

    name: str
    unit: str
    a: float | None
    b: float | None
    difference: float | None
    better: Better


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanComparison:
    """Figures, and groups that both plans have or only one (``shardwright.comparison/1``)."""

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.comparison/1"] = "shardwright.comparison/1"
    a: str
    b: str
    figures: tuple[ComparedFigure, ...]
    both: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def compare(a: Plan, b: Plan) -> PlanComparison:
    """Compare two plans, which may belong to different questions."""
    groups_a, groups_b = ([group_words(g) for g in plan.groups] for plan in (a, b))
    return PlanComparison(
        a=a.id, b=b.id, figures=tuple(_figures(a, b)),
        both=tuple(w for w in groups_a if w in groups_b),
        only_a=tuple(w for w in groups_a if w not in groups_b),
        only_b=tuple(w for w in groups_b if w not in groups_a),
    )  # fmt: skip


def group_words(group: Group) -> str:
    """One group in words: 3 x tp2 prefill of chat on h100, fp8 weights, fp8 KV."""
    level = f", {group.power_level}" if group.power_level else ""
    return (
        f"{group.replicas} x {group.parallelism.short()} {group.role_words} of {group.deployment} "
        f"on {group.pool}, {group.precision.weights} weights, {group.precision.kv} KV{level}"
    )


def _figures(a: Plan, b: Plan) -> Iterator[ComparedFigure]:
    """Means over requests, money, power and devices; of deployments those that both plans serve."""
    for name in [n for n in a.predicted if n in b.predicted]:
        one, two = a.predicted[name], b.predicted[name]
        yield _figure(f"{name}: requests", "request/s", one.request_per_s, two.request_per_s, "more")
        for metric in ("ttft_s", "tpot_s", "e2e_s"):
            first, second = getattr(one, metric), getattr(two, metric)
            for statistic in [s for s in first if s in second and s in ("mean", "p95", "p99")]:
                label = f"{name}: {metric.removesuffix('_s').upper()} {statistic}"
                yield _figure(label, "s", first[statistic], second[statistic], "less")
        yield _figure(
            f"{name}: output per device", "token/s",
            one.output_tokens_per_s_per_device, two.output_tokens_per_s_per_device, "more",
        )  # fmt: skip
    yield _figure("devices", "devices", float(a.devices_used), float(b.devices_used), "less")
    # more replicas are neither better nor worse
    yield _figure("replicas", "replicas", _replicas(a), _replicas(b))
    yield _figure("price", "USD/h", a.cost.usd_per_hour, b.cost.usd_per_hour, "less")
    yield _figure(
        "price per million output tokens", "USD",
        a.cost.usd_per_million_output_tokens, b.cost.usd_per_million_output_tokens, "less",
    )  # fmt: skip
    yield _figure("power", "W", a.cost.watt, b.cost.watt, "less")
    yield _figure(
        "energy per output token", "J", a.cost.joule_per_output_token, b.cost.joule_per_output_token, "less"
    )


def _replicas(plan: Plan) -> float:
    return float(sum(g.replicas for g in plan.groups))


def _figure(
    name: str, unit: str, a: float | None, b: float | None, wanted: Literal["more", "less", ""] = ""
) -> ComparedFigure:
    if a is None or b is None:
        return ComparedFigure(name=name, unit=unit, a=a, b=b, difference=None, better="none")
    better: Better = "none"
    if abs(a - b) <= SAME_FRAC * max(abs(a), abs(b)):
        better = "equal"
    elif wanted:
        better = "a" if (a > b) == (wanted == "more") else "b"
    return ComparedFigure(name=name, unit=unit, a=a, b=b, difference=b - a, better=better)
