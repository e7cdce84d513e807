"""Splitting a program, pricing what its parts share, and leaving out what no better plan uses."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.backends.registry import default_backend
from solvers.blocks import MOST_PARTS, priced, split
from solvers.csr import Csr
from solvers.incumbent import Incumbent
from solvers.lagrangian import Priced, solve_parts
from solvers.neighbourhoods import near, within_parts
from solvers.price_master import PriceMaster
from solvers.program import Program
from solvers.restriction import restrict
from solvers.result import Status
from solvers.rounding import round_and_mend
from solvers.substitutes import needed
from tests.solvers.partitioned import partitioned

GAP, SLACK = 1e-9, 1e-6
SEEDS = st.integers(0, 10_000)


def optimum(program: Program) -> float:
    """Optimal value; infinite where there is no plan."""
    result = default_backend().solve(program, time_limit_s=20.0, gap=GAP)
    return np.inf if result.status is Status.INFEASIBLE else result.objective


def at_prices(program: Program, prices: list[float]) -> Priced:
    """All parts solved at these prices of the two shared rows."""
    blocks = split(program)
    assert blocks is not None
    with ThreadPoolExecutor(2) as workers:
        return solve_parts(
            program,
            blocks,
            np.array(prices),
            default_backend(),
            gap=GAP,
            left_s=lambda: 20.0,
            workers=workers,
        )


def test_split_finds_the_parts_and_the_rows_that_join_them() -> None:
    program = partitioned(0, parts=3, columns=8)
    blocks = split(program)
    assert blocks is not None
    assert blocks.linking.tolist() == [0, 1]
    assert [block.columns.tolist() for block in blocks.parts] == [
        list(range(8 * p, 8 * p + 8)) for p in range(3)
    ]
    assert [block.rows.tolist() for block in blocks.parts] == [[2, 3], [4, 5], [6, 7]]


def test_very_many_parts_are_put_together_whole() -> None:
    program = partitioned(0, parts=50, columns=3)
    blocks = split(program)
    assert blocks is not None
    assert len(blocks.parts) == MOST_PARTS
    assert len(set(zip(np.arange(150) // 3, blocks.part_of, strict=True))) == 50
    assert sum(len(block.rows) for block in blocks.parts) == 100


def test_columns_that_no_row_joins_stay_in_the_program() -> None:
    program = partitioned(0, parts=2, columns=4)
    table = program.rows.to_dense()
    table[2:, 3] = 0.0
    blocks = split(replace(program, rows=Csr.from_dense(table)))
    assert blocks is not None
    assert [len(block.columns) for block in blocks.parts] == [4, 4]


def test_a_limit_within_one_part_belongs_to_it() -> None:
    program = partitioned(0, parts=2, columns=4)
    table = program.rows.to_dense()
    table[1, 4:] = 0.0
    blocks = split(replace(program, rows=Csr.from_dense(table)))
    assert blocks is not None
    assert blocks.linking.tolist() == [0]
    assert 1 in blocks.parts[0].rows


def test_a_program_that_hangs_together_is_not_split() -> None:
    program = partitioned(0, parts=2, columns=4)
    table = program.rows.to_dense()
    table[2, :] = 1.0
    assert split(replace(program, rows=Csr.from_dense(table))) is None


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, prices=st.lists(st.floats(0, 2), min_size=2, max_size=2), scale=st.floats(1, 40))
def test_any_prices_bound_the_optimum(seed: int, prices: list[float], scale: float) -> None:
    program = partitioned(seed, tight=0.4, scale=scale)
    found = at_prices(program, prices)
    assert found.infeasible or found.bound <= optimum(program) + SLACK
    assert found.infeasible <= np.isinf(optimum(program))


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, prices=st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_floors_bound_the_plans_that_use_a_column(seed: int, prices: list[float]) -> None:
    program = partitioned(seed, columns=5, tight=0.5)
    found = at_prices(program, prices)
    for column in np.flatnonzero(np.isfinite(found.floor)):
        used = program.lb.copy()
        used[column] = 1.0
        assert found.floor[column] <= optimum(replace(program, lb=used)) + SLACK


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, scale=st.floats(1, 40), ub=st.integers(1, 30))
def test_a_part_keeps_its_optimum_without_what_is_not_needed(seed: int, scale: float, ub: int) -> None:
    program = partitioned(seed, parts=2, columns=16, scale=scale)
    blocks = split(program)
    assert blocks is not None
    cost, _ = priced(program, blocks, np.array([0.1, 0.3]))
    block = blocks.parts[0]
    part = replace(
        block.program, obj=np.round(cost[block.columns], 1), ub=np.minimum(block.program.ub, float(ub))
    )
    keep = needed(part, part.obj)
    less = replace(part, ub=np.where(keep, part.ub, 0.0))
    one, other = optimum(part), optimum(less)
    assert other == one or abs(other - one) <= SLACK * max(1.0, abs(one))


def test_equal_columns_stand_in_for_each_other_as_far_as_their_limits_go() -> None:
    program = Program(
        sense=partitioned(0).sense,
        obj=np.array([1.0, 1.0, 1.0, 2.0]),
        lb=np.zeros(4),
        ub=np.array([2.0, 1.0, 3.0, 3.0]),
        integer=np.ones(4, dtype=np.bool_),
        rows=Csr.from_dense([[1.0, 1.0, 1.0, 1.0]]),
        row_lb=np.array([3.0]),
        row_ub=np.array([np.inf]),
    )
    # three are asked: the first two give three together, so neither the third nor the dear one is needed
    assert needed(program, program.obj).tolist() == [True, True, False, False]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_better_plans_use_open_columns_only(seed: int) -> None:
    program = partitioned(seed, tight=0.4)
    relaxation = default_backend().solve_lp(program, time_limit_s=5.0)
    best = default_backend().solve(program, time_limit_s=20.0, gap=GAP)
    if best.x is None or relaxation.reduced_costs is None:
        return
    incumbent = Incumbent(program)
    reduced = relaxation.reduced_costs
    incumbent.prove_floor(np.where(reduced > 0, relaxation.objective + reduced, -np.inf))
    incumbent.objective = best.objective + SLACK
    assert not (best.x[~incumbent.open] > program.lb[~incumbent.open]).any()


def test_an_incumbent_takes_only_better_plans_within_the_rows() -> None:
    program = partitioned(1, tight=3.0)
    best = default_backend().solve(program, time_limit_s=20.0, gap=GAP)
    assert best.x is not None
    incumbent = Incumbent(program)
    assert not incumbent.offer(np.zeros(program.n_cols))
    assert incumbent.offer(best.x)
    assert not incumbent.offer(np.minimum(best.x + 1.0, program.ub))
    assert np.isinf(incumbent.gap)
    incumbent.prove(best.bound)
    incumbent.prove(best.bound - 5.0)
    assert incumbent.gap <= SLACK


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_neighbourhoods_contain_their_plan_and_nothing_infeasible(seed: int) -> None:
    program = partitioned(seed)
    blocks = split(program)
    best = default_backend().solve(program, time_limit_s=20.0, gap=GAP)
    if best.x is None or blocks is None:
        return
    free = np.random.default_rng(seed).random(program.n_cols) < 0.3
    for small in (
        near(program, best.x, free),
        within_parts(program, best.x, blocks.part_of, np.array([0, 2]), free),
    ):
        result = small.solve(default_backend(), time_limit_s=20.0, gap=GAP, hint=best.x)
        assert result.x is not None
        assert program.is_feasible(result.x)
        assert abs(result.objective - best.objective) <= SLACK * max(1.0, abs(best.objective))


def test_a_restriction_that_fixes_everything_is_decided_without_a_solver() -> None:
    program = partitioned(1, tight=3.0)
    best = default_backend().solve(program, time_limit_s=20.0, gap=GAP)
    assert best.x is not None
    for point, status in ((best.x, Status.OPTIMAL), (np.zeros(program.n_cols), Status.INFEASIBLE)):
        result = restrict(program, point, point).solve(default_backend(), time_limit_s=0.0, gap=GAP)
        assert result.status is status


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, tight=st.floats(0.3, 2.0))
def test_what_rounding_gives_is_a_plan(seed: int, tight: float) -> None:
    program = partitioned(seed, tight=tight, scale=20.0)
    relaxation = default_backend().solve_lp(program, time_limit_s=5.0)
    if relaxation.x is None or relaxation.reduced_costs is None:
        return
    point = round_and_mend(program, relaxation.x, relaxation.reduced_costs)
    assert point is None or program.is_feasible(point)
    if tight > 1.5:
        assert point is not None


def test_prices_rise_towards_what_mixtures_of_plans_reach() -> None:
    program = partitioned(2, parts=5, columns=10, tight=0.3, scale=12.0)
    blocks = split(program)
    assert blocks is not None
    prices = np.zeros(2)
    master = PriceMaster(program, blocks, prices)
    bounds = []
    for _ in range(20):
        found = at_prices(program, prices.tolist())
        assert found.point is not None
        bounds.append(found.bound)
        master.learn(prices, found.bound, found.point)
        following = master.next_prices(default_backend(), time_limit_s=5.0)
        assert following is not None
        assert master.best_bound <= master.value + SLACK
        prices = following
    assert master.best_bound > bounds[0] + SLACK
    assert master.best_bound >= master.value * (1 - 1e-3)
    assert master.center is not None
    assert program.relaxed().is_feasible(master.center, SLACK)
