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
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    prefill_rate_frac: Share = 1.0
    decode_rate_frac: Share = 1.0
    ttft_frac: Multiple = 1.0
    prefill_step_frac: Multiple = 1.0
    decode_step_frac: Multiple = 1.0

    def words(self) -> str:
        """The factors as told in an answer."""
        told = (f"{f.name.removesuffix('_frac')} x{getattr(self, f.name):g}" for f in fields(self))
        return "stated rate factors: " + ", ".join(told)


RATE_FACTORS = {
    # constants of the planner of aiconfigurator 0.12.0 (Apache-2.0), which ranks its workers with them
    "aiconfigurator": RateFactors(
        prefill_rate_frac=0.9, decode_rate_frac=0.92, ttft_frac=1.8, prefill_step_frac=1.1,
        decode_step_frac=1.08,
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
