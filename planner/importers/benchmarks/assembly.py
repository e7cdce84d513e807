"""What every format comes down to: a system, a load on it, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.errors import InvalidInput
from models.observation import Observation, SourceFormat
from models.parallelism import Parallelism
from planner.importers.benchmarks.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What was benchmarked, as far as the report says."""

    model: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    device: str | None = None
    devices: int | None = None
    parallelism: Parallelism | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Arrival rate of an open loop, requests in flight as set or as measured."""

    requests_per_s: float | None = None
    concurrency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Results; ``latency_s`` is the mean end-to-end time, ``served_per_s`` the rate of completed requests."""

    requests: int | None = None
    failed_requests: int | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    ttft_s: Mapping[str, float] = field(default_factory=dict)
    tpot_s: Mapping[str, float] = field(default_factory=dict)
    output_tokens_per_s: float | None = None
    latency_s: float | None = None
    served_per_s: float | None = None
    incomplete: bool = False
    derived: tuple[str, ...] = ()


def replica(
    record: Record, *, tp: int | None, pp: int | None, dp: int | None, ep: int | None
) -> Parallelism | None:
    """Parallelism of one replica, None where nothing is stated; ``record`` holds any contradiction."""
    if not (tp or pp or dp or ep):
        return None
    try:
        return Parallelism(tp=tp or 1, pp=pp or 1, dp=dp or 1, ep=ep or 1)
    except InvalidInput as error:
        raise error.under(record.pointer) from None


def assemble(source_format: SourceFormat, system: System, load: Load, measured: Measured) -> Observation:
    """Put the observation together; requests in flight follow from Little's law where nobody states them."""
    concurrency, derived = load.concurrency, measured.derived
    if concurrency is None:
        concurrency = _in_flight(measured)
        derived += ("concurrency",) if concurrency is not None else ()
    return Observation(
        source_format=source_format,
        model=system.model,
        engine=system.engine,
        engine_version=system.engine_version,
        device=system.device,
        devices=system.devices,
        parallelism=system.parallelism,
        concurrency=concurrency,
        requests_per_s=load.requests_per_s,
        input_tokens=measured.input_tokens,
        output_tokens=measured.output_tokens,
        requests=measured.requests,
        ttft_s=measured.ttft_s,
        tpot_s=measured.tpot_s,
        output_tokens_per_s=measured.output_tokens_per_s,
        failed_requests=measured.failed_requests,
        incomplete=measured.incomplete,
        derived=derived,
    )


def _in_flight(measured: Measured) -> float | None:
    """Mean number of requests in flight: their rate times the mean time each stays."""
    if measured.served_per_s is None or measured.latency_s is None:
        return None
    if measured.latency_s < measured.ttft_s.get("mean", 0.0):
        return None  # the end-to-end time holds the first token: one of the two is mislabelled
    return measured.served_per_s * measured.latency_s
