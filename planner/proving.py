"""Proof of a ranking's bound that needs no trust in the solver: a tree, or the duals alone."""

from dataclasses import dataclass, replace

import numpy as np

from solvers.program import Sense
from solvers.proof_nodes import ProofTree
from solvers.proof_tree import prove
from solvers.ranked import Ranking
from solvers.result import Status, relative_gap

MAX_LEAVES = 5000
"""Trees that would need more leaves are left out; then the linear bound is all that is proven."""
MAX_COLUMNS = 3000
"""Programs with more columns are left to their linear bound."""
TIGHT = 1e-9
"""Relative slack of a proof that is as good as the solver's own bound."""
SHARE_OF_GAP = 0.5
"""Share of the asked gap that the second, looser attempt may leave."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The tree, where there is one."""

    tree: ProofTree | None


def proven(ranking: Ranking, *, gap: float, time_limit_s: float) -> tuple[Ranking, Proof]:
    """The ranking with the bound that is proven, and its proof.

    A tree goes for the solver's bound first, and stops at half the asked gap when that takes too long. Where
    neither comes out, the duals prove what they do: enough where they meet the gap, else the solver's bound
    stands unproven beside them.
    """
    program = ranking.program
    tree = None
    if program.n_cols <= MAX_COLUMNS:
        tree = _tree(ranking, gap, time_limit_s)
    if tree is not None:
        return _with_tree(ranking, tree), Proof(tree=tree)
    if ranking.solutions and relative_gap(ranking.solutions[0].objective, ranking.lp_bound) <= gap:
        return _bounded(ranking, ranking.lp_bound), Proof(tree=None)
    return ranking, Proof(tree=None)


def _tree(ranking: Ranking, gap: float, time_limit_s: float) -> ProofTree | None:
    """A tree that proves the answer within the gap, or that there is none; None where limits came first."""
    program = ranking.program
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    if not ranking.solutions:
        if ranking.status is not Status.INFEASIBLE:
            return None
        tree = prove(program, target=sign * np.inf, time_limit_s=time_limit_s, max_leaves=MAX_LEAVES)
        return tree if tree.complete else None
    best = ranking.solutions[0]
    for slack, share in ((TIGHT, 0.5), (SHARE_OF_GAP * gap, 1.0)):
        start = ranking.bound if slack == TIGHT else best.objective
        target = start - sign * slack * abs(best.objective)
        tree = prove(
            program, target=target, incumbent=best.point, time_limit_s=share * time_limit_s,
            max_leaves=MAX_LEAVES,
        )  # fmt: skip
        if relative_gap(best.objective, tree.bound) <= (2 * TIGHT if slack == TIGHT else gap):
            return tree
    return None


def _with_tree(ranking: Ranking, tree: ProofTree) -> Ranking:
    """The ranking over the program of the tree: its own columns and rows, then the sums."""
    duals = ranking.lp_row_duals
    if duals is not None:
        duals = np.concatenate((duals, np.zeros(tree.program.n_rows - len(duals))))
    return replace(_bounded(ranking, tree.bound), program=tree.program, lp_row_duals=duals)


def _bounded(ranking: Ranking, bound: float) -> Ranking:
    """The ranking with another bound."""
    solutions = tuple(replace(s, gap=relative_gap(s.objective, bound)) for s in ranking.solutions)
    return replace(ranking, bound=bound, solutions=solutions)
