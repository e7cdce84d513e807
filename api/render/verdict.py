"""How a latency stands to its limit, in words that need no colour."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.render.quantities import duration, percent
from models.plan import Plan, Predicted
from models.scenario import Scenario
from models.workload import Slo, SloLimit
from planner.streams import streams_of

WORDS = {"met": "met", "near_miss": "near miss", "missed": "missed"}
MEANINGS = {
    "near_miss": "near miss: the estimate meets the limits but its error band does not, or it is over by "
    "less than 10 %",
    "missed": "missed: the estimate is over a limit by 10 % or more",
}
METRICS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "E2E"}


def statistic_key(percentile: float | str) -> str:
    """Key of a statistic in an answer: 0.95 is ``p95``, 0.999 is ``p99.9``."""
    return percentile if isinstance(percentile, str) else f"p{percentile * 100:.6g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One predicted latency beside what was asked of it; limit and margin are None where none was."""

    metric: str
    statistic: str
    value_s: float | None
    limit_s: float | None = None
    margin_frac: float | None = None

    @property
    def label(self) -> str:
        """Such as ``TTFT p95``."""
        return f"{METRICS[self.metric]} {self.statistic}"

    @property
    def words(self) -> str:
        """Value, limit and how far apart they are."""
        if self.limit_s is None:
            return duration(self.value_s)
        sign = "≤" if self.value_s is not None and self.value_s <= self.limit_s else ">"
        return f"{duration(self.value_s)} {sign} {duration(self.limit_s)}"

    @property
    def margin_words(self) -> str:
        """Room below the limit, or by how much it is missed."""
        if self.margin_frac is None:
            return ""
        room = percent(abs(self.margin_frac), 0)
        return f"{room} room" if self.margin_frac >= 0 else f"over by {room}"


def latencies(plan: Plan, deployment: str, slo: Slo) -> list[Latency]:
    """TTFT and TPOT always, E2E where it has a limit; at the statistic that was asked, else the mean."""
    predicted, limits = plan.predicted[deployment], slo.limits()
    margins = plan.slo[deployment].margins_frac if deployment in plan.slo else {}
    return [
        _latency(metric, predicted, limits.get(metric), margins)
        for metric in METRICS
        if metric != "e2e_s" or metric in limits
    ]


def _latency(
    metric: str, predicted: Predicted, limit: SloLimit | None, margins: Mapping[str, float]
) -> Latency:
    values: Mapping[str, float] = getattr(predicted, metric)
    if limit is None:
        return Latency(metric=metric, statistic="mean", value_s=values.get("mean"))
    statistic = statistic_key(limit.percentile)
    return Latency(
        metric=metric,
        statistic=statistic,
        value_s=values.get(statistic),
        limit_s=limit.limit_s,
        margin_frac=margins.get(metric),
    )


def slo_of(scenario: Scenario, deployment: str) -> Slo:
    """What was asked for one deployment, or for one of its classes (deployment/class)."""
    return next((s.deployment.slo for s in streams_of(scenario) if s.name == deployment), Slo())
