"""One measured operating point of a serving system, as a benchmark reported it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen

from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.wire import WIRE

SourceFormat = Literal[
    "vllm-bench", "sglang-bench", "aiperf", "genai-perf", "guidellm", "llm-d-report", "inference-perf"
]
STATISTICS = ("mean", "p50", "p90", "p95", "p99")
"""Keys a latency may have: the mean, or a percentile over requests, smallest first."""

Name = Annotated[str, MaxLen(500)]
Amount = Annotated[float, Gt(0), Le(1e15)]
Count = Annotated[int, Ge(1), Le(10**12)]

_AMOUNTS = ("concurrency", "requests_per_s", "input_tokens", "output_tokens", "output_tokens_per_s")
_LARGEST = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a benchmark says of one load on one system; None and empty where it says nothing.

    Attributes
    ----------
    device : str, optional
        Accelerator as the report names it, not an id of the catalogue.
    devices : int, optional
        Accelerators of the whole system, all replicas together.
    parallelism : Parallelism, optional
        Of one replica, where all replicas are alike.
    concurrency : float, optional
        Requests in flight: set by the load generator in a closed loop, else their mean over the run.
    requests_per_s : float, optional
        Offered arrival rate of an open loop; None in a closed one.
    input_tokens, output_tokens : float, optional
        Mean per request.
    requests : int, optional
        Requests that were served completely.
    ttft_s, tpot_s : mapping
        By statistic, see ``STATISTICS``. TPOT is the time per output token after the first.
    incomplete : bool
        The run ended before its plan did.
    derived : tuple of str
        Fields the report does not state, computed from others it states.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    source_format: SourceFormat
    model: Name | None = None
    engine: Name | None = None
    engine_version: Name | None = None
    device: Name | None = None
    devices: Count | None = None
    parallelism: Parallelism | None = None
    concurrency: Amount | None = None
    requests_per_s: Amount | None = None
    input_tokens: Amount | None = None
    output_tokens: Amount | None = None
    requests: Count | None = None
    ttft_s: Mapping[str, Amount] = field(default_factory=dict)
    tpot_s: Mapping[str, Amount] = field(default_factory=dict)
    output_tokens_per_s: Amount | None = None
    failed_requests: Annotated[int, Ge(0), Le(10**12)] | None = None
    incomplete: bool = False
    derived: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _AMOUNTS:
            _positive(getattr(self, name), f"/{name}")
        _whole(self.requests, "/requests", least=1)
        _whole(self.devices, "/devices", least=1)
        _whole(self.failed_requests, "/failed_requests", least=0)
        _latency(self.ttft_s, "/ttft_s")
        _latency(self.tpot_s, "/tpot_s")
        if not (self.ttft_s or self.tpot_s or self.output_tokens_per_s):
            raise InvalidInput(
                "neither TTFT nor TPOT nor a rate of output tokens is stated",
                hint="Maybe a run of an embedding model, or one in which no request succeeded.",
            )
        unknown = set(self.derived) - {each.name for each in fields(self)}
        if unknown:
            raise InvalidInput(f"{', '.join(sorted(unknown))} is no field", pointer="/derived")


def _positive(value: object, pointer: str) -> None:
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= _LARGEST:  # type: ignore[operator]
        raise InvalidInput(
            f"must be a positive finite number, got {value!r:.80}",
            pointer=pointer,
            hint="Maybe leave it out: what was not measured is absent.",
        )


def _whole(value: object, pointer: str, *, least: int) -> None:
    if value is None:
        return
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= _LARGEST:  # type: ignore[operator]
        raise InvalidInput(f"must be a whole number of at least {least}, got {value!r:.80}", pointer=pointer)


def _latency(values: Mapping[str, float], pointer: str) -> None:
    unknown = [name for name in values if name not in STATISTICS]
    if unknown:
        raise InvalidInput(
            f"{unknown[0]!r:.80} is no statistic",
            pointer=pointer,
            hint=f"Maybe one of {', '.join(STATISTICS)}.",
        )
    for name, value in values.items():
        _positive(value, f"{pointer}/{name}")
    stated = [(name, values[name]) for name in STATISTICS[1:] if name in values]
    for (low, below), (high, above) in zip(stated, stated[1:], strict=False):
        if below > above and not math.isclose(below, above, rel_tol=1e-9):
            raise InvalidInput(
                f"{low} ({below:g} s) exceeds {high} ({above:g} s)",
                pointer=pointer,
                hint="Maybe one of them is in another unit.",
            )
