r"""A bound over integer points from a tree of boxes, each bounded on its own.

A branch on an integer column j at k splits a box into x_j <= k and x_j >= k + 1. No integer point lies
between, so the two halves hold every integer point of the box. When every node is reached once from the root,
the leaves together hold every integer point of the program, and the weakest of their bounds holds for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from solvers.verification.certificate_document import Branch, Leaf, Tree
from solvers.verification.weak_duality import Box, WeakDuality
from solvers.verification.words import shown

Path = tuple[tuple[int, bool, int], "Path"] | None
"""Bounds set on the way from the root, last first: column, whether it is an upper bound, value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeProof:
    """What a tree proves: the weakest bound of its leaves, or that there is no point at all."""

    bound: Fraction | None
    empty: bool
    faults: tuple[str, ...]

    def holds(self) -> bool:
        """Say whether the tree covers the space and every leaf proves what it says."""
        return not self.faults


def prove(tree: Tree) -> TreeProof:
    """Walk a tree, check that it covers the space, and bound every leaf in exact arithmetic."""
    duality = WeakDuality(tree.program)
    faults: list[str] = []
    bounds: list[Fraction] = []
    for index, path in _leaves(tree, duality, faults):
        fault = _prove_leaf(tree, index, _box(duality, path), duality, bounds)
        if fault:
            faults.append(f"leaf {index}: {fault}")
    # maximising, the weakest upper bound is the largest
    weakest = max if duality.program.sense == "max" else min
    return TreeProof(
        bound=weakest(bounds) if bounds else None, empty=not bounds and not faults, faults=tuple(faults)
    )


def _leaves(tree: Tree, duality: WeakDuality, faults: list[str]) -> Iterator[tuple[int, Path]]:
    """Go to every leaf that is reached; what does not cover the space is a fault."""
    reached: set[int] = set()
    used: set[int] = set()
    stack: list[tuple[int, Path]] = [(0, None)]
    while stack:
        number, path = stack.pop()
        if not 0 <= number < len(tree.nodes):
            faults.append(f"node {number}: claimed as a child, found {len(tree.nodes)} nodes")
            continue
        if number in reached:
            faults.append(f"node {number}: claimed once, found twice")
            continue
        reached.add(number)
        node = tree.nodes[number]
        if isinstance(node, Branch):
            if not duality.program.integer[node.column]:
                name = duality.program.column_name[node.column]
                faults.append(f"node {number}: claimed to branch on whole numbers, found column {name}")
            stack.append((node.above, ((node.column, False, node.at_most + 1), path)))
            stack.append((node.below, ((node.column, True, node.at_most), path)))
        elif not 0 <= node < len(tree.leaves):
            faults.append(f"node {number}: claimed leaf {node}, found {len(tree.leaves)} leaves")
        elif node in used:
            faults.append(f"leaf {node}: claimed for one node, found on two")
        else:
            used.add(node)
            yield node, path
    for kind, there, here in (("node", len(tree.nodes), reached), ("leaf", len(tree.leaves), used)):
        lost = sorted(set(range(there)) - here)
        if lost:
            faults.append(f"{kind} {lost[0]}: claimed in the tree, found no way from its root")


def _box(duality: WeakDuality, path: Path) -> Box:
    """The box of the program, cut by the branches on the path."""
    lower, upper = duality.root()
    while path is not None:
        (column, is_upper, value), path = path
        value <<= duality.box_power
        if is_upper:
            known = upper[column]
            upper[column] = value if known is None else min(known, value)
        else:
            known = lower[column]
            lower[column] = value if known is None else max(known, value)
    return lower, upper


def _prove_leaf(tree: Tree, index: int, box: Box, duality: WeakDuality, bounds: list[Fraction]) -> str:
    """Bound one leaf; the fault in words, empty where it proves what it says."""
    leaf: Leaf = tree.leaves[index]
    if any(a is not None and b is not None and a > b for a, b in zip(*box, strict=True)):
        return ""
    if leaf.infeasible:
        return "" if duality.shows_empty(leaf.multipliers, box) else "claimed infeasible, found no proof"
    found = duality.bound(leaf.multipliers, box)
    if found is None:
        return "claimed a bound, found none"
    bounds.append(found)
    if tree.bound is None:
        return f"claimed no point in the whole tree, found a leaf with bound {shown(found)}"
    if not implies(found, tree.bound, duality.program.sense):
        return f"claimed to prove {shown(tree.bound)}, found {shown(found)}"
    return ""


def implies(proven: Fraction, claimed: float, sense: str) -> bool:
    """Say whether a proven bound makes a claimed bound true, without tolerance."""
    return proven <= Fraction(claimed) if sense == "max" else proven >= Fraction(claimed)
