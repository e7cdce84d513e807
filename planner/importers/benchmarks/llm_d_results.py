"""The measured part of an llm-d Benchmark Report: counts, lengths, latencies and rates."""

from planner.importers.benchmarks.assembly import Measured
from planner.importers.benchmarks.latency import PERCENTILES, latency, same_unit, stated_unit
from planner.importers.benchmarks.record import Record

_NAMES = {"mean": "mean", **PERCENTILES}
_PER_REQUEST_GAPS = ("guidellm", "aiperf")
"""Generators whose inter-token latency is per request, hence TPOT; reports of guidellm written before
mid-2026 may hold under ``time_per_output_token`` a time that counts the first token in."""


def measured(aggregate: Record, tool: str) -> Measured:
    """Results of version 0.2.x, which states a unit everywhere."""
    rates = aggregate.inner("throughput")
    return _measured(
        aggregate,
        tool,
        output_tokens_per_s=_mean(rates, "output_token_rate", "tokens/s"),
        served_per_s=_mean(rates, "request_rate", "queries/s"),
    )


def early_measured(metrics: Record, tool: str) -> Measured:
    """Results of version 0.1, whose rates carry their unit in the name."""
    rates = metrics.inner("throughput")
    return _measured(
        metrics,
        tool,
        output_tokens_per_s=rates.measured("output_tokens_per_sec"),
        served_per_s=rates.measured("requests_per_sec"),
    )


def _measured(
    record: Record, tool: str, *, output_tokens_per_s: float | None, served_per_s: float | None
) -> Measured:
    requests, times = record.inner("requests"), record.inner("latency")
    failed = requests.count("failures")
    tpot_s, derived = _tpot_s(times, tool)
    return Measured(
        requests=_served(requests, failed or 0),
        failed_requests=failed,
        input_tokens=_mean(requests, "input_length", "count"),
        output_tokens=_mean(requests, "output_length", "count"),
        ttft_s=_times(times, "time_to_first_token"),
        tpot_s=tpot_s,
        output_tokens_per_s=output_tokens_per_s,
        latency_s=_times(times, "request_latency").get("mean"),
        served_per_s=served_per_s,
        derived=derived,
    )


def _served(requests: Record, failed: int) -> int | None:
    """Requests that were sent and neither failed nor were cut off at the end."""
    total = requests.count("total")
    if total is None:
        return None
    return requests.served("total", total - failed - (requests.count("incomplete") or 0))


def _tpot_s(times: Record, tool: str) -> tuple[dict[str, float], tuple[str, ...]]:
    gaps = _times(times, "inter_token_latency")
    if tool in _PER_REQUEST_GAPS and gaps:
        return gaps, ()
    stated = _times(times, "time_per_output_token")
    if stated or "mean" not in gaps:
        return stated, ()
    # over all gaps of all requests: only the mean is comparable, weighted by tokens
    return {"mean": gaps["mean"]}, ("tpot_s",)


def _times(times: Record, name: str) -> dict[str, float]:
    if not times.has(name):
        return {}
    statistics = times.inner(name)
    if not statistics.has("mean"):
        statistics.refuse("mean", "is missing or no finite number", "Maybe nothing was measured.")
    return latency(statistics, _NAMES, stated_unit(statistics, "units"))


def _mean(record: Record, name: str, unit: str) -> float | None:
    if not record.has(name):
        return None
    statistics = record.inner(name)
    same_unit(statistics, "units", unit)
    return statistics.measured("mean")
