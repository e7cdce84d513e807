"""Operating points: how a replica of each role behaves at a load, and its latencies as statistics.

``load`` is what the search turns up until a limit is hit: running sequences per attention-dp rank for
aggregated and decode replicas, utilisation for prefill replicas.

Work is conserved: in continuous batching every running sequence brings its prompt once per answer, so a
step with b sequences carries b * prompt / answer prompt tokens on average, in chunks of what the token
budget leaves. A share f of the steps carries a chunk; the time per output token is their weighted mean.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np

from models.cost.base import Array
from planner.encoder_step import encode_s
from planner.image_work import busiest_tiles
from planner.memory_fit import MemoryFit, fit, kv_pool_bytes, peak_activations
from planner.queueing import Statistic, length_factor, mean_wait_s, met_batch, peak_batch, wait_s
from planner.step import StepCost, StepModel, with_encoder
from planner.step_load import StepLoad, decode_load, prefill_load, ranks_apart
from planner.traffic import Traffic

MEMORY = ("memory", "longest_memory")
"""Fits of a replica that do not depend on its load."""
MAX_BUSY_FRAC = 0.98
"""Share of steps that may carry a chunk: beyond it the prefill queue of an open loop grows without end."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A replica at one load; arrays over candidates.

    Attributes
    ----------
    rate_per_s : Array
        Requests per second of the whole replica.
    tpot_s : Array
        Mean time per output token [s]; 0 for prefill replicas.
    first_s : Array
        Own prefill, from the start of its first step to the first token, transfer included [s].
    residual_s : Array
        From the queue to the step that computes the prompt, and from it to the client: steps of the engine
        that pass meanwhile [s].
    queue_s, busy_frac : Array
        Mean wait in the prefill queue [s] and its utilisation.
    seats : Array
        Sequences the engine must have room for, per attention-dp rank.
    room_frac : Array
        Demand over capacity of the tightest internal resource (token budget, cache); above 1: overload.
    """

    rate_per_s: Array
    tpot_s: Array
    first_s: Array
    residual_s: Array
    queue_s: Array
    busy_frac: Array
    seats: Array
    room_frac: Array


class Replica(Protocol):
    """Behaviour of one role over many candidates."""

    @property
    def model(self) -> StepModel:
        """Prices of its steps."""
        ...

    @property
    def traffic(self) -> Traffic:
        """Lengths and burstiness it serves."""
        ...

    @property
    def batched_tokens(self) -> Array:
        """Token budget of a step."""
        ...

    @property
    def memory(self) -> MemoryFit:
        """Memory with caches of the mean length."""
        ...

    @property
    def longest_memory(self) -> MemoryFit:
        """Memory with one sequence of the longest length."""
        ...

    @property
    def prompt_s(self) -> Array:
        """Time one prompt keeps the slowest stage of an otherwise idle rank busy."""
        ...

    def room_frac(self, load: Array) -> Array:
        """:attr:`State.room_frac` alone: needs no price of a step."""
        ...

    def state(self, load: Array) -> State:
        """What the replica does at that load."""
        ...

    def take(self, rows: Array) -> "Replica":
        """The chosen candidates, with what is known of them."""
        ...

    def latency(self, load: Array, state: State, metric: str, statistic: Statistic) -> Array:
        """Latency of a metric as mean or percentile [s]."""
        ...

    def activations(self, seats: Array) -> Array:
        """Activations with so many sequences per attention-dp rank [B]."""
        ...

    def kv_pool(self, seats: Array) -> Array:
        """Room for the cache beside them [B]."""
        ...

    def shape(self, load: Array) -> StepCost:
        """Step price at a load, for the breakdown."""
        ...

    def stage_layers(self, row: int) -> tuple[int, ...]:
        """Layers of each pipeline stage of one candidate."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Base:
    model: StepModel
    traffic: Traffic
    batched_tokens: Array

    @cached_property
    def memory(self) -> MemoryFit:
        """Weights and cache per sequence on the tightest rank, with one seat."""
        return fit(
            self.model, self.traffic.context_tokens, np.ones(len(self.model.layouts)), self.batched_tokens
        )

    @cached_property
    def longest_memory(self) -> MemoryFit:
        """The same for one sequence of the longest length."""
        ones = np.ones(len(self.model.layouts))
        return fit(self.model, float(self.traffic.max_model_len), ones, self.batched_tokens)

    @cached_property
    def _encode_s(self) -> tuple[Array, Array] | None:
        """Encoding of a request with few and with most images [s]; None where no image is encoded here."""
        images, tp = self.model.setting.images, self.model.layouts.tp
        if images is None or not images.encodes:
            return None
        # the ranks of a tensor-parallel group share the tiles of a request
        few, most = (encode_s(self.model.setting, busiest_tiles(t, tp)) for t in images.few_and_most)
        return few, most

    def images_s(self, statistic: Statistic = "mean") -> Array | None:
        """Encoding of the images of one request before its prompt [s]; None where none is encoded here."""
        images = self.model.setting.images
        if images is None or self._encode_s is None:
            return None
        return images.at(statistic, *self._encode_s)

    def first_token(self, state: State, statistic: Statistic) -> Array:
        """Queue, steps that pass meanwhile, own images and prefill [s]."""
        factor = self.traffic.prompt_factor(statistic)
        own = state.first_s * factor
        mean_s, own_s = self.images_s(), self.images_s(statistic)
        if mean_s is not None and own_s is not None:
            # images do not grow with the text: their part of the mean is replaced by their own percentile
            own = own + self.model.setting.cost.loop().own_frac * (own_s - factor * mean_s)
        return wait_s(statistic, state.queue_s, state.busy_frac) + state.residual_s + own

    def __getstate__(self) -> dict[str, Any]:
        """What defines it; what was worked out from that stays behind."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def take(self, rows: Array) -> Self:
        """The chosen candidates; fits of memory are not computed again."""
        fewer = replace(self, model=self.model.take(rows), batched_tokens=self.batched_tokens[rows])
        for name in MEMORY:
            if name in self.__dict__:
                fewer.__dict__[name] = self.__dict__[name].take(rows)
        return fewer

    def seats(self, load: Array) -> Array:
        """Sequences the engine must have room for at a load, per attention-dp rank."""
        return np.maximum(peak_batch(load, self.traffic.arrival_cv), 1.0)

    def activations(self, seats: Array) -> Array:
        """Peak of activations of a rank with ``seats`` sequences [B]."""
        return peak_activations(self.model, seats, self.batched_tokens)

    def kv_pool(self, seats: Array) -> Array:
        """Room for the KV cache beside them on the tightest rank [B]."""
        return kv_pool_bytes(self.model, self.memory.weights, seats, self.batched_tokens)

    def stage_layers(self, row: int) -> tuple[int, ...]:
        """Layers of each pipeline stage of one candidate."""
        return self.model.partitions[int(self.model.layouts.pp[row])]

    def cache_frac(self, seats: Array) -> Array:
        """Cache that ``seats`` sequences take over what is left beside their logits."""
        pool = self.kv_pool(seats)
        taken: Array = np.where(pool > 0, seats * self.memory.kv_per_sequence / np.maximum(pool, 1.0), np.inf)
        return taken


@dataclass(frozen=True, kw_only=True)
class Aggregated(_Base):
    """Prefill and decode on the same replica, continuous batching with chunked prefill."""

    def chunk_tokens(self, batch: Array) -> Array:
        """Prompt tokens a step can take beside its decodes."""
        left = self.batched_tokens - batch / self.model.layouts.pp
        chunk: Array = np.clip(left, 1.0, self.traffic.new_tokens)
        return chunk

    @cached_property
    def prompt_s(self) -> Array:
        """Time one prompt keeps the slowest stage of an otherwise idle rank busy."""
        none = np.zeros(len(self.model.layouts))
        chunk, prompt = self.chunk_tokens(none), none + self.traffic.new_tokens
        step = self._encoding(self.model.cost(_with_prefix(prefill_load(chunk, prompt), self.traffic)), chunk)
        busy: Array = np.maximum(prompt / chunk, 1.0) * step.bottleneck_s
        return busy

    def _encoding(self, mixed: StepCost, chunk: Array) -> StepCost:
        """A step with a chunk carries as much of the request's images as of its prompt."""
        images_s = self.images_s()
        if images_s is None:
            return mixed
        return with_encoder(mixed, images_s / np.maximum(self.traffic.new_tokens / chunk, 1.0))

    def _steps(self, batch: Array) -> tuple[StepCost, StepCost, Array]:
        """Pure decode step, mixed step, and the share of mixed ones."""
        pp, traffic = self.model.layouts.pp, self.traffic
        micro, chunk = batch / pp, self.chunk_tokens(batch)
        context = np.full(batch.shape, traffic.context_tokens)
        pure = self.model.cost(decode_load(micro, context))
        prompt = np.full(batch.shape, traffic.new_tokens)
        share = self._share(micro, chunk)
        dp = self.model.layouts.dp
        load = _with_prefix(prefill_load(chunk, prompt, micro, context), traffic)
        mixed = self.model.cost(replace(load, prefill_ranks=dp / ranks_apart(share, dp)))
        return pure, self._encoding(mixed, chunk), share

    def _share(self, micro: Array, chunk: Array) -> Array:
        """Share of the steps that carry a chunk; above 1 where prompts come faster than they are computed."""
        share: Array = micro * self.traffic.new_tokens / self.traffic.output_tokens / chunk
        return share

    def room_frac(self, load: Array) -> Array:
        """Demand over capacity of steps for chunks, cache and token budget; the tightest."""
        micro = load / self.model.layouts.pp
        share = self._share(micro, self.chunk_tokens(load))
        room: Array = np.maximum(
            np.maximum(share / MAX_BUSY_FRAC, self.cache_frac(self.seats(load))), micro / self.batched_tokens
        )
        return room

    def _token_s(self, pure: StepCost, mixed: StepCost, share: Array) -> Array:
        # attention-dp ranks step together: a chunk on one of them holds up all
        share = np.minimum(share * ranks_apart(share, self.model.layouts.dp), 1.0)
        mean: Array = self.model.layouts.pp * ((1.0 - share) * pure.bottleneck_s + share * mixed.bottleneck_s)
        return mean

    def state(self, load: Array) -> State:
        """Steady state with ``load`` running sequences per attention-dp rank."""
        traffic, loop = self.traffic, self.model.setting.cost.loop()
        pure, mixed, share = self._steps(load)
        token_s = self._token_s(pure, mixed, share)
        chunks = np.maximum(traffic.new_tokens / self.chunk_tokens(load), 1.0)
        service_s = chunks * mixed.bottleneck_s
        busy = np.minimum(share, 1.0)
        return State(
            rate_per_s=self.model.layouts.dp * load / (traffic.output_tokens * token_s),
            tpot_s=token_s,
            first_s=loop.fixed_s + loop.own_frac * (mixed.travel_s + (chunks - 1.0) * mixed.bottleneck_s),
            residual_s=loop.steps * token_s,
            queue_s=mean_wait_s(busy, service_s, traffic.arrival_cv, traffic.input_cv),
            busy_frac=busy,
            seats=self.seats(load),
            room_frac=self.room_frac(load),
        )

    def latency(self, load: Array, state: State, metric: str, statistic: Statistic) -> Array:
        """TTFT, TPOT or end-to-end time."""
        if metric == "tpot_s":
            return self._tpot(load, state, statistic)
        first = self.first_token(state, statistic)
        if metric == "ttft_s":
            return first
        length = self.traffic.output_tokens * length_factor(statistic, self.traffic.output_cv)
        return first + max(length - 1.0, 0.0) * self._tpot(load, state, statistic)

    def _tpot(self, load: Array, state: State, statistic: Statistic) -> Array:
        met = met_batch(statistic, load, self.traffic.arrival_cv)
        return state.tpot_s if met is load else self._token_s(*self._steps(met))

    def shape(self, load: Array) -> StepCost:
        """Mixed step at this load."""
        return self._steps(load)[1]


@dataclass(frozen=True, kw_only=True)
class Decode(_Base):
    """Decode only: sequences arrive with their cache."""

    @property
    def prompt_s(self) -> Array:
        """No prompts here."""
        return np.zeros(len(self.model.layouts))

    def _step(self, batch: Array) -> StepCost:
        context = np.full(batch.shape, self.traffic.context_tokens)
        return self.model.cost(decode_load(batch / self.model.layouts.pp, context))

    def room_frac(self, load: Array) -> Array:
        """Demand over capacity of cache and token budget; the tightest."""
        room: Array = np.maximum(
            self.cache_frac(self.seats(load)), load / self.model.layouts.pp / self.batched_tokens
        )
        return room

    def state(self, load: Array) -> State:
        """Steady state with ``load`` running sequences per attention-dp rank."""
        token_s = self.model.layouts.pp * self._step(load).bottleneck_s
        none = np.zeros(load.shape)
        return State(
            rate_per_s=self.model.layouts.dp * load / (self.traffic.decode_tokens * token_s),
            tpot_s=token_s, first_s=none, residual_s=none, queue_s=none, busy_frac=none,
            seats=self.seats(load), room_frac=self.room_frac(load),
        )  # fmt: skip

    def latency(self, load: Array, state: State, metric: str, statistic: Statistic) -> Array:
        """TPOT; the end-to-end share is that of the tokens after the first."""
        if metric == "ttft_s":
            return np.zeros(load.shape)
        met = met_batch(statistic, load, self.traffic.arrival_cv)
        token_s: Array = state.tpot_s if met is load else self.model.layouts.pp * self._step(met).bottleneck_s
        if metric == "tpot_s":
            return token_s
        length = self.traffic.output_tokens * length_factor(statistic, self.traffic.output_cv)
        return max(length - 1.0, 0.0) * token_s

    def shape(self, load: Array) -> StepCost:
        """Decode step at this load."""
        return self._step(load)


@dataclass(frozen=True, kw_only=True)
class Prefill(_Base):
    """Prefill only: prompts in batches of the token budget, caches handed to a decode replica.

    ``transfer_s`` is the whole hand-over of one prompt's cache at the speed of the slower side [s]; with
    ``overlapped`` it runs layer by layer behind the computation and only the last layer's part is waited
    for, or what outlasts the computation (Splitwise: 5-8 ms remain of it).
    """

    transfer_s: Array
    overlapped: bool = True

    @cached_property
    def _work(self) -> tuple[StepCost, Array, Array]:
        """Step with a full budget, prompts per step, steps per prompt."""
        traffic, budget = self.traffic, self.batched_tokens
        prompts = np.maximum(np.floor(budget / traffic.new_tokens), 1.0)
        tokens = np.minimum(budget, prompts * traffic.new_tokens)
        steps = np.maximum(traffic.new_tokens / budget, 1.0)
        prompt = np.full(tokens.shape, traffic.new_tokens)
        one = _with_prefix(prefill_load(np.minimum(tokens, prompt), prompt), traffic)
        # several short prompts side by side: more tokens, the same context for each
        together = replace(
            one, prefill_tokens=tokens, prefill_prior_tokens=one.prefill_prior_tokens * prompts
        )
        cost = self.model.cost(together)
        images_s = self.images_s()
        if images_s is not None:
            # images of one request after the other, each with its part of the prompt
            cost = with_encoder(cost, images_s * prompts / steps)
        return cost, prompts, steps

    def take(self, rows: Array) -> Self:
        """The chosen candidates; their step is not priced again."""
        whole = super().take(rows)
        fewer = replace(whole, transfer_s=self.transfer_s[rows])
        fewer.__dict__.update({name: whole.__dict__[name] for name in MEMORY if name in whole.__dict__})
        if "_work" in self.__dict__:
            step, prompts, steps = self._work
            fewer.__dict__["_work"] = (step.take(rows), prompts[rows], steps[rows])
        return fewer

    def sending_in(self, transfer_s: Array) -> Self:
        """The same replicas with another hand-over: neither memory nor steps depend on it."""
        other = replace(self, transfer_s=transfer_s)
        for name in (*MEMORY, "_work"):
            other.__dict__[name] = getattr(self, name)
        return other

    @cached_property
    def _seated_frac(self) -> Array:
        return self.cache_frac(self._work[1] * self.model.layouts.pp)

    def room_frac(self, load: Array) -> Array:
        """Demand over capacity of cache and time; the tightest."""
        room: Array = np.maximum(self._seated_frac, load)
        return room

    @cached_property
    def prompt_s(self) -> Array:
        """Time one prompt keeps the slowest stage of a rank busy, as one of a full batch."""
        step, prompts, steps = self._work
        busy: Array = steps * step.bottleneck_s / prompts
        return busy

    def state(self, load: Array) -> State:
        """Steady state at utilisation ``load``."""
        traffic, loop = self.traffic, self.model.setting.cost.loop()
        step, prompts, steps = self._work
        service_s = self.prompt_s
        compute_s = step.travel_s + (steps - 1.0) * step.bottleneck_s
        layers = float(self.model.setting.spec.layers)
        exposed = np.maximum(self.transfer_s / layers, self.transfer_s - compute_s)
        none = np.zeros(load.shape)
        queue_s = mean_wait_s(load, service_s, traffic.arrival_cv, traffic.input_cv)
        return State(
            rate_per_s=self.model.layouts.dp * load / service_s,
            tpot_s=none,
            first_s=loop.fixed_s
            + loop.own_frac * compute_s
            + (exposed if self.overlapped else self.transfer_s),
            residual_s=step.bottleneck_s / 2.0 * load,
            queue_s=queue_s,
            busy_frac=load,
            seats=prompts * self.model.layouts.pp,
            room_frac=self.room_frac(load),
        )

    def latency(self, load: Array, state: State, metric: str, statistic: Statistic) -> Array:
        """TTFT; TPOT is the decode replica's."""
        if metric == "tpot_s":
            return np.zeros(load.shape)
        return self.first_token(state, statistic)

    def shape(self, load: Array) -> StepCost:
        """Full prefill step."""
        return self._work[0]


def _with_prefix(load: StepLoad, traffic: Traffic) -> StepLoad:
    """The part of the prompt found in a prefix cache is seen and read, not computed."""
    cached = traffic.input_tokens - traffic.new_tokens
    busy = load.prefill_tokens > 0
    return replace(
        load,
        prefill_context_tokens=load.prefill_context_tokens + cached * busy,
        prefill_prior_tokens=load.prefill_prior_tokens + cached * busy,
    )
