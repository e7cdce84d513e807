"""Fields of a scenario that a person may want to turn: name, value, unit and a sensible range."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.scenario import Deployment, Scenario

LOWEST_FRAC, HIGHEST_FRAC = 0.25, 3.0
"""Ends of the range over the value of today; a field takes values outside of it as well."""
STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustable:
    """One field, named as in relaxations; ``whole`` for counts."""

    change: str
    words: str
    unit: str
    value: float
    low: float
    high: float
    whole: bool

    @property
    def step(self) -> float:
        """Step of a slider over the range."""
        return 1.0 if self.whole else float(f"{(self.high - self.low) / STEPS:.1g}")


def adjustables(scenario: Scenario) -> list[Adjustable]:
    """Limits, traffic and lengths of every deployment, nodes of every pool, caps that are set."""
    found = [row for d in scenario.deployments for row in _of_deployment(d, len(scenario.deployments) > 1)]
    for pool in scenario.cluster.pools:
        if pool.nodes is not None:
            found.append(
                _row(
                    f"cluster.pools.{pool.name}.nodes",
                    f"node count of {pool.name}",
                    "nodes",
                    pool.nodes,
                    whole=True,
                )
            )
    caps = scenario.limits
    for name, unit, cap in (
        ("devices", "devices", caps.devices), ("usd_per_hour", "USD/h", caps.usd_per_hour),
        ("watt", "W", caps.watt),
    ):  # fmt: skip
        if cap is not None:
            found.append(_row(f"limits.{name}", f"cap on {unit}", unit, cap, whole=name == "devices"))
    return found


def _of_deployment(deployment: Deployment, named: bool) -> Iterator[Adjustable]:
    of = f" of {deployment.name}" if named else ""
    for metric, limit in deployment.slo.limits().items():
        label = f"{metric.removesuffix('_s').upper()} limit{of}"
        yield _row(f"slo.{deployment.name}.{metric}.limit_s", label, "s", limit.limit_s)
    workload, where = deployment.workload, f"workload.{deployment.name}"
    arrival = workload.arrival
    if arrival.rate_per_s is not None:
        yield _row(f"{where}.arrival.rate_per_s", f"request rate{of}", "request/s", arrival.rate_per_s)
    if arrival.concurrency is not None:
        yield _row(
            f"{where}.arrival.concurrency", f"concurrency{of}", "requests", arrival.concurrency, whole=True
        )
    for field, words in (("input_tokens", "input length"), ("output_tokens", "output length")):
        value = getattr(workload, field)
        if isinstance(value, int | float) and not deployment.classes:
            yield _row(f"{where}.{field}", f"{words}{of}", "tokens", value, whole=True)


def _row(change: str, words: str, unit: str, value: float, *, whole: bool = False) -> Adjustable:
    low, high = LOWEST_FRAC * value, HIGHEST_FRAC * value
    if whole:
        low, high = float(max(int(low), 1)), float(int(high) + 1)
    return Adjustable(
        change=change, words=words, unit=unit, value=float(value), low=float(f"{low:.3g}"),
        high=float(f"{high:.3g}"), whole=whole,
    )  # fmt: skip
