"""Traffic: how requests arrive and how long they are."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from models.errors import InvalidInput, NotBuilt
from models.wire import WIRE

Tokens = Annotated[float, Ge(1), Le(100_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A recorded arrival stream (reserved: needs the trace importers)."""

    __pydantic_config__: ClassVar[Any] = WIRE

    path: str | None = None
    id: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Open loop (``rate_per_s`` with coefficient of variation ``cv``) or closed loop (``concurrency``)."""

    __pydantic_config__: ClassVar[Any] = WIRE

    rate_per_s: Annotated[float, Ge(1e-6), Le(1e9)] | None = None
    cv: Annotated[float, Ge(0), Le(100)] = 1.0
    concurrency: Annotated[int, Ge(1), Le(100_000_000)] | None = None
    trace: Trace | None = None

    def __post_init__(self) -> None:
        if self.trace is not None:
            raise NotBuilt(
                "arrival.trace is not built yet",
                pointer="/trace",
                hint="Maybe give arrival.rate_per_s and cv, fitted to the trace.",
            )
        if (self.rate_per_s is None) == (self.concurrency is None):
            raise InvalidInput(
                "give exactly one of rate_per_s and concurrency",
                hint="Maybe {rate_per_s: 8.0, cv: 1.0} or {concurrency: 64}.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthDistribution:
    """Token counts: ``mean`` with ``cv`` (log-normal), or a ``histogram`` of (tokens, weight)."""

    __pydantic_config__: ClassVar[Any] = WIRE

    mean: Tokens | None = None
    cv: Annotated[float, Ge(0), Le(100)] = 0.0
    histogram: (
        Annotated[tuple[tuple[Tokens, Annotated[float, Gt(0), Le(1e12)]], ...], MinLen(1), MaxLen(10_000)]
        | None
    ) = None

    def __post_init__(self) -> None:
        if (self.mean is None) == (self.histogram is None):
            raise InvalidInput(
                "give exactly one of mean and histogram",
                hint="Maybe {mean: 3000, cv: 0.5} or {histogram: [[1000, 0.7], [8000, 0.3]]}.",
            )


Lengths = Tokens | LengthDistribution


def length_moments(lengths: Lengths) -> tuple[float, float]:
    """Mean [tokens] and coefficient of variation of a length description."""
    if not isinstance(lengths, LengthDistribution):
        return float(lengths), 0.0
    if lengths.histogram is None:
        assert lengths.mean is not None
        return lengths.mean, lengths.cv
    total = sum(w for _, w in lengths.histogram)
    mean = sum(t * w for t, w in lengths.histogram) / total
    variance = sum((t - mean) ** 2 * w for t, w in lengths.histogram) / total
    return float(mean), float(variance**0.5 / mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images beside the text of a request: their mean number, and tiles of each (null: the model's most)."""

    __pydantic_config__: ClassVar[Any] = WIRE

    per_request: Annotated[float, Ge(0), Le(10_000)]
    tiles: Annotated[int, Ge(1), Le(10_000)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Arrivals, lengths and the share of input tokens found in a prefix cache.

    ``input_tokens`` counts text; the tokens of ``images`` come on top and are in no prefix cache.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    arrival: Arrival
    input_tokens: Lengths
    output_tokens: Lengths
    prefix_hit_frac: Annotated[float, Ge(0), Le(1)] = 0.0
    images: Images | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SloLimit:
    """Upper limit of one latency at a percentile over requests, or of its mean."""

    __pydantic_config__: ClassVar[Any] = WIRE

    limit_s: Annotated[float, Ge(1e-6), Le(1e7)]
    percentile: Annotated[float, Ge(0.01), Le(0.99999)] | Literal["mean"] = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Limits on time to first token, time per output token and end-to-end time; each optional."""

    __pydantic_config__: ClassVar[Any] = WIRE

    ttft_s: SloLimit | None = None
    tpot_s: SloLimit | None = None
    e2e_s: SloLimit | None = None

    def limits(self) -> dict[str, SloLimit]:
        """Only the limits that are set, by metric name."""
        named = {"ttft_s": self.ttft_s, "tpot_s": self.tpot_s, "e2e_s": self.e2e_s}
        return {name: limit for name, limit in named.items() if limit is not None}
