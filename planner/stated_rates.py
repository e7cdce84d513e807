r"""Replicas whose rates follow from stated factors instead of our queue (:mod:`models.rate_factors`).

With step times :math:`t` and factors :math:`f`, a prefill replica of :math:`p` prompts per step counts with

.. math:: rate = f_{prefill}\,\frac{p}{f_{step} t}, \quad TTFT = f_{ttft} f_{step} t + transfer

and a decode replica of b sequences and n tokens with :math:`f_{decode}\, b / (n f_{step} t)`. Nothing is
stated of replicas of other roles: their queue and their loop stay ours.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.cost.base import Array
from models.rate_factors import RateFactors
from planner.operating_point import Decode, Prefill, State
from planner.setting import Setting
from planner.step import StepCost
from planner.step_load import decode_load

STATED_ROLES = ("prefill", "decode")
"""Roles that the factors are about."""


def factors_of(setting: Setting) -> RateFactors:
    """The setting's factors; all 1 where it has none."""
    return setting.rate_factors or RateFactors()


@dataclass(frozen=True, kw_only=True)
class StatedPrefill(Prefill):
    """Prefill used to a stated share of its time, with a stated multiple of its steps to the first token."""

    @cached_property
    def _work(self) -> tuple[StepCost, Array, Array]:
        step, prompts, steps = super()._work
        return step.scaled(factors_of(self.model.setting).prefill_step_frac), prompts, steps

    def room_frac(self, load: Array) -> Array:
        """Demand over capacity of cache and of the share of time; the tightest."""
        share = factors_of(self.model.setting).prefill_rate_frac
        room: Array = np.maximum(self._seated_frac, load / share)
        return room

    def state(self, load: Array) -> State:
        """Steady state at utilisation ``load``: the factor stands for queue, loop and other steps."""
        state, loop = super().state(load), self.model.setting.cost.loop()
        step, _, steps = self._work
        compute_s = step.travel_s + (steps - 1.0) * step.bottleneck_s
        waited_s = state.first_s - loop.fixed_s - loop.own_frac * compute_s
        first_s = factors_of(self.model.setting).ttft_frac * compute_s + waited_s
        none = np.zeros(load.shape)
        return replace(state, first_s=first_s, residual_s=none, queue_s=none)


@dataclass(frozen=True, kw_only=True)
class StatedDecode(Decode):
    """Decode counted with a stated share of its rate."""

    def _step(self, batch: Array) -> StepCost:
        factors, traffic = factors_of(self.model.setting), self.traffic
        context_tokens = traffic.context_tokens - factors.stride_tokens(traffic.decode_tokens)
        load = decode_load(batch / self.model.layouts.pp, np.full(batch.shape, context_tokens))
        return self.model.cost(load).scaled(factors.decode_step_frac)

    def state(self, load: Array) -> State:
        """Steady state with ``load`` running sequences per attention-dp rank."""
        state = super().state(load)
        return replace(state, rate_per_s=factors_of(self.model.setting).decode_rate_frac * state.rate_per_s)
