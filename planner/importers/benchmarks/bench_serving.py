"""Keys that ``vllm bench serve`` and SGLang's ``bench_serving`` share; the second grew from the first."""

from planner.importers.benchmarks.assembly import Load, Measured
from planner.importers.benchmarks.latency import MILLISECONDS, latency
from planner.importers.benchmarks.record import Record

_ENGINES = {
    "vllm": "vllm",
    "sglang": "sglang",
    "tensorrt-llm": "trtllm",
    "trt": "trtllm",
    "lmdeploy": "lmdeploy",
}


def engine(record: Record) -> str | None:
    """Engine that the client's backend names; ``openai`` is a protocol many speak, and names none."""
    backend = record.text("backend") or ""
    return next((name for prefix, name in _ENGINES.items() if backend.startswith(prefix)), None)


def load(record: Record, requests: int, in_flight: float | None = None) -> Load:
    """Open loop when a finite rate is stated, closed under a cap that bound, else whatever was in flight.

    A cap of at least the number of requests never bound: all were sent at once.
    """
    rate = record.limit("request_rate")
    cap = record.limit("max_concurrency")
    if rate is None and cap is not None and cap < requests:
        return Load(concurrency=cap)
    return Load(requests_per_s=rate, concurrency=in_flight)


def measured(record: Record, end_to_end: str, failed: int | None, derived: tuple[str, ...] = ()) -> Measured:
    """Results; ``end_to_end`` is the word of the tool for the whole time of a request."""
    requests = record.served("completed", record.count("completed"))
    ttft_s = _times(record, "ttft")
    latency_s = _times(record, end_to_end).get("mean")
    if latency_s is not None and latency_s < ttft_s.get("mean", 0.0):
        record.refuse(
            f"mean_{end_to_end}_ms",
            f"is {latency_s * MILLISECONDS:g}, below mean_ttft_ms, which it should hold",
            "Maybe one of the two is in seconds.",
        )
    return Measured(
        requests=requests,
        failed_requests=failed,
        input_tokens=_per_request(record, "total_input_tokens", requests),
        output_tokens=_per_request(record, "total_output_tokens", requests),
        ttft_s=ttft_s,
        tpot_s=_times(record, "tpot"),
        output_tokens_per_s=record.measured("output_throughput"),
        latency_s=latency_s,
        served_per_s=record.measured("request_throughput"),
        derived=derived,
    )


def _per_request(record: Record, name: str, requests: int) -> float | None:
    total = record.measured(name)
    return None if total is None else total / requests


def _times(record: Record, word: str) -> dict[str, float]:
    names = {name: f"{name}_{word}_ms" for name in ("mean", "p90", "p95", "p99")}
    return latency(record, names | {"p50": f"median_{word}_ms"}, MILLISECONDS)
