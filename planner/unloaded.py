"""What candidates do without load: who fails there fails everywhere, and is counted under the reason."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.cost.base import Array
from models.workload import SloLimit
from planner.load_bracket import latencies, margin_of
from planner.operating_point import Replica, State


@dataclass(frozen=True, kw_only=True)
class Unloaded:
    """What the candidates that fit could do at best, for the smallest relaxation of each limit.

    ``latency_s`` holds, by limit, the least latency of an unloaded candidate that meets all other limits.
    ``extra_bytes`` is the least device memory by which any layout misses its weights and one sequence.
    """

    latency_s: dict[str, float]
    extra_bytes: float


@dataclass(kw_only=True)
class UnloadedCheck:
    """Drops candidates of one setting and role that fail without load, and remembers how near they came."""

    limits: Mapping[str, SloLimit]
    dropped: Counter[str]
    latency_s: dict[str, float] = field(default_factory=dict)
    extra_bytes: float = np.inf

    def fits(self, replica: Replica, low: Array) -> Array:
        """Candidates whose memory holds weights, the least load and one sequence of the longest length."""
        memory = replica.longest_memory
        good: Array = (replica.room_frac(low) <= 1.0) & (memory.sequences >= 1.0)
        self.dropped["memory"] += int(np.count_nonzero(~good))
        missing = memory.kv_per_sequence - memory.kv_pool
        if len(missing):
            self.extra_bytes = min(self.extra_bytes, float(max(missing.min(), 0.0)))
        return good

    def meets(self, replica: Replica, low: Array) -> tuple[Array, Array, State]:
        """Of candidates that fit, those that meet every limit; the margins and states of all."""
        state = replica.state(low)
        values = latencies(replica, low, state, self.limits)
        met = {metric: values[metric] <= limit.limit_s for metric, limit in self.limits.items()}
        good = np.ones(low.shape, dtype=bool)
        for metric, holds in met.items():
            self.dropped[f"slo:{metric.removesuffix('_s')}"] += int(np.count_nonzero(good & ~holds))
            good = good & holds
        self._nearest(values, met)
        return good, margin_of(state, values, self.limits), state

    def _nearest(self, values: Mapping[str, Array], met: Mapping[str, Array]) -> None:
        for metric, latency_s in values.items():
            others = np.ones(latency_s.shape, dtype=bool)
            for other, holds in met.items():
                if other != metric:
                    others &= holds
            if others.any():
                best = float(latency_s[others].min())
                self.latency_s[metric] = min(self.latency_s.get(metric, np.inf), best)

    @property
    def failed(self) -> int:
        """Candidates that missed a limit so far."""
        return sum(n for name, n in self.dropped.items() if name.startswith("slo:"))

    @property
    def found(self) -> Unloaded:
        """The nearest that any candidate came."""
        return Unloaded(latency_s=dict(self.latency_s), extra_bytes=self.extra_bytes)
