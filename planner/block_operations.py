"""Operations and collectives of one layer block under a layout: the weights of its cost graph.

Per attention-dp rank a step has ``tokens`` = decode sequences + prompt tokens / cp. Matrices are cut by
tensor parallelism; attention by heads, decode context by dcp, prompts by cp; experts by ep and moe_tp.
Exactly two reductions follow a dense layer, one after each block (Shoeybi et al. 2019).
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from models.blocks.base import Core, Ffn, Mixer, Projection
from models.blocks.moe import MoeFfn
from models.cost.base import Array, CollectiveKind, Operation, OperationKind, Overheads
from models.memory import expert_slots, kv_bytes_per_token, padded_expert_parameters, shard_frac
from models.precision import KV_BYTES, WEIGHT_BYTES
from planner.cost_graph import Node
from planner.layouts import Layouts
from planner.setting import Setting
from planner.step_load import StepLoad

ACTIVATION_BYTES = 2.0
DISPATCH_BYTES = 1.0
"""Tokens travel to experts in fp8 and return in bf16 (DeepEP's normal and low-latency kernels)."""
EXPERT_IMBALANCE_FRAC = 1.26
"""Load of the busiest expert rank over the mean (kind fitted: +26 % over serving rows of five families)."""
BLOCK_KERNELS, ROUTING_KERNELS, SHARED_KERNELS = 1.0, 2.0, 2.0
"""Small kernels of a block beside those of its operations: any block (rotary embedding, residual), a router
(choice, sort), a shared expert (activation, sum)."""
QUANTISED_ACTIVATIONS = ("fp8", "fp8_block", "nvfp4")
"""Weight formats whose products quantise their input first."""
POPULARITY_SHAPE = 2.0
"""Spread of the popularity of experts (kind fitted: timings of grouped kernels under power-law routing; the
closed form of :func:`hit_share` holds for this shape)."""

Weight = tuple[Node, Array]
Shapes = dict[Hashable, tuple[Array, ...]]
"""What blocks need to know of the layouts alone, whatever the load: worked out once."""


@dataclass(frozen=True)
class BlockPricer:
    """Prices blocks of one setting for many layouts and one step load."""

    setting: Setting
    layouts: Layouts
    load: StepLoad
    shapes: Shapes = field(default_factory=dict)

    def _shape(self, key: Hashable, work_out: Callable[[], tuple[Array, ...]]) -> tuple[Array, ...]:
        if key not in self.shapes:
            self.shapes[key] = work_out()
        return self.shapes[key]

    @cached_property
    def _overheads(self) -> Overheads:
        return self.setting.cost.overheads(self.setting.site.device)

    @cached_property
    def _eager_s(self) -> Array:
        """Extra launch time of a kernel: steps that carry a prompt are not replayed from a CUDA graph."""
        return np.where(self.load.prefill_tokens > 0, self._overheads.eager_kernel_s, 0.0)

    @cached_property
    def _any_prompt(self) -> bool:
        return bool(np.any(self.load.prefill_tokens > 0))

    @cached_property
    def tokens(self) -> Array:
        """Tokens one rank multiplies: context parallelism cuts prompts only."""
        local: Array = self.load.decode_sequences + self.load.prefill_tokens / self.layouts.cp
        return local

    def mixer(self, mixer: Mixer) -> Iterator[Weight]:
        """Norm, projections, core, output projection, reduction."""
        hidden, core = self.setting.spec.hidden_size, mixer.core()
        yield self._vector("norm", 4.0 * hidden, shared=True)
        yield from self._matrices(mixer.projections(hidden), after_core=False)
        yield from self._core(core)
        yield from self._matrices(mixer.projections(hidden), after_core=True)
        yield self._small(mixer.projections(hidden), float(core.small_kernels))
        yield from self._norm_reductions(core)
        yield from self._reduce()

    def ffn(self, ffn: Ffn) -> Iterator[Weight]:
        """Norm, projections or experts, reduction."""
        hidden = self.setting.spec.hidden_size
        yield self._vector("norm", 4.0 * hidden, shared=True)
        yield from self._matrices(ffn.projections(hidden), after_core=False)
        if isinstance(ffn, MoeFfn):
            yield from self._experts(ffn)
        else:
            inner = max(p.outputs for p in ffn.projections(hidden))
            yield self._vector("activation", 1.5 * inner)
        yield from self._matrices(ffn.projections(hidden), after_core=True)
        yield self._small(ffn.projections(hidden), _routing_kernels(ffn))
        yield from self._reduce_ffn(ffn)

    # ---- matrices and elementwise work

    def _seconds(self, operation: Operation) -> Array:
        seconds = self.setting.cost.seconds(self.setting.site.device, operation)
        if not self._any_prompt:
            return seconds
        return seconds + operation.launches * self._eager_s * (seconds > 0)

    def _small(self, projections: tuple[Projection, ...], extra: float) -> Weight:
        """Kernels too small to be priced by their work: one a block, one a quantised input, ``extra``."""
        quantised = {p.kernel for p in projections if p.quantised}
        activations = len(quantised) if self.setting.precision.weights in QUANTISED_ACTIVATIONS else 0
        count = BLOCK_KERNELS + activations + extra
        seconds = count * (self._overheads.small_kernel_s + self._eager_s) * (self.tokens > 0)
        return Node(name="small_kernels", part="elementwise"), seconds

    def _vector(self, name: str, elements_per_token: float, *, shared: bool = False) -> Weight:
        """Elementwise work; ``shared``: on the whole hidden width, cut only by sequence parallelism."""
        tp = self.layouts.tp
        cut = np.where(self.layouts.sequence_parallel, tp, 1) if shared else tp
        moved = self.tokens * elements_per_token * ACTIVATION_BYTES / cut
        busy = self.tokens > 0
        operation = Operation(
            kind="vector", format="bf16", flop=moved * 0.0, bytes=moved * busy, rows=self.tokens
        )
        return Node(name=name, part="elementwise"), self._seconds(operation)

    def _matrices(self, projections: tuple[Projection, ...], *, after_core: bool) -> Iterator[Weight]:
        """One multiplication per kernel name."""
        chosen = [p for p in projections if p.after_core == after_core]
        for kernel in dict.fromkeys(p.kernel for p in chosen):
            fused = [p for p in chosen if p.kernel == kernel]
            yield Node(name=kernel, part="gemm"), self._gemm(fused)

    def _sharded(self, fused: list[Projection]) -> tuple[Array, ...]:
        """Elements of the matrices on one rank, and what enters and leaves them per token."""
        share = [shard_frac(p, self.layouts.tp) for p in fused]
        elements = sum((p.inputs * p.outputs * f for p, f in zip(fused, share, strict=True)), np.zeros(1))
        rows_cut = fused[0].split == "row"
        inputs = fused[0].inputs * (share[0] if rows_cut else 1.0)
        outputs = elements / np.maximum(inputs, 1e-9)
        return elements, inputs + outputs

    def _gemm(self, fused: list[Projection]) -> Array:
        elements, ends = self._shape(tuple(fused), lambda: self._sharded(fused))
        fmt = self.setting.precision.weights if fused[0].quantised else "bf16"
        operation = Operation(
            kind="gemm",
            format=fmt,
            flop=2.0 * self.tokens * elements,
            bytes=elements * WEIGHT_BYTES[fmt] + self.tokens * ends * ACTIVATION_BYTES,
            rows=self.tokens,
        )
        return self._seconds(operation)

    # ---- attention and recurrences

    def _core(self, core: Core) -> Iterator[Weight]:
        (heads,) = self._shape((core, "heads"), lambda: (np.ceil(core.heads / self.layouts.tp) / core.heads,))
        if core.kv_elements_per_token:
            prefill_s = self._attention_prefill(core, heads)
            decode_s = self._attention_decode(core, heads)
            yield Node(name="attention_prefill", part="attention"), prefill_s
            yield Node(name="attention_decode", part="attention"), decode_s
            yield from self._context_exchange(core, prefill_s)
        if core.state_bytes_per_sequence:
            yield Node(name="recurrence", part="attention"), self._recurrence(core, heads)

    def _cache_bytes(self, core: Core) -> Array:
        layouts, cache = self.layouts, self.setting.precision.cache
        (held,) = self._shape(
            (core, cache), lambda: (kv_bytes_per_token(core, cache, layouts.tp, layouts.dcp),)
        )
        return held

    def _attention_prefill(self, core: Core, heads: Array) -> Array:
        load = self.load
        tokens = load.prefill_tokens / self.layouts.cp
        seen = _visible(core, load.prefill_context_tokens)
        scan = tokens * load.prefill_context_tokens * core.index_flop_per_pair
        prior = load.prefill_prior_tokens
        if core.window_tokens is not None:
            prior = np.minimum(prior, core.window_tokens)
        read = (prior + load.prefill_tokens) * (load.prefill_tokens > 0)
        # a pair multiplies a query and a value element per element of width, 2 FLOP each: q in, o out
        width = core.prefill_flop_per_pair / 4.0 * heads
        return self._attend(
            "latent_prefill" if core.latent else "attention_prefill",
            tokens * seen * core.prefill_flop_per_pair * heads + scan,
            read * self._cache_bytes(core) + tokens * 2.0 * width * ACTIVATION_BYTES,
            core.kernels,
        )

    def _attention_decode(self, core: Core, heads: Array) -> Array:
        load, cache = self.load, KV_BYTES[self.setting.precision.cache]
        seen = _visible(core, load.decode_context_tokens)
        index = core.index_elements_per_token * cache / self.layouts.dcp
        per_token = self._cache_bytes(core) - index
        pairs = load.decode_sequences * seen
        scan = load.decode_sequences * load.decode_context_tokens
        return self._attend(
            "latent_decode" if core.latent else "attention_decode",
            pairs * core.decode_flop_per_pair * heads + scan * core.index_flop_per_pair,
            pairs * per_token + scan * index,
            core.kernels,
        )

    def _attend(self, kind: OperationKind, flop: Array, moved: Array, kernels: int) -> Array:
        operation = Operation(
            kind=kind, format=self.setting.precision.cache, flop=flop, bytes=moved, rows=self.tokens,
            launches=float(kernels),
        )  # fmt: skip
        return self._seconds(operation)

    def _recurrence(self, core: Core, heads: Array) -> Array:
        load = self.load
        tokens = load.decode_sequences + load.prefill_tokens / self.layouts.cp
        # decode reads and writes the state once a token; prefill keeps it on chip for a chunk
        touched = (
            2.0 * core.state_bytes_per_sequence * heads * (load.decode_sequences + (load.prefill_tokens > 0))
        )
        operation = Operation(
            kind="recurrence", format="bf16", flop=tokens * core.state_flop_per_token * heads,
            bytes=touched, rows=tokens, launches=float(core.kernels),
        )  # fmt: skip
        return self._seconds(operation)

    def _context_exchange(self, core: Core, core_s: Array) -> Iterator[Weight]:
        """KV of the other context-parallel ranks; queries and partial results of decode context ranks."""
        layouts, load = self.layouts, self.load
        if np.any(layouts.cp > 1):
            held = (load.prefill_prior_tokens + load.prefill_tokens) * self._cache_bytes(core) * layouts.dcp
            held = held * (load.prefill_tokens > 0)
            gather_s = self.collective("all_gather", held, "cp")
            hop_s = self.collective("send", held / layouts.cp, "cp")
            # a ring hides its hops behind attention; an all-gather does not, but has fewer launches
            ring_s = np.maximum((layouts.cp - 1) * hop_s - core_s, 0.0) + hop_s
            yield self._exchanged("cp_exchange", "context", np.minimum(gather_s, ring_s))
        if np.any(layouts.dcp > 1):
            # width of a query: half of what a pair multiplies, 2 FLOP per element
            width = core.decode_flop_per_pair / 4.0 / layouts.tp
            sent = load.decode_sequences * width * layouts.dcp * ACTIVATION_BYTES
            seconds = self.collective("all_gather", sent, "dcp")
            seconds = seconds + self.collective("reduce_scatter", sent, "dcp")
            yield self._exchanged("dcp_exchange", "context", seconds)

    # ---- experts

    def _experts(self, ffn: MoeFfn) -> Iterator[Weight]:
        layouts, hidden = self.layouts, self.setting.spec.hidden_size
        spread = layouts.dp * layouts.cp
        # distinct tokens of all ranks of the stage: every attention-dp rank brings its own
        tokens = self.load.expert_tokens(layouts.dp)
        if np.any(spread > 1):
            yield self._exchanged("expert_exchange", "all_to_all", self._exchange(ffn, tokens, spread))
        yield Node(name="experts", part="experts"), self._grouped(ffn, tokens, hidden)

    def _grouped(self, ffn: MoeFfn, tokens: Array, hidden: int) -> Array:
        setting, layouts = self.setting, self.layouts
        slots = expert_slots(ffn, layouts.ep)
        hit = slots * hit_share(tokens, ffn.experts, ffn.top_k)
        one = padded_expert_parameters(ffn, hidden, setting.precision, setting.engine) / layouts.moe_tp
        imbalance = np.where(layouts.ep > 1, EXPERT_IMBALANCE_FRAC, 1.0)
        visits = tokens * ffn.top_k / layouts.ep * imbalance
        width = ffn.expert_width(hidden) * 2.0 + 3.0 * ffn.expert_intermediate_size / layouts.moe_tp
        operation = Operation(
            kind="grouped_gemm",
            format=setting.precision.experts,
            flop=2.0 * visits * one,
            bytes=hit * one * WEIGHT_BYTES[setting.precision.experts] + visits * width * ACTIVATION_BYTES,
            rows=visits / np.maximum(hit, 1e-9),
            launches=4.0,
            unit_bytes=one * WEIGHT_BYTES[setting.precision.experts],
        )
        return self._seconds(operation)

    def _exchange(self, ffn: MoeFfn, tokens: Array, spread: Array) -> Array:
        """Tokens to experts and back: all-gather and reduce-scatter, or all-to-all where it is quicker."""
        layouts, hidden = self.layouts, ffn.expert_width(self.setting.spec.hidden_size)
        whole = tokens * hidden * ACTIVATION_BYTES
        gathered_s = self.collective("all_gather", whole, "spread")
        gathered_s = gathered_s + self.collective("reduce_scatter", whole, "spread")
        ranks_hit = layouts.ep * -np.expm1(ffn.top_k * np.log1p(-1.0 / np.maximum(layouts.ep, 1.0 + 1e-9)))
        sent = tokens / layouts.stage_devices * ranks_hit * hidden
        direct_s = self.collective("all_to_all", sent * DISPATCH_BYTES, "ep")
        direct_s = direct_s + self.collective("all_to_all", sent * ACTIVATION_BYTES, "ep")
        own = self.tokens * hidden * ACTIVATION_BYTES
        direct_s = direct_s + self.collective("all_gather", own, "tp")
        whole_experts = (layouts.ep > 1) & (layouts.moe_tp == 1)
        best = np.where(whole_experts, np.minimum(gathered_s, direct_s), gathered_s)
        exchanged: Array = np.where(spread > 1, best, 0.0)
        return exchanged

    # ---- collectives

    def _reduce(self) -> Iterator[Weight]:
        """Sum of the partial results of a tensor-parallel block."""
        if not np.any(self.layouts.tp > 1):
            return
        payload = self.tokens * self.setting.spec.hidden_size * ACTIVATION_BYTES
        whole_s = self.collective("all_reduce", payload, "tp")
        if np.any(self.layouts.sequence_parallel):
            split_s = self.collective("reduce_scatter", payload, "tp")
            split_s = split_s + self.collective("all_gather", payload, "tp")
            whole_s = np.where(self.layouts.sequence_parallel, split_s, whole_s)
        yield self._exchanged("all_reduce", "all_reduce", whole_s)

    def _norm_reductions(self, core: Core) -> Iterator[Weight]:
        """Norms over all heads: one sum of squares per token and tensor, for queries and keys together."""
        if core.norm_reductions and np.any(self.layouts.tp > 1):
            whole_s = core.norm_reductions * self.collective("all_reduce", self.tokens * 8.0, "tp")
            yield self._exchanged("norm_reduction", "all_reduce", whole_s)

    def _reduce_ffn(self, ffn: Ffn) -> Iterator[Weight]:
        """The reduction of an expert block is part of its exchange, but for a shared expert's."""
        for node, seconds in self._reduce():
            if isinstance(ffn, MoeFfn) and not ffn.shared_intermediate_size:
                exchanged = self.layouts.dp * self.layouts.cp > 1
                yield node, np.where(exchanged, 0.0, seconds)
            else:
                yield node, seconds

    def _exchanged(self, name: str, part: str, seconds: Array) -> Weight:
        """A collective of the layer, corrected by what was fitted for its part of the breakdown."""
        return Node(name=name, part=part, is_collective=True), seconds * self._overheads.part_frac.get(
            part, 1.0
        )

    def collective(self, kind: CollectiveKind, payload: Array, group: str) -> Array:
        """Time of a collective over a group of ranks, by its name in :meth:`Layouts.span` [s]."""
        span = self.layouts.span(group, self.setting.site.fabric)
        seconds = self.setting.cost.collective_s(self.setting.site.device, kind, payload, span)
        return np.where(payload > 0, seconds, 0.0)


def _routing_kernels(ffn: Ffn) -> float:
    """Choice and sort of a router; activation and sum of a shared expert."""
    if not isinstance(ffn, MoeFfn):
        return 0.0
    return ROUTING_KERNELS + SHARED_KERNELS * (ffn.shared_intermediate_size > 0)


def hit_share(tokens: Array, experts: float, top_k: float) -> Array:
    """Share of the experts that a batch reads at all.

    A token chooses an expert with a probability p that is spread over the experts like a beta distribution
    of shape (2, b) and mean top_k / experts; the share that N tokens leave unread is the mean of (1 - p)^N.
    """
    b = POPULARITY_SHAPE * (experts / top_k - 1.0)
    unread = b * (b + 1.0) / np.maximum((b + tokens) * (b + tokens + 1.0), 1e-12)
    share: Array = 1.0 - unread
    return share


def _visible(core: Core, context_tokens: Array) -> Array:
    """Cached entries a query reads once windows, compression and sparse selection have had their say."""
    seen = context_tokens / core.visible_divisor
    for cap in (core.window_tokens, core.top_k_tokens):
        if cap is not None:
            seen = np.minimum(seen, cap)
    return seen
