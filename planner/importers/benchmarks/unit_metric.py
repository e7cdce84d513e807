"""Metrics of AIPerf and GenAI-Perf: each an object ``{unit, avg, p1 ... p99, min, max, std}``."""

from collections.abc import Mapping
from typing import Any

from planner.importers.benchmarks.assembly import Measured
from planner.importers.benchmarks.latency import PERCENTILES, latency, same_unit, stated_unit
from planner.importers.benchmarks.record import Record

_NAMES = {"mean": "avg", **PERCENTILES}
_CORE = ("request_latency", "request_throughput", "time_to_first_token", "output_token_throughput")


def has_metrics(document: Mapping[str, Any]) -> bool:
    """Whether the object holds at least one of the core metrics in this shape."""
    metrics = (document.get(name) for name in _CORE)
    return any(isinstance(metric, Mapping) and "unit" in metric for metric in metrics)


def measured(record: Record, failed: int | None, *, incomplete: bool = False) -> Measured:
    """Results of a run. Both tools' inter-token latency is per request, (E2E - TTFT) / (output - 1): TPOT."""
    return Measured(
        requests=_requests(record),
        failed_requests=failed,
        input_tokens=_value(record, "input_sequence_length", "tokens"),
        output_tokens=_value(record, "output_sequence_length", "tokens"),
        ttft_s=_times(record, "time_to_first_token"),
        tpot_s=_times(record, "inter_token_latency"),
        output_tokens_per_s=_value(record, "output_token_throughput", "tokens/sec"),
        latency_s=_times(record, "request_latency").get("mean"),
        served_per_s=_value(record, "request_throughput", "requests/sec"),
        incomplete=incomplete,
    )


def _requests(record: Record) -> int | None:
    if not record.has("request_count"):
        return None
    metric = record.inner("request_count")
    same_unit(metric, "unit", "requests", "count")
    return metric.served("avg", metric.count("avg"))


def _times(record: Record, name: str) -> dict[str, float]:
    if not record.has(name):
        return {}
    metric = record.inner(name)
    return latency(metric, _NAMES, stated_unit(metric, "unit"))


def _value(record: Record, name: str, unit: str) -> float | None:
    """Mean of a metric that must be in this unit."""
    if not record.has(name):
        return None
    metric = record.inner(name)
    same_unit(metric, "unit", unit)
    return metric.measured("avg")
