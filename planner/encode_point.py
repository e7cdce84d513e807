"""Operating point of an encode replica: image tiles in, embeddings out, no KV cache.

A replica is ``dp`` devices that each hold the whole encoder and share the tiles of a batch; nothing passes
between them. Its token budget is that of its output: the image tokens of a batch of mean requests.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.cost.base import Array
from models.encoder_memory import tile_activation_bytes
from models.precision import WEIGHT_BYTES
from planner.encoder_step import encode_s
from planner.image_work import ImageWork, busiest_tiles
from planner.memory_fit import MemoryFit, engine_bytes, pool_bytes
from planner.operating_point import State
from planner.queueing import Statistic, mean_wait_s, wait_s
from planner.step import StepCost, StepModel
from planner.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Encode:
    """Encoder only; ``transfer_s`` sends the embeddings of one request to a prefill or aggregated replica."""

    model: StepModel
    traffic: Traffic
    batched_tokens: Array
    transfer_s: Array

    @property
    def _work(self) -> ImageWork:
        assert self.model.setting.images is not None
        return self.model.setting.images

    @cached_property
    def requests(self) -> Array:
        """Mean requests of one batch."""
        batch: Array = np.maximum(np.round(self.batched_tokens / self._work.tokens), 1.0)
        return batch

    @cached_property
    def _batches_s(self) -> tuple[Array, Array]:
        """Time of a batch of requests with few and with most images [s]."""
        host_s = self.model.overheads.host_step_s
        few, most = (
            encode_s(self.model.setting, self._busiest(self.requests, tiles)) + host_s
            for tiles in self._work.few_and_most
        )
        return few, most

    @cached_property
    def batch_s(self) -> Array:
        """Time of one batch, on average [s]."""
        return self._work.mean_of(*self._batches_s)

    @property
    def prompt_s(self) -> Array:
        """Time the images of one request keep a device busy, were its share of the batch all on one."""
        busy: Array = self.batch_s / self.requests * self.model.layouts.dp
        return busy

    @cached_property
    def memory(self) -> MemoryFit:
        """Encoder and multimodal cache; a "sequence" is a largest request with its tiles in flight."""
        setting, n = self.model.setting, len(self.model.layouts)
        weights = np.full(n, setting.spec.vision_parameters * WEIGHT_BYTES["bf16"])
        none = np.zeros(n)
        pool = pool_bytes(self.model, weights, none, self.model.layouts.devices)
        return MemoryFit(
            weights=weights, activations=none, engine=engine_bytes(self.model, self.model.layouts.devices),
            kv_pool=pool, kv_per_sequence=self.activations(none + 1.0), tokens_per_pool=none,
            capacity=setting.site.device.memory_bytes,
        )  # fmt: skip

    @property
    def longest_memory(self) -> MemoryFit:
        """The same: the largest request is what is planned for."""
        return self.memory

    def activations(self, seats: Array) -> Array:
        """Activations of ``seats`` largest requests in flight on one device [B]."""
        each = tile_activation_bytes(self._work.encoder)
        held: Array = self._busiest(seats, self._work.most_tiles) * each
        return held

    def _busiest(self, requests: Array, tiles: float) -> Array:
        return busiest_tiles(requests * tiles, self.model.layouts.dp)

    def kv_pool(self, seats: Array) -> Array:
        """Room for a KV cache: none is kept [B]."""
        return seats * 0.0

    def stage_layers(self, row: int) -> tuple[int, ...]:
        """Layers per stage: the whole encoder on every device."""
        return (self._work.encoder.layers,)

    def take(self, rows: Array) -> "Encode":
        """The chosen candidates."""
        return replace(
            self, model=self.model.take(rows), batched_tokens=self.batched_tokens[rows],
            transfer_s=self.transfer_s[rows],
        )  # fmt: skip

    def sending_in(self, transfer_s: Array) -> "Encode":
        """The same replicas with another hand-over."""
        return replace(self, transfer_s=transfer_s)

    def room_frac(self, load: Array) -> Array:
        """Demand over capacity of memory and time; the tightest."""
        held, pool = self.activations(self.requests), self.memory.kv_pool
        room: Array = np.maximum(np.where(pool > 0, held / np.maximum(pool, 1.0), np.inf), load)
        return room

    def state(self, load: Array) -> State:
        """Steady state at utilisation ``load``."""
        none = np.zeros(load.shape)
        return State(
            rate_per_s=load * self.requests / self.batch_s,
            tpot_s=none,
            first_s=self.batch_s + self.transfer_s,
            residual_s=self.batch_s / 2.0 * load,
            queue_s=mean_wait_s(
                load, self.batch_s / self.requests, self.traffic.arrival_cv, self._work.tiles_cv
            ),
            busy_frac=load,
            seats=self.requests,
            room_frac=self.room_frac(load),
        )

    def latency(self, load: Array, state: State, metric: str, statistic: Statistic) -> Array:
        """Share of the TTFT (and so of the end-to-end time) until the embeddings have arrived."""
        if metric == "tpot_s":
            return np.zeros(load.shape)
        # the others of the batch are taken to have as many images as the request itself
        own = self._work.at(statistic, *self._batches_s) + self.transfer_s
        total: Array = wait_s(statistic, state.queue_s, state.busy_frac) + state.residual_s + own
        return total

    def shape(self, load: Array) -> StepCost:
        """One batch."""
        host_s = self.model.overheads.host_step_s + np.zeros(load.shape)
        parts = {"encoder": self.batch_s - host_s, "host": host_s}
        return StepCost(bottleneck_s=self.batch_s, travel_s=self.batch_s, parts=lambda: parts)
