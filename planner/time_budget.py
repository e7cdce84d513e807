"""Time for a call with several parts: each gets what is left, and is skipped when nothing is."""

import time


class TimeBudget:
    """So many seconds from now on."""

    def __init__(self, limit_s: float) -> None:
        self._until = time.perf_counter() + limit_s

    @property
    def left_s(self) -> float:
        """What is left; never negative [s]."""
        return max(self._until - time.perf_counter(), 0.0)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.left_s <= 0.0
