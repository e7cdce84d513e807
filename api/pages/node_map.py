"""Which device of which node holds what: rows of squares, lettered by group."""

from dataclasses import dataclass
from string import ascii_uppercase

from models.plan import Plan
from models.scenario import Scenario

MAX_NODES = 32
MAX_DEVICES_PER_NODE = 128
IDLE = "·"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One node: per device the letter of its group and the number of its replica."""

    pool: str
    node: int
    cells: tuple[tuple[str, str, int], ...]
    """Letter, words, colour number; the colour of an idle device is -1."""


def node_rows(plan: Plan, scenario: Scenario) -> tuple[list[NodeRow], int]:
    """The first nodes in use, and how many more there are."""
    held = {
        (pool, node, device): (placed.group, placed.replica)
        for placed in plan.placement
        for pool, node, device in placed.devices
    }
    nodes = sorted({(pool, node) for pool, node, _ in held})
    widths = {pool.name: pool.devices_per_node for pool in scenario.cluster.pools}
    rows = [
        NodeRow(
            pool=pool,
            node=node,
            cells=tuple(
                _cell(plan, held.get((pool, node, device)))
                for device in range(min(widths.get(pool, 0), MAX_DEVICES_PER_NODE))
            ),
        )
        for pool, node in nodes[:MAX_NODES]
    ]
    return rows, max(0, len(nodes) - MAX_NODES)


def _cell(plan: Plan, held: tuple[int, int] | None) -> tuple[str, str, int]:
    if held is None:
        return IDLE, "idle", -1
    number, replica = held
    group = plan.groups[number]
    words = f"{group.deployment} {group.role_words}, replica {replica + 1}"
    return f"{ascii_uppercase[number % len(ascii_uppercase)]}{replica + 1}", words, number
