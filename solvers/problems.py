"""The problems that can be solved on their own, by name: one line each."""

from __future__ import annotations

from typing import Any, Protocol

from solvers import kv_routing, replica_mix, worker_mix
from solvers.errors import InvalidInstance
from solvers.reading import mapping, refuse, sequence


class Problem(Protocol):
    """What a problem module offers."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """Name on the command line."""
        ...

    @property
    def SCHEMA(self) -> dict[str, Any]:  # noqa: N802
        """JSON Schema of an instance."""
        ...

    def parse(self, instance: dict[str, Any]) -> Any:
        """Read an instance or raise ``InvalidInstance``."""
        ...

    def solve(self, problem: Any, *, time_limit_s: float = 10.0, gap: float = 1e-4) -> dict[str, Any]:
        """Give status, objective, bound, gap, solution and wall_s."""
        ...


PROBLEMS: dict[str, Problem] = {
    kv_routing.NAME: kv_routing,
    replica_mix.NAME: replica_mix,
    worker_mix.NAME: worker_mix,
}


def pick(document: Any, name: str | None = None) -> dict[str, Any]:
    """Give the one instance of a document, or the named one of a file with ``instances``."""
    whole = mapping(document, "")
    if "instances" not in whole:
        if name is not None and whole.get("name") != name:
            hint = "Maybe leave the name out: the file is one instance."
            raise InvalidInstance(f"name is {name!r}, but the file has no instances to choose from", "", hint)
        return whole
    instances = sequence(whole["instances"], "/instances", least=1)
    rows = [mapping(row, f"/instances/{i}") for i, row in enumerate(instances)]
    names = [str(row.get("name", i)) for i, row in enumerate(rows)]
    if name is None and len(rows) == 1:
        return rows[0]
    listed = f"Maybe one of: {', '.join(names)}."
    if name is None:
        raise InvalidInstance(
            f"the file has {len(rows)} instances and no name was given", "/instances", listed
        )
    if names.count(name) != 1:
        raise refuse("/name", name, "the name of exactly one instance", listed)
    return rows[names.index(name)]
