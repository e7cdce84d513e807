"""Large programs of many parts: bound by prices, plan by neighbourhoods, side by side on two cores.

The linear relaxation gives a first bound, its rounded point a first plan. Where the program falls into parts
(``blocks``), rounds of two kinds alternate. One prices the linking rows and solves every part, which raises
the bound and shows which columns matter (``lagrangian``, ``price_master``). The other solves small programs
around what is known, which improves the plan (``neighbourhoods``). Columns that no better plan can use drop
out as both come closer (``incumbent``). A program of one part is searched as a whole, from the plan of its
rounded point. The bound belongs to the whole program at every moment, so the search may end at any.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from solvers import watch
from solvers.backends.base import Backend
from solvers.blocks import Blocks, split
from solvers.csr import Bools, Floats
from solvers.dual_bound import dual_bound
from solvers.incumbent import Incumbent
from solvers.lagrangian import Priced, solve_parts
from solvers.neighbourhoods import near, within_parts
from solvers.price_master import PriceMaster
from solvers.program import Program, Sense
from solvers.restriction import Restriction, restrict
from solvers.result import Result, Status
from solvers.rounding import round_and_mend

WORKERS = 2
"""Programs solved side by side."""
SMALL_COLUMNS = 1000
"""Up to here one solver is tried on the whole program first: it mostly ends within a fraction of a second."""
SMALL_SHARE = 0.7
"""Share of the time for that."""
MARGIN_SHARE, MARGIN_S = 0.02, 0.03
"""Time kept back, so that the call returns within its limit."""
LEAST_LINEAR_S = 0.3
"""The linear relaxation may take this long whatever the limit: without it there is neither plan nor bound."""
STEP_SHARE, SHORTEST_STEP_S, LONGEST_STEP_S = 0.1, 0.1, 1.0
"""Time of one neighbourhood."""
STEP_GAP_SHARE = 0.3
"""Gap at which a neighbourhood counts as solved, as a share of the one asked: many small gains add up."""
PART_GAP = 1e-5
"""Relative gap at which a part counts as solved."""
ROUND_SHARE = 0.6
"""Share of the time left for one round of prices."""
VAIN_SHARE = 0.2
"""Share of the time for rounds of prices that do not raise the bound."""
PRICE_SHARE = 0.1
"""Prices are improved while they can close this share of the gap."""
FRUITLESS_ROUNDS = 3
"""Rounds without any plan before the program is searched as a whole."""
WHOLE_STEPS = 3.0
"""Time of one search of the whole program in steps."""
NEAR_COLUMNS = 400
"""Columns that may exceed their count around a point that is not yet a plan."""
AROUND_SHARE = 0.3
"""Share of the time left for the columns near the linear point of a program of one part."""
SHORTEST_ROUND_S = 0.1
"""No round begins with less time left than this."""
QUICK_SHARE = 0.3
"""A neighbourhood settled within this share of its time makes the next ones larger."""


def search(
    program: Program,
    backend: Backend,
    *,
    time_limit_s: float,
    gap: float,
    hint: Floats | None = None,
    plain_share: float | None = None,
) -> Result:
    """Solve a program to a relative gap or to the time limit.

    Parameters
    ----------
    program
        The program.
    backend
        Solver of all linear and integer programs on the way.
    time_limit_s
        Limit of the whole call.
    gap
        Relative gap at which to stop.
    hint
        A plan to start from [columns].
    plain_share
        Share of the time in which the solver is tried on the program as it stands first, all of it where the
        program has one part; None for most of it on small programs and nothing on large ones.
    """
    started = time.perf_counter()
    if program.sense is Sense.MAX:
        mirrored = replace(program, sense=Sense.MIN, obj=-program.obj, obj_offset=-program.obj_offset)
        with watch.mirrored():
            found = search(
                mirrored, backend, time_limit_s=time_limit_s, gap=gap, hint=hint, plain_share=plain_share
            )
        return replace(found, objective=-found.objective, bound=-found.bound, row_duals=None)
    if plain_share is None:
        plain_share = SMALL_SHARE if program.n_cols <= SMALL_COLUMNS else 0.0
    result = _Search(program, backend, time_limit_s, gap).run(hint, plain_share)
    return replace(result, wall_s=time.perf_counter() - started)


class _Search:
    """One search for a minimum."""

    def __init__(self, program: Program, backend: Backend, time_limit_s: float, gap: float) -> None:
        self.program, self.backend, self.gap = program, backend, gap
        self.deadline_s = time.perf_counter() + time_limit_s - MARGIN_S - MARGIN_SHARE * time_limit_s
        self.step_s = float(np.clip(STEP_SHARE * time_limit_s, SHORTEST_STEP_S, LONGEST_STEP_S))
        self.best = Incumbent(program)

    def left_s(self) -> float:
        return max(self.deadline_s - time.perf_counter(), 0.0)

    @property
    def done(self) -> bool:
        return self.best.gap <= self.gap or self.left_s() <= 0.0

    def run(self, hint: Floats | None, plain_share: float) -> Result:
        self.best.offer(hint)
        limit_s = max(self.left_s(), LEAST_LINEAR_S)
        relaxation = self.backend.solve_lp(self.program, time_limit_s=limit_s)
        # the slower the machine, the later a solver notices that its time is up
        self.deadline_s -= relaxation.wall_s
        if relaxation.status is not Status.OPTIMAL or relaxation.x is None:
            return self.backend.solve(self.program, time_limit_s=self.left_s(), gap=self.gap, hint=hint)
        self._learn(relaxation)
        blocks = None if self.done else split(self.program)
        ended = None
        if plain_share > 0.0 and not self.done:
            ended = self._plain(plain_share if blocks is not None else 1.0, hint)
        if ended is None and blocks is not None and self.left_s() > SHORTEST_ROUND_S:
            ended = _Parts(self, blocks, relaxation).run()
        elif ended is None and not self.done:
            self._around(relaxation)
        if ended is None and not self.done and (blocks is None or self.best.x is None):
            ended = self.whole(self.left_s())
        return self._result() if ended is None else ended

    def _learn(self, relaxation: Result) -> None:
        """Take in the bounds of the linear relaxation and its rounded point."""
        assert relaxation.x is not None
        assert relaxation.row_duals is not None
        assert relaxation.reduced_costs is not None
        reduced = relaxation.reduced_costs
        self.best.prove(dual_bound(self.program, relaxation.row_duals))
        self.best.prove_floor(np.where(reduced > 0, self.best.bound + reduced, -np.inf))
        self.offer_mended(relaxation.x, reduced)

    def _result(self) -> Result:
        best = self.best
        if best.x is None:
            return Result(status=Status.TIME_LIMIT, bound=best.bound, wall_s=0.0)
        status = Status.OPTIMAL if best.gap <= self.gap else Status.FEASIBLE
        bound = min(best.bound, best.objective)
        return Result(status=status, x=best.x, objective=best.objective, bound=bound, wall_s=0.0)

    def offer_mended(self, point: Floats, reduced: Floats) -> None:
        """Round a point and mend it; continuous columns are decided anew once the counts are."""
        mended = round_and_mend(self.program, point, reduced)
        if mended is not None and not self.program.integer.all():
            fixed = self.program.fixed(self.program.integer, mended)
            mended = self.backend.solve_lp(fixed, time_limit_s=self.left_s()).x
        self.best.offer(mended)

    def _plain(self, share: float, hint: Floats | None) -> Result | None:
        """The solver alone on the program as it stands; a result where that ends the search."""
        limit_s = share * self.left_s()
        result = self.backend.solve(self.program, time_limit_s=limit_s, gap=self.gap, hint=hint)
        if result.status not in (Status.FEASIBLE, Status.TIME_LIMIT):
            return result
        self.best.offer(result.x)
        self.best.prove(result.bound)
        return None

    def _around(self, relaxation: Result) -> None:
        """Search near the linear point among the columns of smallest reduced cost."""
        assert relaxation.x is not None
        assert relaxation.reduced_costs is not None
        free = np.zeros(self.program.n_cols, dtype=np.bool_)
        free[np.argsort(relaxation.reduced_costs, kind="stable")[:NEAR_COLUMNS]] = True
        small = near(self.program, relaxation.x, free)
        self.best.offer(self.solve(small, AROUND_SHARE * self.left_s()).x)

    def solve(self, small: Restriction, time_limit_s: float) -> Result:
        """Solve a part of the program, from the best plan where that lies in it."""
        limit_s, gap = min(time_limit_s, self.left_s()), STEP_GAP_SHARE * self.gap
        with watch.watched(None):
            return small.solve(self.backend, time_limit_s=limit_s, gap=gap, hint=self.best.x)

    def whole(self, time_limit_s: float) -> Result | None:
        """Search all that a better plan can use; a result only where no plan exists or the solver failed."""
        known = self.best.objective
        upper = np.where(self.best.open | ~self.program.integer, self.program.ub, self.program.lb)
        result = self.solve(restrict(self.program, self.program.lb, upper), time_limit_s)
        self.best.offer(result.x)
        if self.best.x is None and result.status in (Status.INFEASIBLE, Status.ERROR):
            return result
        # what was left out costs at least what was known before
        self.best.prove(known if result.status is Status.INFEASIBLE else min(result.bound, known))
        return None


class _Parts:
    """The alternating rounds over a program of many parts."""

    def __init__(self, search: _Search, blocks: Blocks, relaxation: Result) -> None:
        assert relaxation.x is not None
        assert relaxation.row_duals is not None
        assert relaxation.reduced_costs is not None
        self.search, self.best, self.blocks = search, search.best, blocks
        self.program, self.backend = search.program, search.backend
        self.reduced = relaxation.reduced_costs
        self.point: Floats = relaxation.x
        self.prices: Floats | None = np.maximum(-relaxation.row_duals[blocks.linking], 0.0)
        self.master = PriceMaster(self.program, blocks, self.prices)
        if self.best.x is not None:
            self.master.add(self.best.x)
        self.useful: Bools = relaxation.x > self.program.lb
        self.size = min(2, len(blocks.parts) - 1)
        self.priced: Priced | None = None
        self.started, self.vain_s = time.perf_counter(), 0.0
        self.queue: list[tuple[int, ...]] = []

    def run(self) -> Result | None:
        """Alternate until the gap is closed or time is up; a result only where no plan exists."""
        with ThreadPoolExecutor(WORKERS) as workers:
            for rounds in itertools.count():
                if self._worth_pricing(rounds) and not self._price(workers):
                    return Result(status=Status.INFEASIBLE, wall_s=0.0)
                if self.search.left_s() <= SHORTEST_ROUND_S or self.search.done:
                    break
                known = self.best.objective
                if self.size == len(self.blocks.parts):
                    self.search.whole(WHOLE_STEPS * self.search.step_s)
                else:
                    self._improve(workers, rounds)
                if self.search.done or (self.best.x is None and rounds >= FRUITLESS_ROUNDS):
                    break
                if self.best.x is not None and self.best.objective < known:
                    self.master.add(self.best.x)
        return None

    def _worth_pricing(self, rounds: int) -> bool:
        """Whether better prices can close a good part of the gap; vain rounds get a share of the time."""
        elapsed_s = time.perf_counter() - self.started
        if self.prices is None or self.vain_s > VAIN_SHARE * elapsed_s:
            return False
        if rounds == 0 or self.best.x is None:
            return True
        return self.master.value - self.best.bound > PRICE_SHARE * (self.best.objective - self.best.bound)

    def _price(self, workers: ThreadPoolExecutor) -> bool:
        """One round of prices; False where a part has no plan."""
        assert self.prices is not None
        started = time.perf_counter()
        limit_s = ROUND_SHARE * self.search.left_s() * WORKERS / len(self.blocks.parts)
        priced = solve_parts(
            self.program,
            self.blocks,
            self.prices,
            self.backend,
            gap=min(PART_GAP, self.search.gap),
            left_s=lambda: min(limit_s, self.search.left_s()),
            workers=workers,
        )
        if priced.infeasible:
            return False
        if priced.bound > self.best.bound:
            self.useful = priced.useful | (self.point > self.program.lb)
            self.priced = priced
        else:
            self.vain_s += time.perf_counter() - started
        self.best.prove(priced.bound)
        self.best.prove_floor(priced.floor)
        if priced.point is None:
            self.prices = None
            return True
        self.search.offer_mended(priced.point, self.reduced)
        self.master.learn(self.prices, priced.bound, priced.point)
        self.prices = self.master.next_prices(self.backend, time_limit_s=self.search.left_s())
        if self.master.center is not None:
            self.point = self.master.center
            self.search.offer_mended(self.point, self.reduced)
        return True

    def _improve(self, workers: ThreadPoolExecutor, rounds: int) -> None:
        """Solve neighbourhoods side by side; settled ones make the next larger."""
        known, started = self.best.x, time.perf_counter()
        tasks = self._neighbourhoods(rounds)
        results = list(workers.map(lambda task: self.search.solve(task, self.search.step_s), tasks))
        quick = time.perf_counter() - started < QUICK_SHARE * self.search.step_s
        points = [result.x for result in results if result.x is not None]
        if known is not None and len(points) > 1:
            # parts that do not meet can mostly change together
            points.append(known + sum(point - known for point in points))
        better = [self.best.offer(point) for point in points]
        if quick and not any(better) and all(r.status is not Status.FEASIBLE for r in results):
            self.size, self.queue = self.size + 1, []

    def _neighbourhoods(self, rounds: int) -> list[Restriction]:
        """What to solve next: around the linear point at first, then some parts of the best plan."""
        program, best = self.program, self.best
        free = self.useful & best.open
        tasks = []
        if rounds == 0 or best.x is None:
            few = np.zeros(program.n_cols, dtype=np.bool_)
            few[np.argsort(best.floor, kind="stable")[:NEAR_COLUMNS]] = True
            tasks = [near(program, self.point, chosen) for chosen in (free, few & best.open)]
        taken: set[int] = set()
        while best.x is not None and len(tasks) < WORKERS:
            parts = self._next(taken)
            taken |= set(parts)
            tasks.append(within_parts(program, best.x, self.blocks.part_of, np.array(parts), free))
        return tasks

    def _regret(self) -> Floats:
        """What each part of the best plan costs beyond its bound at the best prices [parts].

        Together with what the plan leaves of the priced rows this is the distance of plan and bound.
        """
        if self.priced is None or self.best.x is None:
            return np.zeros(len(self.blocks.parts))
        spent = np.bincount(self.blocks.part_of, weights=self.priced.cost * self.best.x)
        return np.asarray(spent - self.priced.part_bounds, dtype=np.float64)

    def _next(self, taken: set[int]) -> tuple[int, ...]:
        """The next parts to decide, most regret first; none of those taken, where there are others."""
        if not self.queue:
            every = itertools.combinations(range(len(self.blocks.parts)), self.size)
            regret = self._regret()
            self.queue = sorted(every, key=lambda parts: float(regret[list(parts)].sum()))
        apart = [i for i, parts in enumerate(self.queue) if taken.isdisjoint(parts)]
        return self.queue.pop(apart[-1] if apart else -1)
