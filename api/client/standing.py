"""Where a job or a sweep stands, as it was last heard."""

from typing import Any

from api.client.errors import JobCancelled, JobFailed, NotFinished, UnknownAnswer

FINISHED = ("succeeded", "failed", "cancelled", "expired")


class Standing:
    """Figures of something that runs in the service; ``raw`` is what the service said last."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw: dict[str, Any] = {}
        self._hear(raw)

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.raw["id"])

    @property
    def state(self) -> str:
        """One of queued, running, succeeded, failed, cancelled and expired."""
        return str(self.raw["state"])

    @property
    def finished(self) -> bool:
        """Whether its state will not change any more."""
        return self.state in FINISHED

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state}>"

    def _hear(self, raw: dict[str, Any]) -> None:
        if not {"id", "state"} <= raw.keys():
            raise UnknownAnswer(f"an answer has no id and state: {raw!r:.80}")
        self.raw = raw

    def _raise_if_ended_badly(self) -> None:
        if self.state == "cancelled":
            raise JobCancelled(self.id)
        if self.finished and self.state != "succeeded":
            raise JobFailed(self.id, self.state, self.raw.get("error"))

    def _not_finished(self) -> NotFinished:
        return NotFinished(self.id, self.state)


class JobStanding(Standing):
    """Figures of a plan job; null as long as there are none."""

    @property
    def phase(self) -> str | None:
        """What it is doing: validating, enumerating, building_graph, solving or ranking."""
        return self.raw.get("phase")

    @property
    def incumbent(self) -> float | None:
        """Value of the best plan so far."""
        return self.raw.get("incumbent")

    @property
    def bound(self) -> float | None:
        """What no plan can beat."""
        return self.raw.get("bound")

    @property
    def gap(self) -> float | None:
        """Relative distance between the two."""
        return self.raw.get("gap")


class SweepStanding(Standing):
    """How many scenarios of a sweep there are, are done, and have failed."""

    @property
    def total(self) -> int:
        """Scenarios in all."""
        return int(self.raw["total"])

    @property
    def done(self) -> int:
        """Scenarios with an answer or a failure."""
        return int(self.raw["done"])

    @property
    def failed(self) -> int:
        """Scenarios without an answer."""
        return int(self.raw.get("failed", 0))
