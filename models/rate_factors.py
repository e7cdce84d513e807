"""Factors by which another planner turns step times into rates, for plans on its terms."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from models.errors import InvalidInput
from models.wire import WIRE

Share = Annotated[float, Ge(1e-3), Le(1)]
Multiple = Annotated[float, Ge(1e-3), Le(1e3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFactors:
    """Stated factors of prefill and decode replicas, in place of our queue and host time (kind stated).

    Attributes
    ----------
    prefill_rate_frac, decode_rate_frac : float
        Share of the rate of back-to-back steps that a replica is counted with.
    ttft_frac : float
        Time to the first token over the time of the prompt's steps.
    prefill_step_frac, decode_step_frac : float
        On the time of their steps.
    decode_stride_tokens : int
        Every so many tokens of an answer are priced at the context of the first of them.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    prefill_rate_frac: Share = 1.0
    decode_rate_frac: Share = 1.0
    ttft_frac: Multiple = 1.0
    prefill_step_frac: Multiple = 1.0
    decode_step_frac: Multiple = 1.0
    decode_stride_tokens: Annotated[int, Ge(1), Le(1_000_000)] = 1

    def words(self) -> str:
        """The factors as told in an answer."""
        frac = {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_frac")}
        told = ", ".join(f"{name.removesuffix('_frac')} x{value:g}" for name, value in frac.items())
        return f"stated rate factors: {told}; decode priced every {self.decode_stride_tokens} tokens"

    def stride_tokens(self, tokens: float) -> float:
        """By how much the mean context of an answer of ``tokens`` steps is understated."""
        stride = float(self.decode_stride_tokens)
        whole, rest = divmod(tokens, stride)
        behind = whole * stride * (stride - 1.0) / 2.0 + rest * max(rest - 1.0, 0.0) / 2.0
        return behind / max(tokens, 1.0)


RATE_FACTORS = {
    # constants of the planner of aiconfigurator 0.12.0 (Apache-2.0), which ranks its workers with them
    "aiconfigurator": RateFactors(
        prefill_rate_frac=0.9, decode_rate_frac=0.92, ttft_frac=1.8, prefill_step_frac=1.1,
        decode_step_frac=1.08, decode_stride_tokens=32,
    ),
}  # fmt: skip
"""Sets of factors by name."""


def named_factors(name: str) -> RateFactors:
    """The set of that name.

    Raises
    ------
    InvalidInput
        No such set; the hint lists them.
    """
    if name not in RATE_FACTORS:
        raise InvalidInput(
            f"no rate factors are named {name!r}", hint=f"Maybe one of: {', '.join(RATE_FACTORS)}"
        )
    return RATE_FACTORS[name]
