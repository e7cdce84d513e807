r"""Closed loop: N requests in flight, a new one starts when one ends. Arrays over configurations.

Aggregated: b sequences run per attention-dp rank, as many as the loop offers, the engine admits and the
cache holds. Each cycle contains everybody's prompt once (work is conserved): a share :math:`\varphi` of
it is waited for before a first token, the rest stretches the tokens after it.

Disaggregated: prefill replicas are one queue, decode replicas a delay that grows with its batch; the
batch is found at which requests in flight add up to N.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.cost.base import Array
from planner.memory_fit import MemoryFit, fit
from planner.step import StepCost, StepModel
from planner.step_load import StepLoad, decode_load, prefill_load, ranks_apart

CACHE_AVERAGE_FRAC = 0.6
"""Share of the answer in the cache of an average running sequence, with room for growth (kind fitted)."""
STEP_NAMES = ("pure", "mixed", "own")
FULL_FRAC = 0.97
BISECTIONS = 14


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """What a closed loop sees [s], [tokens/s]."""

    ttft_s: Array
    wait_s: Array
    tpot_s: Array
    output_tokens_per_s: Array
    fits: Array


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Requests of every row: lengths, requests in flight, replicas, limits per attention-dp rank."""

    input_tokens: Array
    output_tokens: Array
    concurrency: Array
    replicas: Array
    max_batch: Array
    batched_tokens: Array

    @property
    def context_tokens(self) -> Array:
        """Mean cache of a running sequence."""
        context: Array = self.input_tokens + self.output_tokens / 2.0
        return context

    @property
    def decode_tokens(self) -> Array:
        """Tokens after the first."""
        rest: Array = np.maximum(self.output_tokens - 1.0, 1e-9)
        return rest


def memory_of(model: StepModel, loop: Loop) -> MemoryFit:
    """Memory with the caches an average running sequence holds."""
    held = loop.input_tokens + CACHE_AVERAGE_FRAC * loop.output_tokens
    return fit(model, held, np.minimum(loop.max_batch, 1024.0), loop.batched_tokens)


def aggregated(model: StepModel, loop: Loop) -> ClosedLoop:
    """Steady state of replicas that do both phases."""
    layouts = model.layouts
    memory = memory_of(model, loop)
    loads = loop_loads(model, loop, memory)
    pure, mixed, own = (model.cost(getattr(loads, name)) for name in STEP_NAMES)
    batch, offered, chunks = loads.batch, loads.offered, loads.chunks
    constants = model.setting.cost.loop()
    cycle_s = layouts.pp * pure.bottleneck_s
    # what one prompt adds to the steps of the others
    prompt_s = chunks * np.maximum(mixed.bottleneck_s - pure.bottleneck_s, 0.0)
    others = loads.others
    tpot_s = cycle_s + (1.0 - constants.burst_frac) * others * prompt_s / loop.decode_tokens
    own_s = constants.fixed_s + constants.own_frac * (own.travel_s + (chunks - 1.0) * own.bottleneck_s)
    wait_s = constants.burst_frac * others * prompt_s + constants.steps * cycle_s
    answer_s = own_s + wait_s + loop.decode_tokens * tpot_s
    queue_s = np.maximum(offered / batch - 1.0, 0.0) * answer_s
    rate = np.minimum(offered, batch) / answer_s * loop.replicas * layouts.dp
    return ClosedLoop(
        ttft_s=own_s + wait_s + queue_s,
        wait_s=wait_s + queue_s,
        tpot_s=tpot_s,
        output_tokens_per_s=rate * loop.output_tokens,
        fits=memory.sequences >= 1.0,
    )


@dataclass(frozen=True, kw_only=True)
class LoopLoads:
    """Steps of an aggregated loop: pure decode, with a chunk of a prompt, a chunk alone.

    ``chunks`` per prompt; ``offered`` and running (``batch``) sequences per attention-dp rank; ``others``
    prompts that a sequence sees pass per answer.
    """

    pure: StepLoad
    mixed: StepLoad
    own: StepLoad
    chunks: Array
    batch: Array
    offered: Array
    others: Array


def loop_loads(model: StepModel, loop: Loop, memory: MemoryFit) -> LoopLoads:
    """Batch of the loop, as offered, admitted and held, and what its steps carry.

    Attention-dp ranks step together, so a prompt on one of them holds up all.
    """
    layouts = model.layouts
    offered = loop.concurrency / (loop.replicas * layouts.dp)
    seats = np.minimum(loop.max_batch, np.maximum(memory.sequences, 1.0))
    batch = np.minimum(np.maximum(offered, 1.0), seats)
    micro = np.maximum(batch / layouts.pp, 1.0)
    chunk = np.clip(loop.batched_tokens - micro, 1.0, loop.input_tokens)
    beside = np.maximum(micro - 1.0, 0.0)
    chunks = np.maximum(loop.input_tokens / chunk, 1.0)
    apart = ranks_apart(batch * chunks / loop.output_tokens, layouts.dp)
    mixed = prefill_load(chunk, loop.input_tokens, beside, loop.context_tokens)
    own = prefill_load(chunk, loop.input_tokens)
    return LoopLoads(
        pure=decode_load(micro, loop.context_tokens),
        mixed=replace(mixed, prefill_ranks=layouts.dp / apart),
        own=replace(own, prefill_ranks=layouts.dp / apart),
        chunks=chunks,
        batch=batch,
        offered=offered,
        others=np.maximum(batch * apart - 1.0, 0.0),
    )


def disaggregated(
    prefill: StepModel, decode: StepModel, first: Loop, second: Loop, transfer_s: Array
) -> ClosedLoop:
    """Steady state of prefill and decode replicas with a hand-over between them."""
    service_s, own_s = _prefill(prefill, first)
    constants = decode.setting.cost.loop()
    own_s = constants.fixed_s + constants.own_frac * own_s
    servers = first.replicas * prefill.layouts.dp
    ranks = second.replicas * decode.layouts.dp
    memory = memory_of(decode, second)
    ceiling = np.minimum(
        np.minimum(second.max_batch, np.maximum(memory.sequences, 1.0)), second.concurrency / ranks
    )
    floor, ceiling = np.full(ceiling.shape, 1e-3), np.maximum(ceiling, 1e-3)
    top = ceiling.copy()
    for _ in range(BISECTIONS):
        batch = (floor + ceiling) / 2.0
        rate, wait_s, tpot_s = _balance(decode, second, batch, ranks, servers, service_s)
        in_flight = rate * (wait_s + own_s + transfer_s) + batch * ranks
        low = in_flight < second.concurrency
        floor, ceiling = np.where(low, batch, floor), np.where(low, ceiling, batch)
    batch = np.minimum(ceiling, top)
    rate, wait_s, tpot_s = _balance(decode, second, batch, ranks, servers, service_s)
    # what the decode side does not hold waits in front of the prefill queue
    in_flight = rate * (wait_s + own_s + transfer_s) + batch * ranks
    wait_s = wait_s + np.maximum(second.concurrency - in_flight, 0.0) / np.maximum(rate, 1e-12)
    wait_s = wait_s + constants.steps * tpot_s
    return ClosedLoop(
        ttft_s=wait_s + own_s + transfer_s,
        wait_s=wait_s,
        tpot_s=tpot_s,
        output_tokens_per_s=rate * second.output_tokens,
        fits=(memory.sequences >= 1.0) & (memory_of(prefill, first).sequences >= 1.0),
    )


def _prefill(model: StepModel, loop: Loop) -> tuple[Array, Array]:
    """Time a prompt keeps a prefill rank busy, and its own time through it [s]."""
    chunk = np.minimum(loop.batched_tokens, loop.input_tokens)
    step: StepCost = model.cost(prefill_load(chunk, loop.input_tokens))
    chunks = np.maximum(loop.input_tokens / chunk, 1.0)
    return chunks * step.bottleneck_s, step.travel_s + (chunks - 1.0) * step.bottleneck_s


def _balance(
    model: StepModel, loop: Loop, batch: Array, ranks: Array, servers: Array, service_s: Array
) -> tuple[Array, Array, Array]:
    """Rate at which ``batch`` sequences per rank are kept in decode, the prefill wait, the token time."""
    micro = np.maximum(batch / model.layouts.pp, 1.0)
    tpot_s = model.layouts.pp * model.cost(decode_load(micro, loop.context_tokens)).bottleneck_s
    rate = batch * ranks / (loop.decode_tokens * tpot_s)
    capacity = servers / service_s
    rate = np.minimum(rate, FULL_FRAC * capacity)
    busy = rate / capacity
    # the others in flight are what can be ahead in the queue
    ahead = np.minimum(busy / (1.0 - busy), np.maximum(loop.concurrency / servers - 1.0, 0.0))
    return rate, 0.5 * ahead * service_s, tpot_s
