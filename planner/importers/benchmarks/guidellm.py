"""Report of GuideLLM: several benchmarks in one file, metrics split by the status of the requests.

The name of a metric tells its unit: ``_ms`` or, without a suffix, seconds (``request_latency``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from planner.importers.benchmarks.assembly import Load, Measured, System, assemble
from planner.importers.benchmarks.latency import MILLISECONDS, PERCENTILES, latency
from planner.importers.benchmarks.record import Record

_RATED = ("constant", "poisson", "async")


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object holds a list of benchmarks that have metrics (or nothing yet)."""
    benchmarks = document.get("benchmarks")
    if not isinstance(benchmarks, list):
        return False
    return all(isinstance(each, Mapping) and "metrics" in each for each in benchmarks)


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """One operating point per benchmark; those of a sweep come in the order they ran."""
    report = Record(document)
    benchmarks = report.entries("benchmarks")
    if not benchmarks:
        report.refuse("benchmarks", "is empty", "Maybe the run was stopped before its first benchmark ended.")
    for benchmark in benchmarks:
        metrics = benchmark.inner("metrics")
        system = System(model=_model(report, benchmark))
        yield assemble("guidellm", system, _load(benchmark, metrics), _measured(benchmark, metrics))


def _measured(benchmark: Record, metrics: Record) -> Measured:
    totals = metrics.inner("request_totals")
    if not totals.names():
        totals = benchmark.inner("request_totals")  # up to 0.3
    return Measured(
        requests=totals.served("successful", totals.count("successful")),
        failed_requests=totals.count("errored"),
        input_tokens=_mean(metrics, "prompt_token_count"),
        output_tokens=_mean(metrics, "output_token_count"),
        ttft_s=_times(metrics, "time_to_first_token_ms"),
        # its "time per output token" counts the first one in; this is (E2E - TTFT) / (output - 1)
        tpot_s=_times(metrics, "inter_token_latency_ms"),
        output_tokens_per_s=_mean(metrics, "output_tokens_per_second"),
        latency_s=_mean(metrics, "request_latency"),
        served_per_s=_mean(metrics, "requests_per_second"),
    )


def _times(metrics: Record, name: str) -> dict[str, float]:
    successful = metrics.inner(name, "successful")
    mean_s = latency(successful, {"mean": "mean"}, MILLISECONDS)
    return mean_s | latency(successful.inner("percentiles"), PERCENTILES, MILLISECONDS) if mean_s else {}


def _mean(metrics: Record, name: str, status: str = "successful") -> float | None:
    return metrics.inner(name, status).measured("mean")


def _load(benchmark: Record, metrics: Record) -> Load:
    """What the scheduler ran. A cap beside a rate only guards the client, and is no concurrency."""
    strategy = benchmark.inner("config", "strategy")
    if not strategy.names():
        strategy = benchmark.inner("args", "strategy")  # up to 0.3
    kind = strategy.text("type_")
    in_flight = _mean(metrics, "request_concurrency", "total") or _mean(metrics, "request_concurrency")
    if kind == "synchronous":
        return Load(concurrency=1.0)
    if kind == "concurrent":
        return Load(concurrency=strategy.limit("streams") or in_flight)
    rate = strategy.limit("rate") if kind in _RATED else None
    return Load(requests_per_s=rate, concurrency=in_flight)


def _model(report: Record, benchmark: Record) -> str | None:
    """Model of the backend, by the layouts of 0.4 and later, then of 0.3, then of the whole run."""
    for place in (
        benchmark.inner("config", "backend"),
        report.inner("config", "spec", "backend"),
        report.inner("args"),
    ):
        if place.has("model"):
            return place.text("model")
    return benchmark.inner("worker").text("backend_model")
