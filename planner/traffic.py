"""A workload in the few numbers that prices need: means, variation, longest request."""

from dataclasses import dataclass

from models.workload import LengthDistribution, Lengths, Workload, length_moments
from planner.queueing import length_factor

LONGEST = 0.99
"""Percentile of the lengths that a replica must be able to hold as one sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Means over requests [tokens], coefficients of variation, and the longest sequence planned for."""

    input_tokens: float
    new_tokens: float
    output_tokens: float
    input_cv: float
    output_cv: float
    arrival_cv: float
    max_model_len: int

    @property
    def context_tokens(self) -> float:
        """Mean cache of a sequence in decode: its prompt and half its answer."""
        return self.input_tokens + self.output_tokens / 2.0

    @property
    def decode_tokens(self) -> float:
        """Tokens after the first."""
        return max(self.output_tokens - 1.0, 1e-9)


def traffic_of(workload: Workload) -> Traffic:
    """Numbers of a workload; a closed loop has no bursts of its own."""
    input_tokens, input_cv = length_moments(workload.input_tokens)
    output_tokens, output_cv = length_moments(workload.output_tokens)
    longest = _longest(workload.input_tokens) + _longest(workload.output_tokens)
    return Traffic(
        input_tokens=input_tokens,
        # at least the last prompt token is computed, whatever the prefix cache holds
        new_tokens=max(input_tokens * (1.0 - workload.prefix_hit_frac), 1.0),
        output_tokens=output_tokens,
        input_cv=input_cv,
        output_cv=output_cv,
        arrival_cv=workload.arrival.cv if workload.arrival.rate_per_s is not None else 0.0,
        max_model_len=int(-(-longest // 1)),
    )


def _longest(lengths: Lengths) -> float:
    if isinstance(lengths, LengthDistribution) and lengths.histogram is not None:
        return max(t for t, _ in lengths.histogram)
    mean, cv = length_moments(lengths)
    return mean * length_factor(LONGEST, cv)
