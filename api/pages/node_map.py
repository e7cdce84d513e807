"""Which device of which node holds what: rows of squares, lettered by group, TP groups outlined."""

from dataclasses import dataclass, replace
from itertools import groupby
from string import ascii_uppercase

from models.plan import Plan
from models.scenario import Scenario

MAX_NODES = 32
"""Nodes that are shown one by one; of more, equal neighbours share a row."""
MAX_ROWS = 96
MAX_DEVICES_PER_NODE = 128
IDLE = "·"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One device: letter of its group and number of its replica; the colour of an idle one is -1.

    ``first`` and ``last`` of the neighbours that share a tensor-parallel group, where there is one.
    """

    text: str
    words: str
    colour: int
    in_tp: bool = False
    first: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One node, or several neighbours that look the same."""

    pool: str
    node: int
    last_node: int
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """Pool and nodes in words."""
        if self.last_node == self.node:
            return f"{self.pool} node {self.node}"
        return f"{self.pool} nodes {self.node}-{self.last_node} ({self.last_node - self.node + 1:,} alike)"


Held = tuple[int, int, int]
"""Group, replica, and tensor-parallel group inside the replica."""


def node_rows(plan: Plan, scenario: Scenario) -> tuple[list[NodeRow], int]:
    """Rows of the nodes in use, and how many nodes are not among them."""
    held = {
        (pool, node, device): (placed.group, placed.replica, rank // plan.groups[placed.group].parallelism.tp)
        for placed in plan.placement
        for rank, (pool, node, device) in enumerate(placed.devices)
    }
    nodes = sorted({(pool, node) for pool, node, _ in held})
    widths = {pool.name: min(pool.devices_per_node, MAX_DEVICES_PER_NODE) for pool in scenario.cluster.pools}
    many = len(nodes) > MAX_NODES
    rows = [
        NodeRow(
            pool=pool, node=node, last_node=node,
            cells=_cells(plan, [held.get((pool, node, d)) for d in range(widths.get(pool, 0))], many),
        )
        for pool, node in nodes
    ]  # fmt: skip
    rows = _merged(rows) if many else rows
    shown = sum(row.last_node - row.node + 1 for row in rows[:MAX_ROWS])
    return rows[:MAX_ROWS], len(nodes) - shown


def _cells(plan: Plan, held: list[Held | None], many: bool) -> tuple[Cell, ...]:
    cells = []
    for i, one in enumerate(held):
        if one is None:
            cells.append(Cell(text=IDLE, words="idle", colour=-1))
            continue
        cut = plan.groups[one[0]].parallelism.tp > 1
        cells.append(
            replace(
                _named(plan, one, many),
                in_tp=cut,
                first=cut and (i == 0 or held[i - 1] != one),
                last=cut and (i == len(held) - 1 or held[i + 1] != one),
            )
        )
    return tuple(cells)


def _named(plan: Plan, held: Held, many: bool) -> Cell:
    """A device by group, and by replica where every node has its own row."""
    number, replica, _ = held
    group = plan.groups[number]
    letter = ascii_uppercase[number % len(ascii_uppercase)]
    words = f"{group.deployment} {group.role_words}"
    if many:
        return Cell(text=letter, words=words, colour=number)
    return Cell(text=f"{letter}{replica + 1}", words=f"{words}, replica {replica + 1}", colour=number)


def _merged(rows: list[NodeRow]) -> list[NodeRow]:
    """Neighbours in a pool that look the same, in one row."""
    merged: list[NodeRow] = []
    for (_, _), alike in groupby(rows, key=lambda row: (row.pool, row.cells)):
        run = list(alike)
        while run:
            length = next((i for i in range(1, len(run)) if run[i].node != run[i - 1].node + 1), len(run))
            merged.append(replace(run[0], last_node=run[length - 1].node))
            run = run[length:]
    return merged
