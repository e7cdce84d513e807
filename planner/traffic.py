"""A workload in the few numbers that prices need: means, variation, longest request."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.scenario import Scenario
from models.workload import LengthDistribution, Lengths, Workload, length_moments
from planner.image_work import ImageWork
from planner.queueing import Statistic, length_factor
from planner.setting import Setting
from planner.streams import streams_of

LONGEST = 0.99
"""Percentile of the lengths that a replica must be able to hold as one sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Means over requests [tokens], coefficients of variation, and the longest sequence planned for.

    Inputs are text and images together; ``text_cv`` is that of the text alone.
    """

    input_tokens: float
    new_tokens: float
    output_tokens: float
    input_cv: float
    output_cv: float
    arrival_cv: float
    max_model_len: int
    text_cv: float = 0.0
    images: ImageWork | None = None

    @property
    def context_tokens(self) -> float:
        """Mean cache of a sequence in decode: its prompt and half its answer."""
        return self.input_tokens + self.output_tokens / 2.0

    def prompt_factor(self, statistic: Statistic) -> float:
        """A percentile of the prompt over its mean: that of the text beside that of the images."""
        if self.images is None or isinstance(statistic, str):
            return length_factor(statistic, self.input_cv)
        text_tokens = self.input_tokens - self.images.tokens
        longer = text_tokens * length_factor(statistic, self.text_cv) + self.images.tokens_at(statistic)
        return longer / self.input_tokens

    @property
    def decode_tokens(self) -> float:
        """Tokens after the first."""
        return max(self.output_tokens - 1.0, 1e-9)


def traffic_of(workload: Workload, images: ImageWork | None = None) -> Traffic:
    """Numbers of a workload, the tokens of its images included; a closed loop has no bursts of its own."""
    text_tokens, text_cv = length_moments(workload.input_tokens)
    output_tokens, output_cv = length_moments(workload.output_tokens)
    longest = _longest(workload.input_tokens) + _longest(workload.output_tokens)
    image_tokens, input_cv = 0.0, text_cv
    if images is not None:
        image_tokens = images.tokens
        longest += images.most_tiles * images.encoder.tile_tokens
        spread = ((text_tokens * text_cv) ** 2 + (image_tokens * images.tiles_cv) ** 2) ** 0.5
        input_cv = spread / (text_tokens + image_tokens)
    return Traffic(
        input_tokens=text_tokens + image_tokens,
        # at least the last prompt token is computed, whatever the prefix cache holds
        new_tokens=max(text_tokens * (1.0 - workload.prefix_hit_frac) + image_tokens, 1.0),
        output_tokens=output_tokens,
        input_cv=input_cv,
        output_cv=output_cv,
        arrival_cv=workload.arrival.cv if workload.arrival.rate_per_s is not None else 0.0,
        max_model_len=int(-(-longest // 1)),
        text_cv=text_cv,
        images=images,
    )


def traffics(scenario: Scenario, found: Sequence[Setting]) -> list[Traffic]:
    """Numbers of every stream's workload, with the images its settings carry [streams]."""
    images = {s.deployment_index: s.images for s in found}
    return [traffic_of(s.deployment.workload, images.get(s.deployment_index)) for s in streams_of(scenario)]


def _longest(lengths: Lengths) -> float:
    if isinstance(lengths, LengthDistribution) and lengths.histogram is not None:
        return max(t for t, _ in lengths.histogram)
    mean, cv = length_moments(lengths)
    return mean * length_factor(LONGEST, cv)
