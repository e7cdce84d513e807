"""A proof by branching: splits of boxes, and leaves whose multipliers settle one box each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from solvers.csr import Floats
from solvers.integer_sums import IntegerSum
from solvers.program import Program


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
    it meets the target. Columns and rows are those of ``program``: the one that was asked about and, after
    its own, the ``sums`` that were branched on. ``point`` is a point of the program that was asked about, of
    this very value up to rounding, where the search ended at one before it met the target.
    """

    program: Program
    sums: tuple[IntegerSum, ...]
    nodes: tuple[Branch | Leaf, ...]
    bound: float
    complete: bool
    wall_s: float
    point: Floats | None = None

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Leaves, in the order of their nodes."""
        return tuple(node for node in self.nodes if isinstance(node, Leaf))

    def document(self) -> dict[str, Any]:
        """Give the tree as plain lists for JSON; the bound is null where no leaf needs one or none has it."""
        nodes: list[dict[str, Any]] = []
        leaves: list[dict[str, Any]] = []
        for node in self.nodes:
            if isinstance(node, Branch):
                nodes.append(node.document())
            else:
                nodes.append({"leaf": len(leaves)})
                leaves.append(node.document())
        bound = self.bound if math.isfinite(self.bound) else None
        return {"bound": bound, "nodes": nodes, "leaves": leaves}
