"""Changes of a scenario by name: ``slo.chat.ttft_s.limit_s``, ``cluster.pools.h100.nodes``."""

from collections.abc import Iterable
from typing import Any

from models import codec
from models.errors import InvalidInput
from models.scenario import Scenario
from models.what_if import Change, MadeChange

SHORT = ("slo", "workload")
"""Fields that may be named before their deployment: ``slo.chat.tpot_s``, ``deployments.chat.slo.tpot_s``."""


def changed(scenario: Scenario, changes: Iterable[Change]) -> tuple[Scenario, tuple[MadeChange, ...]]:
    """The scenario with every change made, and what each replaced.

    Raises
    ------
    InvalidInput
        A name that leads nowhere, or a value the scenario may not have.
    """
    document = codec.to_plain(scenario)
    made = tuple(
        MadeChange(change=c.change, from_=_set(document, c, f"/changes/{i}/change"), to=c.to)
        for i, c in enumerate(changes)
    )
    return codec.from_plain(Scenario, document), made


def _set(document: dict[str, Any], change: Change, pointer: str) -> Any:
    """Put the new value in place and return the old one."""
    node, rest = _long(document, change.change)
    while True:
        key, rest = _next(node, rest, change.change, pointer)
        if not rest:
            old = node.get(key) if isinstance(node, dict) else node[key]
            node[key] = change.to
            return old
        if node[key] is None:
            node[key] = {}
        node = node[key]


def _long(document: dict[str, Any], name: str) -> tuple[Any, str]:
    """Start of the way: ``slo.chat.x`` begins at the deployment and goes on with ``slo.x``."""
    head, _, rest = name.partition(".")
    if head in SHORT and rest:
        deployments = document["deployments"]
        found = max(
            (d["name"] for d in deployments if f"{rest}.".startswith(f"{d['name']}.")), key=len, default=None
        )
        if found is not None:
            deployment = next(d for d in deployments if d["name"] == found)
            return deployment, f"{head}{rest[len(found) :]}"
    return document, name


def _next(node: Any, rest: str, whole: str, pointer: str) -> tuple[Any, str]:
    """One step: a key of an object, or the name or number of a member of a list."""
    head, _, after = rest.partition(".")
    # an object that was left out so far takes any key: reading the scenario afterwards refuses wrong ones
    if isinstance(node, dict) and (head in node or not node):
        return head, after
    if isinstance(node, list):
        names = [str(row.get("name")) for row in node if isinstance(row, dict)]
        found = _longest(names, rest)
        if found is not None:
            return names.index(found), rest[len(found) + 1 :]
        if head.isdigit() and int(head) < len(node):
            return int(head), after
        known = names or [str(i) for i in range(len(node))]
    else:
        known = sorted(node) if isinstance(node, dict) else []
    raise InvalidInput(
        f"{whole!r} leads nowhere: there is no {head!r}",
        pointer=pointer,
        hint=f"Maybe one of: {', '.join(known[:12])}" if known else "Maybe leave out the last part.",
    )


def _longest(names: list[str], rest: str) -> str | None:
    """The longest name that a way begins with: names may hold dots themselves."""
    return max((n for n in names if f"{rest}.".startswith(f"{n}.")), key=len, default=None)
