"""The time a caller is ready to wait."""

import math
from time import monotonic

QUIET_S = 30.0
"""Two heartbeats of the service: a connection that is quiet for longer is taken for lost [s]."""
SLACK_FRAC = 0.1


class Deadline:
    """A moment from now, or never; ``read_s`` is how long one connection may stay silent until then."""

    def __init__(self, timeout_s: float | None) -> None:
        self._at = math.inf if timeout_s is None else monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """Time that is left [s]."""
        return self._at - monotonic()

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return self.left_s <= 0.0

    @property
    def read_s(self) -> float:
        """Silence to allow a connection that is opened now [s]."""
        return max(0.001, min(QUIET_S, self.left_s))

    def outgrown(self, read_s: float) -> bool:
        """Whether a connection opened with this allowance could outlast the deadline in silence."""
        return self.left_s < read_s * (1.0 - SLACK_FRAC)

    def bounded(self, pause_s: float) -> float:
        """A pause that does not outlast the deadline [s]."""
        return max(0.0, min(pause_s, self.left_s))
