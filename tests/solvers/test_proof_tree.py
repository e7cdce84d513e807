"""A proof tree bounds every point of its program: checked leaf by leaf in rationals, and against solvers."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.backends.registry import default_backend
from solvers.branching import leaves_exponent
from solvers.csr import Csr, Floats
from solvers.dual_bound import exact_dual_bound
from solvers.fleet import Fleet, build
from solvers.integer_sums import IntegerSum, with_sums
from solvers.program import Program, Sense
from solvers.proof_nodes import Branch, Leaf, LeafKind, ProofTree
from solvers.proof_tree import prove
from solvers.result import Status
from tests.solvers.random_programs import random_program
from tests.solvers.tiny_fleets import KINDS, objectives_of, tiny_fleets

QUICK = settings(max_examples=15, deadline=None, derandomize=True)
GAP = 1e-4
LIMITS = {"time_limit_s": 60.0, "max_leaves": 2000}


def boxes(tree: ProofTree, at: int = 0) -> Iterator[tuple[Leaf, Program]]:
    """Every leaf with the program over its box, walked from the root."""

    def walk(index: int, program: Program) -> Iterator[tuple[Leaf, Program]]:
        node = tree.nodes[index]
        if isinstance(node, Leaf):
            yield node, program
            return
        below, above = program.ub.copy(), program.lb.copy()
        assert program.integer[node.column]
        assert program.lb[node.column] <= node.at_most < program.ub[node.column]
        below[node.column], above[node.column] = node.at_most, node.at_most + 1
        yield from walk(node.below, replace(program, ub=below))
        yield from walk(node.above, replace(program, lb=above))

    return walk(at, tree.program)


def padded(tree: ProofTree, leaf: Leaf) -> Floats:
    """Multipliers of a leaf over all rows, as its document gives them."""
    values = np.zeros(tree.program.n_rows)
    for row, value in leaf.document()["multipliers"]:
        values[row] = value
    return values


def assert_proven(tree: ProofTree) -> None:
    """No float is trusted: every leaf proves the bound, or that its box is empty, in rationals."""
    reached = 0
    for leaf, program in boxes(tree):
        reached += 1
        if leaf.kind is LeafKind.INFEASIBLE:
            nothing = replace(program, sense=Sense.MIN, obj=np.zeros(program.n_cols), obj_offset=0.0)
            proven = exact_dual_bound(nothing, padded(tree, leaf))
            assert proven is not None
            assert proven > 0
        elif math.isfinite(tree.bound):
            proven = exact_dual_bound(program, padded(tree, leaf))
            assert proven is not None
            least = Fraction(tree.bound)
            assert proven >= least if program.sense is Sense.MIN else proven <= least
    assert reached == len(tree.leaves)
    assert len(tree.nodes) == 2 * reached - 1


def optimum(program: Program) -> float | None:
    result = default_backend().solve(program, time_limit_s=10.0, gap=0.0)
    assert result.status in (Status.OPTIMAL, Status.INFEASIBLE)
    return None if result.x is None else result.objective


def goal(program: Program, value: float) -> float:
    """The value less the gap."""
    return value - GAP * max(abs(value), 1e-3) * (1 if program.sense is Sense.MIN else -1)


@pytest.mark.parametrize("max_sums", [0, 100])
@pytest.mark.parametrize("sense", list(Sense))
@QUICK
@given(seed=st.integers(0, 400))
def test_random_programs_are_proven_to_the_gap(seed: int, sense: Sense, max_sums: int) -> None:
    program = random_program(seed, sense)
    value = optimum(program)
    assert value is not None
    tree = prove(program, target=goal(program, value), max_sums=max_sums, **LIMITS)
    assert tree.complete
    assert len(tree.sums) <= max_sums
    assert_proven(tree)
    sign = 1.0 if sense is Sense.MIN else -1.0
    assert sign * goal(program, value) <= sign * tree.bound <= sign * value + 1e-6 * max(1.0, abs(value))


@QUICK
@given(seed=st.integers(0, 400))
def test_sums_leave_the_optimum_where_it_is(seed: int) -> None:
    program = random_program(seed, Sense.MIN)
    whole = np.flatnonzero(program.integer)
    weights = np.random.default_rng(seed).integers(-3, 4, len(whole)).astype(float)
    kept = weights != 0
    longer = with_sums(program, (IntegerSum(columns=whole[kept], weights=weights[kept]),))
    assert optimum(longer) == pytest.approx(optimum(program), rel=1e-6, abs=1e-6)
    assert (longer.n_cols, longer.n_rows) == (program.n_cols + 1, program.n_rows + 1)
    assert (longer.column_name(program.n_cols), longer.row_name(program.n_rows)) == ("s[0]", "sum[0]")
    assert longer.column_name(0) == program.column_name(0)


@QUICK
@given(fleet=tiny_fleets(), kind=st.sampled_from(KINDS))
def test_fleets_are_proven_or_proven_infeasible(fleet: Fleet, kind: str) -> None:
    program, _ = build(fleet, objectives_of(fleet, kind))
    value = optimum(program)
    worst = np.inf if program.sense is Sense.MIN else -np.inf
    tree = prove(program, target=worst if value is None else goal(program, value), **LIMITS)
    assert_proven(tree)
    assert tree.complete
    assert (tree.bound == worst) == (value is None)


def lattice(seed: int) -> Program:
    """Three integer columns between two close lines: often a fractional point, rarely a whole one."""
    rng = np.random.default_rng(seed)
    row = rng.integers(2, 9, 3) * 2.0
    start = float(rng.integers(3, 20) * 2 + 1)
    return Program(
        sense=Sense.MAX if seed % 2 else Sense.MIN,
        obj=rng.integers(1, 5, 3).astype(float),
        lb=np.zeros(3),
        ub=np.full(3, 4.0),
        integer=np.ones(3, dtype=np.bool_),
        rows=Csr.from_dense([row]),
        row_lb=np.array([start - rng.integers(0, 2)]),
        row_ub=np.array([start + 0.5]),
    )


@pytest.mark.parametrize("seed", range(20))
def test_emptiness_of_the_integers_is_proven(seed: int) -> None:
    """Even weights cannot add up to an odd number; every point is enumerated."""
    program = lattice(seed)
    points = np.array(list(product(range(5), repeat=3)), dtype=float)
    activity = points @ program.rows.to_dense()[0]
    inside = points[(activity >= program.row_lb[0]) & (activity <= program.row_ub[0])]
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    tree = prove(program, target=sign * np.inf, **LIMITS)
    assert_proven(tree)
    best = sign * (sign * inside @ program.obj).min() if len(inside) else sign * np.inf
    assert sign * tree.bound <= sign * best
    assert tree.complete == (len(inside) == 0)
    if len(inside):
        assert tree.bound == pytest.approx(best, rel=1e-9)
    else:
        assert {leaf.kind for leaf in tree.leaves} == {LeafKind.INFEASIBLE}
        assert tree.document()["bound"] is None


@QUICK
@given(seed=st.integers(0, 400), most=st.integers(1, 6))
def test_a_tree_cut_short_still_bounds_the_program(seed: int, most: int) -> None:
    program = random_program(seed, Sense.MAX)
    value = optimum(program)
    assert value is not None
    tree = prove(program, target=goal(program, value), time_limit_s=60.0, max_leaves=most)
    assert len(tree.leaves) <= most
    assert_proven(tree)
    assert tree.bound >= value - 1e-6 * max(1.0, abs(value))
    assert tree.complete == (tree.bound <= goal(program, value))


@pytest.mark.parametrize("sense", list(Sense))
def test_a_target_out_of_reach_ends_at_a_best_point(sense: Sense) -> None:
    program = random_program(3, sense, n_cols=14, n_rows=9)
    sign = 1.0 if sense is Sense.MIN else -1.0
    tree = prove(program, target=sign * np.inf, **LIMITS)
    assert not tree.complete
    assert tree.point is not None
    assert program.is_feasible(tree.point)
    assert program.objective(tree.point) == pytest.approx(optimum(program), rel=1e-6)
    assert tree.bound == pytest.approx(program.objective(tree.point), rel=1e-9)


def test_without_time_the_root_alone_is_the_proof() -> None:
    program = random_program(11, Sense.MIN)
    tree = prove(program, target=np.inf, time_limit_s=0.0, max_leaves=100)
    assert len(tree.nodes) == 1
    assert_proven(tree)


@pytest.mark.parametrize("sense", list(Sense))
def test_more_leaves_never_prove_less(sense: Sense) -> None:
    program = random_program(3, sense, n_cols=14, n_rows=9)
    sign = 1.0 if sense is Sense.MIN else -1.0
    bounds = [
        sign * prove(program, target=sign * np.inf, time_limit_s=60.0, max_leaves=n, max_sums=0).bound
        for n in (1, 2, 4, 8, 16)
    ]
    assert bounds == sorted(bounds)
    assert bounds[-1] > bounds[0]


@pytest.mark.parametrize("sense", list(Sense))
def test_an_incumbent_ends_what_cannot_be_reached(sense: Sense) -> None:
    """A target beyond the optimum: the tree stops at the value of the known point, unmet."""
    program = random_program(3, sense, n_cols=14, n_rows=9)
    result = default_backend().solve(program, time_limit_s=10.0, gap=0.0)
    sign = 1.0 if sense is Sense.MIN else -1.0
    known = prove(program, target=sign * np.inf, incumbent=result.x, **LIMITS)
    assert not known.complete
    assert known.bound == pytest.approx(result.objective, rel=1e-6)
    assert sign * known.bound <= sign * result.objective + 1e-9
    far_off = prove(program, target=sign * np.inf, incumbent=np.full(14, 99.0), **LIMITS)
    assert far_off.bound == pytest.approx(known.bound, rel=1e-6)


def test_a_changed_multiplier_no_longer_proves() -> None:
    program = random_program(3, Sense.MIN, n_cols=14, n_rows=9)
    value = optimum(program)
    assert value is not None
    tree = prove(program, target=goal(program, value), **LIMITS)
    assert len(tree.leaves) > 1
    for leaf, box in boxes(tree):
        if leaf.kind is LeafKind.INFEASIBLE:
            continue
        multipliers = padded(tree, leaf)
        proven = exact_dual_bound(box, multipliers)
        broken = exact_dual_bound(box, -multipliers)
        assert proven is not None
        assert proven >= Fraction(tree.bound)
        assert broken is None or broken < Fraction(tree.bound)


def test_the_document_is_plain_and_counts_its_leaves() -> None:
    program = random_program(3, Sense.MIN, n_cols=14, n_rows=9)
    value = optimum(program)
    assert value is not None
    tree = prove(program, target=goal(program, value), **LIMITS)
    document = json.loads(json.dumps(tree.document(), allow_nan=False))
    assert document["bound"] == tree.bound
    assert len(document["nodes"]) == len(tree.nodes)
    assert len(document["leaves"]) == len(tree.leaves)
    named = [node["leaf"] for node in document["nodes"] if "leaf" in node]
    assert sorted(named) == list(range(len(tree.leaves)))
    for node, entry in zip(tree.nodes, document["nodes"], strict=True):
        if isinstance(node, Branch):
            assert entry == {
                "column": node.column,
                "at_most": node.at_most,
                "below": node.below,
                "above": node.above,
            }
    assert all(value != 0 for leaf in document["leaves"] for _, value in leaf["multipliers"])


def test_unbounded_columns_prove_nothing_and_break_nothing() -> None:
    program = replace(random_program(0, Sense.MIN), ub=np.full(8, np.inf), obj=-np.ones(8))
    tree = prove(program, target=0.0, time_limit_s=1.0, max_leaves=50)
    assert not tree.complete
    assert tree.document()["bound"] is None or tree.bound < 0


def test_a_program_without_integers_is_one_leaf() -> None:
    program = random_program(5, Sense.MAX).relaxed()
    value = optimum(program)
    assert value is not None
    tree = prove(program, target=goal(program, value), **LIMITS)
    assert tree.complete
    assert len(tree.nodes) == 1
    assert_proven(tree)


def test_a_split_of_a_sum_proves_what_columns_hardly_can() -> None:
    """Nineteen even weights never add up to an odd number: one split of their half sum shows it."""
    rng = np.random.default_rng(2)
    program = Program(
        sense=Sense.MIN,
        obj=np.ones(19),
        lb=np.zeros(19),
        ub=np.ones(19),
        integer=np.ones(19, dtype=np.bool_),
        rows=Csr.from_dense([2.0 * rng.integers(1, 3, 19)]),
        row_lb=np.array([19.0]),
        row_ub=np.array([19.0]),
    )
    split = prove(program, target=np.inf, **LIMITS)
    plain = prove(program, target=np.inf, max_sums=0, **LIMITS)
    assert split.complete
    assert_proven(split)
    assert 20 * len(split.leaves) < len(plain.leaves)


@pytest.mark.parametrize(
    ("below", "above", "leaves"), [(1.0, 1.0, 2.0), (0.5, 0.5, 4.0), (1.0, 0.5, (3 + 5**0.5) / 2)]
)
def test_the_exponent_counts_leaves(below: float, above: float, leaves: float) -> None:
    exponent = leaves_exponent(below, above)
    assert math.exp(-exponent * below) + math.exp(-exponent * above) == pytest.approx(1.0)
    assert exponent == leaves_exponent(above, below)
    assert math.exp(exponent) == pytest.approx(leaves, rel=1e-6)
