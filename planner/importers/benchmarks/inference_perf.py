"""Lifecycle metrics of inference-perf (``summary_`` and ``stage_N_lifecycle_metrics.json``), in seconds."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from planner.importers.benchmarks.assembly import Load, Measured, System, assemble
from planner.importers.benchmarks.latency import PERCENTILES, SECONDS, latency
from planner.importers.benchmarks.record import Record

_NAMES = {"mean": "mean", **PERCENTILES, "p50": "median"}


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object splits its results into successes and failures."""
    return isinstance(document.get("successes"), Mapping) and not {"failures", "load_summary"}.isdisjoint(
        document
    )


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """The operating point of a stage, or the mean over all stages when the file is the summary."""
    record = Record(document)
    successes = record.inner("successes")
    times, rates = successes.inner("latency"), successes.inner("throughput")
    tpot_s = latency(times.inner("time_per_output_token"), _NAMES, SECONDS)
    derived: tuple[str, ...] = ()
    if not tpot_s:
        # over all gaps of all requests: only the mean is comparable, weighted by tokens
        tpot_s = latency(times.inner("inter_token_latency"), {"mean": "mean"}, SECONDS)
        derived = ("tpot_s",) if tpot_s else ()
    measured = Measured(
        requests=successes.served("count", successes.count("count")),
        failed_requests=record.inner("failures").count("count"),
        input_tokens=_length(successes, "prompt_tokens", "prompt_len"),
        output_tokens=_length(successes, "output_tokens", "output_len"),
        ttft_s=latency(times.inner("time_to_first_token"), _NAMES, SECONDS),
        tpot_s=tpot_s,
        output_tokens_per_s=rates.measured("output_tokens_per_sec"),
        latency_s=latency(times.inner("request_latency"), _NAMES, SECONDS).get("mean"),
        served_per_s=rates.measured("requests_per_sec"),
        derived=derived,
    )
    yield assemble("inference-perf", System(), _load(record.inner("load_summary")), measured)


def _length(successes: Record, *names: str) -> float | None:
    """Mean length: what the server counted where it did, else what the client did."""
    means = (successes.inner(name).measured("mean") for name in names)
    return next((mean for mean in means if mean is not None), None)


def _load(summary: Record) -> Load:
    """Closed loop where a concurrency is stated: the rate beside it is then the number of requests."""
    concurrency = summary.limit("concurrency")
    if concurrency is not None:
        return Load(concurrency=concurrency)
    return Load(requests_per_s=summary.measured("achieved_rate") or summary.limit("requested_rate"))
