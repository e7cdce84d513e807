r"""A branch and bound that leaves its proof: a tree whose leaves bound the whole program, solver unseen.

Sets        v in V              nodes; each inner one splits its box at an integer column, which may be
                                a sum s_g of other columns (see ``integer_sums``)
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

import numpy as np

from solvers.box_relaxation import BoxRelaxation, Vertex, elastic
from solvers.branching import Node, StrongBranching
from solvers.csr import Floats
from solvers.dual_bound import dual_bound
from solvers.integer_sums import IntegerSum, with_sums
from solvers.program import Program, Sense
from solvers.proof_nodes import Branch, Leaf, LeafKind, ProofTree
from solvers.split_sums import split_sums

MAX_SUMS = 100
"""Sums a tree may add unless asked otherwise: each is a column and a row for every later relaxation."""
TRIED_SUMS = 5
"""New sums tried at a node."""


def prove(
    program: Program,
    *,
    target: float,
    incumbent: Floats | None = None,
    time_limit_s: float,
    max_leaves: int,
    max_sums: int = MAX_SUMS,
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
    max_sums
        Sums that may be added to the program; with 0 the tree branches on its own columns only.
    """
    return _Search(program, target, incumbent, max_sums).run(time_limit_s, max_leaves)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A node that may be split: box, bound, the multipliers that prove it, the vertex where there is one.

    Sums that came later are missing at the end of its arrays: nothing was asked of them here.
    """

    index: int
    lb: Floats
    ub: Floats
    bound: float
    multipliers: Floats
    vertex: Vertex | None


class _Search:
    """State of one call. Bounds in here are those of a minimisation."""

    def __init__(self, program: Program, target: float, incumbent: Floats | None, max_sums: int) -> None:
        self.own, self.target, self.max_sums = program, target, max_sums
        self.sign = 1.0 if program.sense is Sense.MIN else -1.0
        self.goal = self.sign * target
        if incumbent is not None and program.is_feasible(incumbent):
            self.goal = min(self.goal, self.sign * program.objective(incumbent))
        self.branching = StrongBranching(self.sign)
        self.nodes: list[Branch | Leaf | None] = []
        self.n_leaves = 0
        self.point: Floats | None = None
        self.heap: list[tuple[float, int, _Open]] = []
        self._adopt(())

    def _adopt(self, sums: tuple[IntegerSum, ...]) -> None:
        """Go on with these sums; earlier ones keep their places."""
        self.sums, self.program = sums, with_sums(self.own, sums)
        self.relaxation = BoxRelaxation(self.program)
        self.empty = replace(self.program, sense=Sense.MIN, obj=np.zeros(self.program.n_cols), obj_offset=0.0)
        self.elastic: tuple[Program, BoxRelaxation] | None = None

    def run(self, time_limit_s: float, max_leaves: int) -> ProofTree:
        """Split the worst node until the goal is met or a limit is."""
        started = time.perf_counter()
        self.until = started + time_limit_s
        nothing = np.zeros(self.program.n_rows)
        lb, ub = self.program.lb, self.program.ub
        self._add(lb, ub, nothing, self._bound(nothing, lb, ub))
        while self.heap and self.heap[0][0] < self.goal and self.n_leaves < max_leaves and self._left_s() > 0:
            self._split(heapq.heappop(self.heap)[2])
        return self._tree(started)

    def _left_s(self) -> float:
        return max(self.until - time.perf_counter(), 0.0)

    def _split(self, node: _Open) -> None:
        """Replace an open node by its two sides."""
        chosen = self._choose(node)
        if chosen is None:
            # Every integer is settled: more branching proves nothing, nor does a bound beyond this one.
            self.nodes[node.index] = self._leaf(node)
            self.point = self._settled(node)
            self.goal = min(self.goal, node.bound)
            return
        column, at_most = chosen
        lb, ub = self._box(self.program, node)
        below, above = ub.copy(), lb.copy()
        below[column], above[column] = at_most, at_most + 1
        self.n_leaves -= 1
        multipliers = _padded(node.multipliers, np.zeros(self.program.n_rows))
        self.nodes[node.index] = Branch(
            column=column,
            at_most=at_most,
            below=self._add(lb, below, multipliers, node.bound),
            above=self._add(above, ub, multipliers, node.bound),
        )

    def _settled(self, node: _Open) -> Floats | None:
        """Point of a node whose vertex is whole: none is better, as no other node has a worse bound."""
        value = self.relaxation.value(*self._box(self.program, node), time_limit_s=self._left_s())
        if value is None or not math.isfinite(value):
            return None
        x = self.relaxation.point()[: self.own.n_cols]
        x = np.where(self.own.integer, np.round(x), x)
        return x if self.own.is_feasible(x) else None

    def _box(self, program: Program, node: _Open) -> tuple[Floats, Floats]:
        """Box of a node in the columns of a program."""
        return _padded(node.lb, program.lb), _padded(node.ub, program.ub)

    def _choose(self, node: _Open) -> tuple[int, int] | None:
        """Column to split at and the largest value of its lower side; None where all are settled."""
        if node.vertex is None:
            return self._halved(node)
        if not len(node.vertex.fractional):
            return None
        known = self.program.n_cols
        tried, vertex = self._tried(node), None
        if tried:
            program = with_sums(self.own, (*self.sums, *tried))
            relaxation = BoxRelaxation(program)
            vertex = relaxation.vertex(*self._box(program, node), time_limit_s=self._left_s())
        if vertex is None or not len(vertex.fractional):
            program, relaxation, vertex = self.program, self.relaxation, node.vertex
        lb, ub = self._box(program, node)
        column, at_most = self.branching.choose(
            relaxation,
            Node(lb=lb, ub=ub, vertex=vertex, bound=node.bound),
            self.goal,
            n_known=known,
            time_limit_s=self._left_s(),
        )
        if column < known:
            return column, at_most
        self._adopt((*self.sums, tried[column - known]))
        return known, at_most

    def _tried(self, node: _Open) -> list[IntegerSum]:
        """New sums worth a trial at a node."""
        if len(self.sums) >= self.max_sums:
            return []
        value = self.relaxation.value(*self._box(self.program, node), time_limit_s=self._left_s())
        if value is None or not math.isfinite(value):
            return []
        small, basis = self.relaxation.scaled_program, self.relaxation.basis()
        return split_sums(small, basis, self.sums, TRIED_SUMS)

    def _halved(self, node: _Open) -> tuple[int, int] | None:
        """Middle of the widest integer column: there is no vertex, nor a proof that the box is empty."""
        lb, ub = self._box(self.program, node)
        width = np.where(self.program.integer, ub - lb, 0.0)
        column = int(np.argmax(width)) if len(width) else 0
        if not len(width) or not 1 <= width[column] < np.inf:
            return None
        return column, math.floor((lb[column] + ub[column] - 1) / 2)

    def _add(self, lb: Floats, ub: Floats, multipliers: Floats, bound: float) -> int:
        """Enter a box as a node, settled or open; what its parent's multipliers prove holds here too."""
        index = len(self.nodes)
        self.nodes.append(None)
        self.n_leaves += 1
        vertex = self.relaxation.vertex(lb, ub, time_limit_s=self._left_s())
        if vertex is None:
            proof = self._emptiness(lb, ub)
            if proof is not None:
                worst = self.sign * np.inf
                self.nodes[index] = Leaf(kind=LeafKind.INFEASIBLE, multipliers=proof, bound=worst)
                return index
        else:
            own = self.sign * _without_idle(self.program, self.sign * vertex.multipliers)
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
        vertex = relaxation.vertex(_padded(lb, loose.lb), _padded(ub, loose.ub), time_limit_s=self._left_s())
        if vertex is None:
            return None
        multipliers = _without_idle(self.program, vertex.multipliers)
        return multipliers if dual_bound(replace(self.empty, lb=lb, ub=ub), multipliers) > 0 else None

    def _leaf(self, node: _Open) -> Leaf:
        return Leaf(kind=LeafKind.BOUND, multipliers=node.multipliers, bound=self.sign * node.bound)

    def _tree(self, started: float) -> ProofTree:
        """Close what is open."""
        for _, _, node in self.heap:
            self.nodes[node.index] = self._leaf(node)
        nodes = tuple(node for node in self.nodes if node is not None)
        bound = min(self.sign * node.bound for node in nodes if isinstance(node, Leaf))
        return ProofTree(
            program=self.program,
            sums=self.sums,
            nodes=nodes,
            bound=self.sign * bound,
            complete=bound >= self.sign * self.target,
            wall_s=time.perf_counter() - started,
            point=self.point,
        )


def _padded(values: Floats, longer: Floats) -> Floats:
    """Values, then those of a longer array."""
    return np.concatenate((values, longer[len(values) :]))


def _without_idle(program: Program, multipliers: Floats) -> Floats:
    """Set multipliers of a minimisation to zero where the row has no bound on the side they speak of."""
    side = np.where(multipliers > 0, program.row_lb, program.row_ub)
    return np.where(np.isfinite(side), multipliers, 0.0)
