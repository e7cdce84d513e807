r"""A branch and bound that leaves its proof: a tree whose leaves bound the whole program, solver unseen.

Sets        v in V              nodes; each inner one splits its box at an integer column
            l in L              leaves
Parameters  lb_l, ub_l          box of l: the bounds of the program, cut along the way from the root
            y_l                 multipliers of the rows, one vector per leaf
            t                   target

    inner node      x_j <= k   |   x_j >= k + 1,  j integer: no point is lost
    leaf, bound     weak duality with y_l over [lb_l, ub_l] proves z_l (see ``dual_bound``)
    leaf, empty     weak duality with y_l for the objective 0, minimised, proves more than 0: no point
    tree            min z_l over the leaves (max for a maximisation) bounds the program

Nodes are split worst bound first, so the tree may be cut short at any time: open nodes become leaves with
what their multipliers prove. All bounds are rounded outwards and hold in exact arithmetic.
"""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from solvers.box_relaxation import BoxRelaxation, Vertex, elastic
from solvers.branching import Node, StrongBranching
from solvers.csr import Floats, Ints
from solvers.dual_bound import dual_bound
from solvers.program import Program, Sense


class LeafKind(StrEnum):
    """What the multipliers of a leaf prove: a bound, or that its box holds no point."""

    BOUND = "bound"
    INFEASIBLE = "infeasible"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaf:
    """A box with the multipliers that settle it [rows], and the bound they prove; infinite where empty."""

    kind: LeafKind
    multipliers: Floats
    bound: float

    def document(self) -> dict[str, Any]:
        """Kind and multipliers as [row, value] pairs for JSON, zeros left out."""
        used = np.flatnonzero(self.multipliers)
        pairs = [[int(i), float(self.multipliers[i])] for i in used]
        return {"kind": str(self.kind), "multipliers": pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A split of a box: node ``below`` has x_column <= at_most, node ``above`` x_column >= at_most + 1."""

    column: int
    at_most: int
    below: int
    above: int

    def document(self) -> dict[str, Any]:
        """Give the split as a plain object for JSON."""
        return {"column": self.column, "at_most": self.at_most, "below": self.below, "above": self.above}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProofTree:
    """Nodes, the root first, and what they prove together.

    ``bound`` holds for every point of the program, infinite where there is none; ``complete`` tells whether
    it meets the target.
    """

    nodes: tuple[Branch | Leaf, ...]
    bound: float
    complete: bool
    wall_s: float

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Leaves, in the order of their nodes."""
        return tuple(node for node in self.nodes if isinstance(node, Leaf))

    def document(self) -> dict[str, Any]:
        """Give the tree as plain lists for JSON; the bound is null where no leaf needs one or none has it."""
        nodes, leaves = [], []
        for node in self.nodes:
            if isinstance(node, Branch):
                nodes.append(node.document())
            else:
                nodes.append({"leaf": len(leaves)})
                leaves.append(node.document())
        bound = self.bound if math.isfinite(self.bound) else None
        return {"bound": bound, "nodes": nodes, "leaves": leaves}


def prove(
    program: Program,
    *,
    target: float,
    incumbent: Floats | None = None,
    time_limit_s: float,
    max_leaves: int,
) -> ProofTree:
    """Prove that no point of a program is better than a target, or as much of it as the limits allow.

    Parameters
    ----------
    program
        The program; columns without bounds prove little.
    target
        Objective value to prove; infinite, on the worse side, to prove that there is no point.
    incumbent
        A known point: no work is spent on bounds beyond its value [columns].
    time_limit_s, max_leaves
        Limits of the search; the tree is valid at either.
    """
    search = _Search(program, target, incumbent, time_limit_s)
    search.start()
    while search.is_open and search.n_leaves < max_leaves and search.left_s() > 0:
        search.split()
    return search.tree()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A node that may be split: its box, its vertex where known, and its multipliers."""

    index: int
    lb: Floats
    ub: Floats
    bound: float
    multipliers: Floats
    vertex: Vertex | None


class _Search:
    """State of one call. Bounds in here are those of a minimisation."""

    def __init__(
        self, program: Program, target: float, incumbent: Floats | None, time_limit_s: float
    ) -> None:
        self.program, self.target = program, target
        self.sign = 1.0 if program.sense is Sense.MIN else -1.0
        self.goal = self.sign * target
        if incumbent is not None and program.is_feasible(incumbent):
            self.goal = min(self.goal, self.sign * program.objective(incumbent))
        self.time_limit_s, self.started = time_limit_s, time.perf_counter()
        self.relaxation = BoxRelaxation(program)
        self.branching = StrongBranching(self.relaxation, program.n_cols, self.sign)
        self.empty = replace(program, sense=Sense.MIN, obj=np.zeros(program.n_cols), obj_offset=0.0)
        self.elastic: tuple[Program, BoxRelaxation] | None = None
        self.nodes: list[Branch | Leaf | None] = []
        self.n_leaves = 0
        self.heap: list[tuple[float, int, _Open]] = []

    def left_s(self) -> float:
        return max(self.time_limit_s - (time.perf_counter() - self.started), 0.0)

    @property
    def is_open(self) -> bool:
        """Whether some node still keeps the bound below the goal."""
        return bool(self.heap) and self.heap[0][0] < self.goal

    def start(self) -> None:
        nothing = np.zeros(self.program.n_rows)
        bound = self._bound(nothing, self.program.lb, self.program.ub)
        self._add(self.program.lb, self.program.ub, nothing, bound)

    def split(self) -> None:
        """Replace the open node of the worst bound by its two sides."""
        _, _, node = heapq.heappop(self.heap)
        chosen = self._choose(node)
        if chosen is None:
            # Every integer is settled: more branching proves nothing, nor does a bound beyond this one.
            self.nodes[node.index] = self._leaf(node)
            self.goal = min(self.goal, node.bound)
            return
        column, at_most = chosen
        below, above = node.ub.copy(), node.lb.copy()
        below[column], above[column] = at_most, at_most + 1
        self.n_leaves -= 1
        self.nodes[node.index] = Branch(
            column=column,
            at_most=at_most,
            below=self._add(node.lb, below, node.multipliers, node.bound),
            above=self._add(above, node.ub, node.multipliers, node.bound),
        )

    def _choose(self, node: _Open) -> tuple[int, int] | None:
        """Column to split at and the largest value of its lower side; None where all are settled."""
        if node.vertex is not None:
            if not len(node.vertex.fractional):
                return None
            box = Node(lb=node.lb, ub=node.ub, vertex=node.vertex, bound=node.bound)
            return self.branching.choose(box, self.goal, time_limit_s=self.left_s())
        # The relaxation has no vertex and its emptiness no proof: halve the widest column.
        width = np.where(self.program.integer, node.ub - node.lb, 0.0)
        column = int(np.argmax(width)) if len(width) else 0
        if not len(width) or width[column] < 1 or not np.isfinite(width[column]):
            return None
        return column, math.floor((node.lb[column] + node.ub[column] - 1) / 2)

    def _add(self, lb: Floats, ub: Floats, multipliers: Floats, bound: float) -> int:
        """Enter a box as a node, settled or open; what its parent's multipliers prove holds here too."""
        index = len(self.nodes)
        self.nodes.append(None)
        self.n_leaves += 1
        vertex = self.relaxation.vertex(lb, ub, time_limit_s=self.left_s())
        if vertex is None:
            proof = self._emptiness(lb, ub)
            if proof is not None:
                worst = self.sign * np.inf
                self.nodes[index] = Leaf(kind=LeafKind.INFEASIBLE, multipliers=proof, bound=worst)
                return index
        else:
            own = _without_idle(self.program, self.sign * vertex.multipliers) * self.sign
            proven = self._bound(own, lb, ub)
            if proven > bound:
                multipliers, bound = own, proven
        node = _Open(index=index, lb=lb, ub=ub, bound=bound, multipliers=multipliers, vertex=vertex)
        heapq.heappush(self.heap, (bound, index, node))
        return index

    def _bound(self, multipliers: Floats, lb: Floats, ub: Floats) -> float:
        """Bound of a box, as a minimisation, one float further out than computed."""
        proven = dual_bound(replace(self.program, lb=lb, ub=ub), multipliers)
        return float(np.nextafter(self.sign * proven, -np.inf))

    def _emptiness(self, lb: Floats, ub: Floats) -> Floats | None:
        """Multipliers that prove a box empty, checked; None where there are none."""
        if self.elastic is None:
            loose = elastic(self.program)
            self.elastic = loose, BoxRelaxation(loose)
        loose, relaxation = self.elastic
        n = self.program.n_cols
        vertex = relaxation.vertex(
            np.append(lb, loose.lb[n:]), np.append(ub, loose.ub[n:]), time_limit_s=self.left_s()
        )
        if vertex is None:
            return None
        multipliers = _without_idle(self.program, vertex.multipliers)
        return multipliers if dual_bound(replace(self.empty, lb=lb, ub=ub), multipliers) > 0 else None

    def _leaf(self, node: _Open) -> Leaf:
        return Leaf(kind=LeafKind.BOUND, multipliers=node.multipliers, bound=self.sign * node.bound)

    def tree(self) -> ProofTree:
        """Close what is open."""
        for _, _, node in self.heap:
            self.nodes[node.index] = self._leaf(node)
        nodes = tuple(node for node in self.nodes if node is not None)
        bound = min(self.sign * node.bound for node in nodes if isinstance(node, Leaf))
        return ProofTree(
            nodes=nodes,
            bound=self.sign * bound,
            complete=bound >= self.sign * self.target,
            wall_s=time.perf_counter() - self.started,
        )


def _without_idle(program: Program, multipliers: Floats) -> Floats:
    """Set multipliers of a minimisation to zero where the row has no bound on the side they speak of."""
    side = np.where(multipliers > 0, program.row_lb, program.row_ub)
    return np.where(np.isfinite(side), multipliers, 0.0)
