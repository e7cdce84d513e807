"""Hand-over between replicas: a prompt's KV cache to a decode replica, image embeddings to a prompt's."""

from dataclasses import dataclass

import numpy as np

from models.architecture import ModelSpec
from models.cost.base import Array
from models.precision import KV_BYTES
from planner.layouts import Layouts


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Where caches or embeddings go and how fast one rank can send.

    Attributes
    ----------
    to_pool : int
        Pool of the replicas that take them.
    request_bytes : float
        Cache of one mean prompt, the whole model, or embeddings of its images [B].
    rank_bytes_per_s : float
        Slower of the two pools' network per device, one direction [B/s].
    link_bytes_per_s : float
        Capacity of the link between two pools; infinite inside a pool [B/s].
    latency_s : float
        Start-up of a transfer [s].
    """

    to_pool: int
    request_bytes: float
    rank_bytes_per_s: float
    link_bytes_per_s: float
    latency_s: float

    def seconds(self, layouts: Layouts, spec: ModelSpec) -> Array:
        """Whole transfer of one prompt: every rank that holds a distinct part sends it [s]."""
        cores = [k.mixer.core() for k in spec.kinds if k.mixer is not None]
        heads = max((c.kv_heads for c in cores if c.kv_elements_per_token), default=1)
        return self.split_seconds(np.minimum(layouts.tp, heads) * layouts.pp * layouts.cp)

    def split_seconds(self, senders: Array) -> Array:
        """Whole transfer of one request that so many ranks send in equal parts [s]."""
        speed = np.minimum(senders * self.rank_bytes_per_s, self.link_bytes_per_s)
        whole: Array = self.latency_s + self.request_bytes / speed
        return whole


def prompt_cache_bytes(spec: ModelSpec, kv_format: str, prompt_tokens: float) -> float:
    """Cache and state one prompt leaves in the whole model [B]."""
    total = 0.0
    for kind, count in zip(spec.kinds, spec.counts(), strict=True):
        if kind.mixer is None:
            continue
        core = kind.mixer.core()
        kept = prompt_tokens if core.window_tokens is None else min(prompt_tokens, core.window_tokens)
        elements = core.kv_elements_per_token + core.index_elements_per_token
        total += count * (kept * elements * KV_BYTES[kv_format] + core.state_bytes_per_sequence)
    return total
