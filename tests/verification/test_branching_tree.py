"""Trees: one made by hand, every way to break it, and the truth of whatever is accepted."""

import copy
import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import proof_tree
from solvers.program import Program, Sense
from solvers.verification.branching_tree import TreeProof, prove
from solvers.verification.certificate_document import read_tree
from solvers.verification.program_arrays import ProgramArrays, read_program
from solvers.verification.reading import Field, Unreadable
from solvers.verification.weak_duality import WeakDuality
from tests.solvers.random_programs import random_program
from tests.verification.certificates import prove as branch
from tests.verification.test_weak_duality import arrays

Tree = dict[str, Any]

PROGRAM = read_program(
    Field(
        {
            "sense": "max",
            "objective_offset": 0.0,
            "columns": {
                "name": ["x[0]", "x[1]", "f[0]"],
                "objective": [1.0, 1.0, 0.25],
                "lower": [0.0, 0.0, 0.0],
                "upper": [1.0, 1.0, 1.0],
                "integer": [True, True, False],
            },
            "rows": {
                "name": ["pool[0]", "flow[0]"],
                "lower": [None, 0.0],
                "upper": [3.0, None],
                "start": [0, 2, 5],
                "column": [0, 1, 0, 1, 2],
                "value": [2.0, 2.0, 1.0, 1.0, -1.0],
            },
        }
    )
)
"""max x0 + x1 + f/4 with 2 x0 + 2 x1 <= 3 and f <= x0 + x1, f <= 1: the best is 1.25, the relaxation 1.75."""

TREE: Tree = {
    "bound": 1.25,
    "nodes": [
        {"column": 0, "at_most": 0, "below": 1, "above": 2},
        {"leaf": 0},
        {"column": 1, "at_most": 0, "below": 3, "above": 4},
        {"leaf": 1},
        {"leaf": 2},
    ],
    "leaves": [
        {"kind": "bound", "multipliers": []},
        {"kind": "bound", "multipliers": []},
        {"kind": "infeasible", "multipliers": [[0, -1.0]]},
    ],
}
"""x0 = 0; x0 = 1 and x1 = 0; both 1, where the pool is too small."""


def proof_of(tree: Tree, program: ProgramArrays = PROGRAM) -> TreeProof:
    return prove(read_tree(Field(tree), program))


def best(program: ProgramArrays) -> Fraction | None:
    """Best objective over whole numbers, and over halves in the other columns; None where no point exists."""
    steps = [1 if whole else 2 for whole in program.integer]
    axes = [
        [Fraction(n, s) for n in range(int(low or 0) * s, int(high or 0) * s + 1)]
        for low, high, s in zip(program.lower, program.upper, steps, strict=True)
    ]
    values = [
        sum((Fraction(c) * x for c, x in zip(program.objective, point, strict=True)), Fraction(0))
        for point in itertools.product(*axes)
        if all(meets(program, row, point) for row in range(program.n_rows))
    ]
    if not values:
        return None
    return Fraction(program.objective_offset) + (max(values) if program.sense == "max" else min(values))


def meets(program: ProgramArrays, row: int, point: tuple[Fraction, ...]) -> bool:
    """Whether a row holds exactly."""
    activity = sum((Fraction(a) * point[j] for j, a in program.entries(row)), Fraction(0))
    low, high = program.row_lower[row], program.row_upper[row]
    return (low is None or low <= activity) and (high is None or activity <= high)


def test_a_tree_by_hand_proves_what_the_relaxation_cannot() -> None:
    proof = proof_of(TREE)
    assert proof == TreeProof(bound=Fraction(5, 4), empty=False, faults=())
    duality = WeakDuality(PROGRAM)
    # the best multipliers of the relaxation
    assert duality.bound(((0, 0.5), (1, 0.0)), duality.root()) == Fraction(7, 4)
    assert best(PROGRAM) == Fraction(5, 4)


def test_a_tree_of_empty_leaves_proves_that_there_is_no_point() -> None:
    """2 x0 must be 1 or 3: no whole number does that, a half does."""
    for low in (1.0, 3.0):
        columns = {
            "name": ["x[0]"],
            "objective": [1.0],
            "lower": [0.0],
            "upper": [5.0],
            "integer": [True],
        }
        rows = {
            "name": ["odd"],
            "lower": [low],
            "upper": [low],
            "start": [0, 1],
            "column": [0],
            "value": [2.0],
        }
        document = {"sense": "min", "objective_offset": 0.0, "columns": columns, "rows": rows}
        program = read_program(Field(document))
        k = int(low // 2)
        tree = {
            "bound": None,
            "nodes": [{"column": 0, "at_most": k, "below": 1, "above": 2}, {"leaf": 0}, {"leaf": 1}],
            "leaves": [
                {"kind": "infeasible", "multipliers": [[0, 1.0]]},
                {"kind": "infeasible", "multipliers": [[0, -1.0]]},
            ],
        }
        assert proof_of(tree, program) == TreeProof(bound=None, empty=True, faults=())
        swapped = {**tree, "leaves": tree["leaves"][::-1]}
        assert len(proof_of(swapped, program).faults) == 2


SUM: Tree = {
    "bound": 1.25,
    "sums": [[[0, 1], [1, 1.0]]],
    "nodes": [{"column": 3, "at_most": 1, "below": 1, "above": 2}, {"leaf": 0}, {"leaf": 1}],
    "leaves": [
        {"kind": "bound", "multipliers": [[2, 1.0]]},
        {"kind": "infeasible", "multipliers": [[0, -0.5], [2, 1.0]]},
    ],
}
"""The same with one branch, on s = x0 + x1: s <= 1, or s >= 2, which the pool does not hold."""


def test_a_tree_may_branch_on_a_sum_of_whole_columns() -> None:
    assert proof_of(SUM) == TreeProof(bound=Fraction(5, 4), empty=False, faults=())
    for weights, pointer in (
        ([[0, 0.5]], "/sums/0/0"),  # no whole weight
        ([[2, 1]], "/sums/0/0"),  # no whole column
        ([[0, 1], [0, 1]], "/sums/0/1"),
        ([[3, 1]], "/sums/0/0/0"),  # a sum of sums
    ):
        with pytest.raises(Unreadable) as told:
            proof_of({**SUM, "sums": [weights]})
        assert told.value.pointer == pointer
    assert proof_of({**SUM, "sums": [[[0, 1]]]}).faults
    assert proof_of({**SUM, "sums": [[[0, 1], [1, 2]]]}).faults


def changed(**places: Any) -> Tree:
    """The tree with values replaced; places are written node_1_leaf, leaf_0_kind, bound."""
    tree = copy.deepcopy(TREE)
    for place, value in places.items():
        kind, *rest = place.split("__")
        if not rest:
            tree[kind] = value
        else:
            tree[{"node": "nodes", "leaf": "leaves"}[kind]][int(rest[0])][rest[1]] = value
    return tree


BROKEN: dict[str, tuple[Tree, str]] = {
    "a tighter bound": (changed(bound=1.2499999999999998), "claimed to prove 1.2499999999999998, found 1.25"),
    "no bound": (changed(bound=None), "claimed no point in the whole tree"),
    "a leaf removed": ({**TREE, "leaves": TREE["leaves"][:2]}, "claimed leaf 2, found 2 leaves"),
    "a leaf twice": (changed(node__4__leaf=1), "leaf 1: claimed for one node, found on two"),
    "a leaf too many": ({**TREE, "leaves": 2 * TREE["leaves"]}, "leaf 3: claimed in the tree"),
    "a node removed": ({**TREE, "nodes": TREE["nodes"][:4]}, "found 4 nodes"),
    "a node too many": ({**TREE, "nodes": [*TREE["nodes"], {"leaf": 0}]}, "node 5: claimed in the tree"),
    "a node twice": (changed(node__2__above=3), "node 3: claimed once, found twice"),
    "a cycle": (changed(node__2__above=0), "node 0: claimed once, found twice"),
    "a negative child": (changed(node__2__above=-1), "node -1"),
    "halves swapped": (changed(node__0__below=2, node__0__above=1), "leaf 0: claimed to prove"),
    "another value": (changed(node__0__at_most=1), "leaf 0: claimed to prove"),
    "another column": (changed(node__2__column=0), "leaf 2: claimed infeasible"),
    "a column of no whole numbers": (changed(node__2__column=2), "claimed to branch on whole numbers"),
    "multipliers of another leaf": (changed(leaf__1__multipliers=[[1, -0.5]]), "leaf 1: claimed to prove"),
    "no multipliers for empty": (changed(leaf__2__multipliers=[]), "leaf 2: claimed infeasible, found no"),
    "multipliers too small": (changed(leaf__2__multipliers=[[0, 0.0]]), "leaf 2: claimed infeasible"),
    "multipliers of the other sign": (changed(leaf__2__multipliers=[[0, 1.0]]), "leaf 2: claimed infeasible"),
    "empty that is not": (changed(leaf__0__kind="infeasible"), "leaf 0: claimed infeasible, found no proof"),
    "bounded that is empty": (changed(leaf__2__kind="bound"), "leaf 2: claimed to prove"),
    "no nodes": ({**TREE, "nodes": []}, "found 0 nodes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tree_is_told(name: str) -> None:
    tree, told = BROKEN[name]
    faults = proof_of(tree).faults
    assert any(told in fault for fault in faults), faults


def test_a_box_without_inside_needs_no_multipliers() -> None:
    tree = changed(node__2__column=0, leaf__2__multipliers=[])
    tree["nodes"][2]["at_most"] = 1
    assert [fault for fault in proof_of(tree).faults if "leaf 2" in fault] == []


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to every number of a document."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, item in items for found in numbers_in(item, (*path, key))]
    return [path] if isinstance(value, int | float) and not isinstance(value, bool) else []


def put(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


PLACES = numbers_in(TREE)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(PLACES), st.integers(-2, 5) | st.sampled_from([0.5, -0.5, 1.0, 1.5, -3.0])),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_is_accepted_is_true(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    tree = copy.deepcopy(TREE)
    for path, value in changes:
        put(tree, path, value)
    try:
        proof = proof_of(tree)
    except Unreadable:
        return
    if proof.holds():
        assert proof.bound is not None
        assert proof.bound >= Fraction(5, 4)
        assert tree["bound"] >= proof.bound


def whole_numbers(seed: int, sense: Sense) -> Program:
    """A random program of three integer columns whose numbers are all whole, so that its points are exact."""
    program = random_program(seed, sense, n_cols=3, n_rows=3)
    return replace(
        program,
        integer=np.ones(3, dtype=bool),
        obj=np.rint(100 * program.obj),
        rows=replace(program.rows, data=np.rint(100 * program.rows.data)),
        row_lb=np.rint(100 * program.row_lb),
        row_ub=np.rint(100 * program.row_ub),
    )


@pytest.mark.parametrize("sense", list(Sense))
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000))
def test_trees_of_random_programs_prove_their_best_value(seed: int, sense: Sense) -> None:
    program = whole_numbers(seed, sense)
    value = best(arrays(program))
    assert value is not None
    proof = proof_of(branch(program, float(value)), arrays(program))
    assert proof.faults == ()
    assert proof.bound is not None
    assert proof.bound >= value if sense is Sense.MAX else proof.bound <= value
    assert abs(proof.bound - value) <= Fraction(1, 10**6) * max(1, abs(value))


@pytest.mark.parametrize("sense", list(Sense))
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000))
def test_trees_of_the_solver_side_are_proven_with_their_sums(seed: int, sense: Sense) -> None:
    program = whole_numbers(seed, sense)
    value = best(arrays(program))
    assert value is not None
    found = proof_tree.prove(program, target=float(value), time_limit_s=10.0, max_leaves=200)
    sums = [list(map(list, zip(s.columns.tolist(), s.weights.tolist(), strict=True))) for s in found.sums]
    proof = proof_of({**found.document(), "sums": sums}, arrays(program))
    assert proof.faults == ()
    assert proof.bound is not None
    assert proof.bound >= value if sense is Sense.MAX else proof.bound <= value
    assert abs(proof.bound - value) <= Fraction(1, 10**6) * max(1, abs(value))
