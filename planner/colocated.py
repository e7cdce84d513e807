"""Replicas whose SMs are split between the phases: one weight copy, one cache, no hand-over (semi-PD).

Prefill runs on a share of the SMs as a queue of its own, decode on the rest, both at once
(:mod:`models.cost.sm_share`). Prompts are computed whole: they need not make room for decode steps. The load
is that of decode, running sequences per attention-dp rank; prefill has to keep up with it.

The split holds while a prompt is being computed; in between decode has the whole device. With b sequences, t
and t' the time per token on the whole device and beside a prompt, s the time of a prompt on its share and n
tokens per answer, prefill is busy a share b s / (n T) of the time, so that the mean time per token T solves

    T = t + b s / (n T) (t' - t),    T = (t + sqrt(t^2 + 4 b s / n (t' - t))) / 2

Prefill is priced as if decode never paused.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cost.base import Array, CostSource
from models.cost.sm_share import (
    SharedCost,
    can_split,
    decode_memory_frac,
    prefill_memory_frac,
    saturation_frac,
)
from models.memory import activation_bytes
from models.plan import SmShare
from planner.layouts import Layouts
from planner.memory_fit import MemoryFit, fit, kv_pool_beside, peak_activations
from planner.operating_point import MAX_BUSY_FRAC, Decode, Prefill, State
from planner.queueing import Statistic, length_factor, met_batch, peak_batch
from planner.setting import Setting
from planner.step import StepCost, StepModel
from planner.traffic import Traffic

SHARES_FRAC = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the SMs that prefill is tried with; decode gets the rest."""
UNBOUND = 1e9
"""Multiple of the bandwidth at which a step no longer waits for memory."""


@dataclass(frozen=True, kw_only=True)
class SplitLayouts(Layouts):
    """Layouts, each with the share of the SMs that computes prompts."""

    prefill_share_frac: NDArray[Any]


def with_share(layouts: Layouts, share_frac: Array | float) -> SplitLayouts:
    """The same layouts with prefill on ``share_frac`` of the SMs."""
    degrees = {**layouts.degrees(), "pp": layouts.pp, "sequence_parallel": layouts.sequence_parallel}
    degrees.pop("moe_tp")
    return SplitLayouts(**degrees, prefill_share_frac=np.zeros(len(layouts)) + share_frac)


def unbroken(layouts: Layouts) -> NDArray[Any]:
    """Layouts that engines run with split SMs: no pipeline; context parallelism gives decode nothing."""
    good: NDArray[Any] = (layouts.pp == 1) & (layouts.cp == 1)
    return good


def every_share(layouts: Layouts) -> SplitLayouts:
    """Every layout with every share of the grid."""
    rows = np.repeat(np.arange(len(layouts)), len(SHARES_FRAC))
    return with_share(layouts.take(rows), np.tile(SHARES_FRAC, len(layouts)))


def splits_sms(setting: Setting) -> bool:
    """Whether the engine splits the SMs of these devices between the phases."""
    return setting.engine.can("colocated") and can_split(setting.site.device)


def split_rules(setting: Setting, layouts: Layouts) -> list[str]:
    """Rules that keep the first layout from splitting its SMs under this engine."""
    rules = {
        "rule:engine_colocated": splits_sms(setting),
        "rule:colocated": bool(unbroken(layouts)[0]),
    }
    return [name for name, obeyed in rules.items() if not obeyed]


def split_rows(layouts: Layouts) -> tuple[SplitLayouts, int]:
    """Layouts that can be split with every share of the grid, and how many rows the rest would have been.

    Layouts that have their share keep it.
    """
    good = unbroken(layouts)
    kept = layouts.take(good)
    refused = int(np.count_nonzero(~good))
    if isinstance(kept, SplitLayouts):
        return kept, refused
    return every_share(kept), refused * len(SHARES_FRAC)


def sm_share(layouts: Layouts, row: int) -> SmShare | None:
    """Shares of one row as the public type; None where the SMs are not split."""
    if not isinstance(layouts, SplitLayouts):
        return None
    prefill = float(layouts.prefill_share_frac[row])
    return SmShare(prefill=prefill, decode=round(1.0 - prefill, 9))


def prompt_budget(setting: Setting, traffic: Traffic) -> float:
    """Tokens of a prefill step: the smallest usual budget, or the longest prompt where that is longer."""
    return float(max(setting.engine.batched_tokens_ladder[0], traffic.max_model_len))


@dataclass(frozen=True, kw_only=True)
class Colocated:
    """Prefill and decode side by side on the SMs of the same devices.

    ``model`` prices the whole device, as ``alone`` does for decode; the models of ``prefill`` and ``decode``
    price their parts of it.
    """

    model: StepModel
    traffic: Traffic
    batched_tokens: Array
    prefill: Prefill
    decode: Decode
    alone: Decode

    def _token_s(self, batch: Array) -> Array:
        """Mean time per token, beside prompts and between them [s]."""
        pp = self.model.layouts.pp
        alone_s = pp * self.alone.shape(batch).bottleneck_s
        beside_s = np.maximum(pp * self.decode.shape(batch).bottleneck_s, alone_s)
        prompts_s = batch * self.prefill.prompt_s / self.traffic.decode_tokens
        mean: Array = (alone_s + np.sqrt(alone_s**2 + 4.0 * prompts_s * (beside_s - alone_s))) / 2.0
        return mean

    @cached_property
    def prompt_s(self) -> Array:
        """Time one prompt keeps an otherwise idle rank busy: all SMs are free for it."""
        return replace(self.prefill, model=self.model).prompt_s

    def activations(self, seats: Array) -> Array:
        """Activations of both phases, which run at once [B]."""
        spec, layouts = self.model.setting.spec, self.model.layouts
        prompts = np.maximum(np.floor(self.batched_tokens / self.traffic.new_tokens), 1.0)
        first = peak_activations(self.model, prompts, self.batched_tokens)
        later = activation_bytes(spec, layouts.tp, seats, seats / layouts.pp)
        return first + later

    def kv_pool(self, seats: Array) -> Array:
        """Room for the cache beside one weight copy and the activations of both phases [B]."""
        return kv_pool_beside(self.model, self.memory.weights, self.activations(seats))

    @cached_property
    def memory(self) -> MemoryFit:
        """Weights and cache per sequence of the mean length, with one seat."""
        return self._memory(self.traffic.context_tokens)

    @cached_property
    def longest_memory(self) -> MemoryFit:
        """The same for one sequence of the longest length."""
        return self._memory(float(self.traffic.max_model_len))

    def _memory(self, tokens: float) -> MemoryFit:
        ones = np.ones(len(self.model.layouts))
        found, activations = fit(self.model, tokens, ones, self.batched_tokens), self.activations(ones)
        pool = kv_pool_beside(self.model, found.weights, activations)
        held = np.maximum(pool, 0.0) / np.maximum(found.kv_per_sequence, 1.0) * tokens
        return replace(found, activations=activations, kv_pool=pool, tokens_per_pool=held)

    def cache_frac(self, seats: Array) -> Array:
        """Cache that ``seats`` sequences take over what is left for it."""
        pool = self.kv_pool(seats)
        taken: Array = np.where(pool > 0, seats * self.memory.kv_per_sequence / np.maximum(pool, 1.0), np.inf)
        return taken

    def take(self, rows: Array) -> "Colocated":
        """The chosen candidates."""
        layouts = self.model.layouts.take(rows)
        assert isinstance(layouts, SplitLayouts)
        return colocated(self.model.setting, layouts, self.traffic, self.batched_tokens[rows])

    def room_frac(self, load: Array) -> Array:
        """Demand over capacity of prefill, cache and token budget; the tightest."""
        return self.state(load).room_frac

    def state(self, load: Array) -> State:
        """Steady state with ``load`` sequences in decode per attention-dp rank."""
        token_s = self._token_s(load)
        rate_per_s = self.model.layouts.dp * load / (self.traffic.decode_tokens * token_s)
        busy = rate_per_s * self.prefill.prompt_s / self.model.layouts.dp
        first = self.prefill.state(np.minimum(busy, 1.0))
        # prompts that are being computed hold their cache too
        seats = np.maximum(peak_batch(load, self.traffic.arrival_cv), 1.0) + first.seats
        return State(
            rate_per_s=rate_per_s, tpot_s=token_s,
            first_s=first.first_s, residual_s=first.residual_s,
            queue_s=first.queue_s, busy_frac=first.busy_frac, seats=seats,
            room_frac=np.maximum(
                np.maximum(busy / MAX_BUSY_FRAC, self.cache_frac(seats)),
                load / self.model.layouts.pp / self.decode.batched_tokens,
            ),
        )  # fmt: skip

    def latency(self, load: Array, state: State, metric: str, statistic: Statistic) -> Array:
        """TTFT of the prefill queue, TPOT of the decode steps, or their sum over the answer."""
        if metric == "ttft_s":
            return self.prefill.latency(load, state, metric, statistic)
        met = met_batch(statistic, load, self.traffic.arrival_cv)
        token_s = state.tpot_s if met is load else self._token_s(met)
        if metric == "tpot_s":
            return token_s
        length = self.traffic.output_tokens * length_factor(statistic, self.traffic.output_cv)
        first_s = self.prefill.latency(load, state, "ttft_s", statistic)
        return first_s + max(length - 1.0, 0.0) * token_s

    def stage_layers(self, row: int) -> tuple[int, ...]:
        """Layers of each pipeline stage of one candidate."""
        return self.decode.stage_layers(row)

    def shape(self, load: Array) -> StepCost:
        """Decode step beside a prompt at this load."""
        return self.decode.shape(load)


def colocated(setting: Setting, layouts: SplitLayouts, traffic: Traffic, budgets: Array) -> Colocated:
    """Behaviour of split replicas over these layouts."""
    share = layouts.prefill_share_frac
    saturation = saturation_frac(setting.site.device.family)
    nothing = np.zeros(len(layouts))

    def part(compute_frac: Array, memory_frac: Array) -> StepModel:
        cost: CostSource = SharedCost(whole=setting.cost, compute_frac=compute_frac, memory_frac=memory_frac)
        return StepModel(setting=replace(setting, cost=cost), layouts=layouts)

    def first(memory_frac: Array) -> Prefill:
        model = part(share, memory_frac)
        return Prefill(model=model, traffic=traffic, batched_tokens=budgets, transfer_s=nothing)

    left = prefill_memory_frac(share, saturation)
    prefill = first(left)
    waiting = 1.0 - first(nothing + UNBOUND).prompt_s / prefill.prompt_s
    second = part(1.0 - share, decode_memory_frac(share, waiting * left, saturation))
    tokens = nothing + float(setting.engine.batched_tokens_ladder[0])
    whole = StepModel(setting=setting, layouts=layouts)
    return Colocated(
        model=whole, traffic=traffic, batched_tokens=budgets, prefill=prefill,
        decode=Decode(model=second, traffic=traffic, batched_tokens=tokens),
        alone=Decode(model=whole, traffic=traffic, batched_tokens=tokens),
    )  # fmt: skip
