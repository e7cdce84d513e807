"""Time of one engine step for many candidates: blocks to layers, layers to stages, stages to a round.

A stage's time is the sum over its layers of the critical path of their block graphs, plus the embedding
on the first stage, head and sampling on the last, and the host. A pipeline keeps ``pp`` micro-batches
in flight: a sequence gets its next token after pp times the slowest stage (the bubble is the difference
to the mean), and a micro-batch travels through all stages and hops.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from models.architecture import LayerKind
from models.blocks.base import Ffn, Mixer
from models.cost.base import Array, Operation, Overheads, Span
from models.precision import WEIGHT_BYTES
from planner.block_operations import ACTIVATION_BYTES, BlockPricer, Shapes, Weight
from planner.cost_graph import Dag, Node, block_graph, critical_path_s
from planner.layouts import Layouts
from planner.setting import Setting
from planner.stages import layer_partition, stage_counts
from planner.step_load import StepLoad


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """Price of one step; arrays over candidates.

    Attributes
    ----------
    bottleneck_s : Array
        Slowest stage with its outgoing hop [s]: a full pipeline emits one micro-batch in this time.
    travel_s : Array
        One micro-batch through all stages and hops [s].
    parts : callable
        Makes :attr:`parts_s`; the search prices many steps and asks for few breakdowns.
    """

    bottleneck_s: Array
    travel_s: Array
    parts: Callable[[], dict[str, Array]]

    @property
    def parts_s(self) -> dict[str, Array]:
        """Travel time by part: gemm, attention, experts, elementwise, all_reduce, all_to_all, context,
        head, pipeline, host; adds up to ``travel_s`` unless collectives overlap.
        """
        return self.parts()

    def scaled(self, frac: float) -> "StepCost":
        """The same step, ``frac`` times as long in all its parts."""
        return StepCost(
            bottleneck_s=frac * self.bottleneck_s,
            travel_s=frac * self.travel_s,
            parts=lambda: {name: frac * seconds for name, seconds in self.parts_s.items()},
        )

    def take(self, rows: Array) -> "StepCost":
        """The chosen candidates."""
        return StepCost(
            bottleneck_s=self.bottleneck_s[rows],
            travel_s=self.travel_s[rows],
            parts=lambda: {
                name: np.broadcast_to(s, self.travel_s.shape)[rows] for name, s in self.parts_s.items()
            },
        )


def with_encoder(cost: StepCost, seconds: Array) -> StepCost:
    """The same step after ``seconds`` of image encoding on its first stage, which hold up all stages."""
    return StepCost(
        bottleneck_s=cost.bottleneck_s + seconds,
        travel_s=cost.travel_s + seconds,
        parts=lambda: {**cost.parts_s, "encoder": seconds},
    )


@lru_cache(maxsize=256)
def _graph(nodes: tuple[Node, ...], overlap: bool) -> Dag:
    return block_graph(nodes, overlap=overlap)


@dataclass(frozen=True, kw_only=True)
class StepModel:
    """Prices steps of one setting under many layouts."""

    setting: Setting
    layouts: Layouts
    overlap: bool = False
    even_stages: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """What defines it; what was worked out from that stays behind."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def take(self, rows: Array) -> "StepModel":
        """The chosen layouts."""
        fewer = replace(self, layouts=self.layouts.take(rows))
        fewer.__dict__["_cuts"] = self._cuts
        return fewer

    @property
    def measured_sequences(self) -> tuple[float, ...]:
        """Sequences of a micro-batch whose decode steps were measured; none in our own model."""
        return ()

    @cached_property
    def _cuts(self) -> dict[int, tuple[tuple[int, ...], Array]]:
        """Layers per stage, and of each kind, by pipeline degree: filled as degrees are met."""
        return {}

    def _cut(self, pp: int) -> tuple[tuple[int, ...], Array]:
        if pp not in self._cuts:
            spec = self.setting.spec
            even = self.even_stages or not self.setting.engine.can("uneven_pp")
            partition = layer_partition(spec, self.setting.precision, pp, even=even)
            self._cuts[pp] = (partition, stage_counts(spec, partition).astype(float))
        return self._cuts[pp]

    @cached_property
    def partitions(self) -> dict[int, tuple[int, ...]]:
        """Layers per stage for every pipeline degree in use."""
        return {int(pp): self._cut(int(pp))[0] for pp in np.unique(self.layouts.pp)}

    @cached_property
    def stages(self) -> list[tuple[Array, Array]]:
        """For every pipeline degree: its rows, and layers of each kind per stage.

        Of stages between the ends that hold the same layers one is listed.
        """
        found = []
        for pp in self.partitions:
            counts = self._cut(pp)[1]
            if pp > 2:
                counts = np.vstack([counts[0], np.unique(counts[1:-1], axis=0), counts[-1]])
            found.append((np.flatnonzero(self.layouts.pp == pp), counts))
        return found

    def cost(self, load: StepLoad) -> StepCost:
        """Price one step of every candidate under its load."""
        pricer = BlockPricer(self.setting, self.layouts, load, self._shapes)
        # kinds of layers often share a block: attention before dense and before routed experts
        priced: dict[Mixer | Ffn, list[Weight]] = {}
        blocks = [self._blocks(pricer, kind, priced) for kind in self.setting.spec.kinds]
        ends = self.ends(pricer)
        (hop_s, hops_s), host_s = self._hops(pricer), self._host(load)
        bottleneck, travel = self._rounds(np.stack([self._layer_s(b) for b in blocks]), ends, hop_s, hops_s)
        frac = self.overheads.step_frac

        def parts() -> dict[str, Array]:
            found = self._parts(blocks)
            found["head"] = ends[0] + ends[1]
            found["pipeline"] = hops_s
            found = {name: frac * seconds for name, seconds in found.items()}
            found["host"] = host_s
            return found

        return StepCost(bottleneck_s=frac * bottleneck + host_s, travel_s=frac * travel + host_s, parts=parts)

    @cached_property
    def overheads(self) -> Overheads:
        """Launch, host and collective costs of the setting."""
        return self.setting.cost.overheads(self.setting.site.device)

    def _layer_s(self, blocks: list[list[Weight]]) -> Array:
        """Seconds of one layer: its blocks one after the other, each by its critical path."""
        total = np.zeros(self.layouts.tp.shape)
        for weights in blocks:
            graph = _graph(tuple(node for node, _ in weights), self.overlap)
            total = total + critical_path_s(graph, {node.name: s for node, s in weights})
        return total

    def _parts(self, kinds: list[list[list[Weight]]]) -> dict[str, Array]:
        """Seconds of the whole stack by part of the breakdown."""
        found: dict[str, Array] = {}
        for count, blocks in zip(self.setting.spec.counts(), kinds, strict=True):
            for node, seconds in (weight for block in blocks for weight in block):
                found[node.part] = found.get(node.part, 0.0) + count * seconds
        return found

    @cached_property
    def _shapes(self) -> Shapes:
        return {}

    @staticmethod
    def _blocks(
        pricer: BlockPricer, kind: LayerKind, priced: dict[Mixer | Ffn, list[Weight]]
    ) -> list[list[Weight]]:
        if kind.mixer is not None and kind.mixer not in priced:
            priced[kind.mixer] = list(pricer.mixer(kind.mixer))
        if kind.ffn is not None and kind.ffn not in priced:
            priced[kind.ffn] = list(pricer.ffn(kind.ffn))
        return [priced[block] for block in (kind.mixer, kind.ffn) if block is not None]

    def ends(self, pricer: BlockPricer) -> tuple[Array, Array]:
        """Embedding on the first stage; final norm, head and sampling on the last."""
        spec, tp = self.setting.spec, self.layouts.tp
        load = pricer.load
        embed = self._elementwise(pricer.tokens * spec.hidden_size * 2.0 * ACTIVATION_BYTES, pricer.tokens)
        # one row of logits per sequence: those in decode, and the last prompt token
        rows = load.decode_sequences + np.minimum(load.prefill_tokens, 1.0)
        table = spec.embedding_parameters / tp
        head = self.setting.cost.seconds(
            self.setting.site.device,
            Operation(
                kind="gemm", format="bf16", flop=2.0 * rows * table,
                bytes=table * WEIGHT_BYTES["bf16"] * (rows > 0) + rows * spec.vocab_size * 4.0, rows=rows,
            ),
        )  # fmt: skip
        logits = rows * spec.vocab_size * 4.0
        gather = self.overheads.part_frac.get("head", 1.0) * pricer.collective("all_gather", logits, "tp")
        sample = self._elementwise(logits * 3.0, rows)
        return embed, head + gather + sample

    def _elementwise(self, moved: Array, rows: Array) -> Array:
        operation = Operation(kind="vector", format="bf16", flop=moved * 0.0, bytes=moved, rows=rows)
        return self.setting.cost.seconds(self.setting.site.device, operation)

    @cached_property
    def _hop_spans(self) -> tuple[Span, Span]:
        """Two stages that are neighbours in one scale-up domain, or on either side of its end."""
        both = np.array(2.0)
        return Span(members=both, inside=both), Span(members=both, inside=both / 2.0)

    def _hops(self, pricer: BlockPricer) -> tuple[Array, Array]:
        """Hand-over of the residual stream to the next stage: the slowest hop, and all hops together.

        A replica wider than a domain crosses its boundary as often as it starts a new one; the other hops
        stay inside.
        """
        layouts, fabric = self.layouts, self.setting.site.fabric
        payload = pricer.tokens * self.setting.spec.hidden_size * ACTIVATION_BYTES
        cost, device = self.setting.cost, self.setting.site.device
        inside, outside = self._hop_spans
        inside_s = cost.collective_s(device, "send", payload, inside)
        across_s = cost.collective_s(device, "send", payload, outside)
        hops = layouts.pp - 1
        across = np.minimum(np.ceil(layouts.devices / fabric) - 1, hops)
        slowest = np.where(across > 0, across_s, np.where(hops > 0, inside_s, 0.0))
        frac = self.overheads.part_frac.get("pipeline", 1.0)
        return frac * slowest, frac * (across * across_s + (hops - across) * inside_s)

    def _host(self, load: StepLoad) -> Array:
        busy = load.tokens > 0
        return (self.overheads.host_step_s + self.overheads.host_sequence_s * load.decode_sequences) * busy

    def _rounds(
        self, per_kind: Array, ends: tuple[Array, Array], hop_s: Array, hops_s: Array
    ) -> tuple[Array, Array]:
        """Slowest stage and total travel, for each pipeline degree in turn."""
        bottleneck = np.zeros(hop_s.shape)
        for rows, counts in self.stages:
            stages = counts @ per_kind[:, rows]
            stages[0] += ends[0][rows]
            stages[-1] += ends[1][rows]
            bottleneck[rows] = stages.max(axis=0)
        travel = np.asarray(self.setting.spec.counts(), dtype=float) @ per_kind + ends[0] + ends[1]
        return bottleneck + hop_s, travel + hops_s
