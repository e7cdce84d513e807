"""The whole road from a scenario to ranked plans, on one page.

Read a scenario, enumerate candidates, build their cost graphs, price them, drop what is invalid, too big,
too slow or dominated (and count why), solve the fleet program, place, rank, explain.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.objective import CompoundObjective
from models.plan import AnswerStatus, Infeasibility, RankedPlans, Sensitivity
from models.scenario import Scenario
from planner import certificate_file
from planner.answering import Clock, answer_of, finite
from planner.candidates import enumerate_candidates, price_candidates
from planner.certifying import certificate_of
from planner.columns import gather
from planner.day import day_of, over_day
from planner.demand import check_prices, check_sizing, demands
from planner.fleet_program import Translated, translate
from planner.infeasibility import Feasible, bounded, explain_missing, explain_shortage, without_candidates
from planner.question import Question
from planner.ranking import RankedPlan, rank_plans, with_bound
from planner.sensitivity import sensitivities
from planner.setting import Site, settings
from planner.shortage_by_solving import explain_by_solving
from planner.step_tables import StepTables
from planner.trade_off import told_points, trade_off
from planner.traffic import traffics
from solvers.dominance import undominated
from solvers.ranked import Ranking, k_best
from solvers.result import Status, relative_gap
from solvers.watch import Tell, watched

Progress = Callable[[str, dict[str, float | None]], None]


def plan(
    scenario: Scenario,
    *,
    on_progress: Progress | None = None,
    certificate_path: Path | None = None,
    lp_path: Path | None = None,
    priced: Question | None = None,
    steps: StepTables | None = None,
) -> RankedPlans:
    """Ranked plans of a scenario, with proof; infeasible is an answer.

    ``priced`` is the answer of :func:`price` for the same scenario, where it is at hand; ``steps`` are
    measured step times to price layouts with.

    Raises
    ------
    InvalidInput
        A name the catalogue lacks, a price that is missing, a configuration that cannot be read.
    """
    tell = on_progress or _silent
    clock = Clock()
    question = priced or _price(scenario, tell, steps)
    missing = without_candidates(scenario, question.candidates)
    limit_s = scenario.options.time_limit_s
    if missing:
        why = explain_missing(
            scenario, question.sites, question.candidates, missing, _feasible(question, limit_s)
        )
        if certificate_path is not None:
            certificate_file.save(certificate_file.without_program(scenario), certificate_path)
        return answer_of(question, clock, infeasibility=why)
    translated, needed = _translate(question)
    tell("solving", {})
    if isinstance(scenario.objective, CompoundObjective) and scenario.objective.pareto is not None:
        return _trade_off(question, translated, needed, clock, tell, certificate_path)
    with watched(_figures(tell)):
        ranking, ranked, translated = _solve(question, translated, limit_s)
    if lp_path is not None:
        certificate_file.write_lp(ranking, lp_path)
    if certificate_path is not None:
        ranking, content = certificate_of(scenario, translated, ranking, ranked)
        ranked = with_bound(ranked, ranking)
        certificate_file.save(content, certificate_path)
    plans = [r.plan for r in ranked]
    if ranking.status is Status.INFEASIBLE:
        why = _shortage(question)
        return answer_of(question, clock, ranking=ranking, undominated=needed, infeasibility=why)
    tell(
        "ranking",
        {
            "incumbent": plans[0].objective_value if plans else None,
            "bound": finite(ranking.bound),
            "gap": ranking.gap,
        },
    )
    answer = answer_of(
        question, clock, ranking=ranking, plans=plans, undominated=needed, translated=translated
    )
    if scenario.options.sensitivity:
        return replace(answer, sensitivities=_sensitivities(question, ranking, answer.objective.unit))
    return answer


def validate(scenario: Scenario) -> None:
    """Refuse at once what pricing would refuse later: unknown names, missing prices, unbounded clusters.

    Raises
    ------
    InvalidInput
        With the pointer of the field.
    """
    sites, _, _ = settings(scenario)
    check_sizing(scenario)
    check_prices(scenario, sites)


def is_feasible(scenario: Scenario, steps: StepTables | None = None) -> bool:
    """Whether any plan exists, as far as a short solve tells."""
    return bool(feasibility(scenario, steps=steps))


def feasibility(scenario: Scenario, *, limit_s: float = 10.0, steps: StepTables | None = None) -> bool | None:
    """Whether any plan exists: prices and solves for one, without ranking; None: not known in time."""
    question = _price(scenario, _silent, steps)
    if without_candidates(scenario, question.candidates):
        return False
    translated = over_day(_translate(question, top_k=1)[0], day_of(scenario))
    ranking = k_best(translated.fleet, translated.objectives, k=1, time_limit_s=limit_s, gap=0.01)
    if not ranking.solutions and ranking.status is not Status.INFEASIBLE:
        return None
    return bool(ranking.solutions)


def price(scenario: Scenario) -> Question:
    """Every candidate of a scenario with its price, before anything is chosen."""
    return _price(scenario, _silent)


def _feasible(question: Question, limit_s: float) -> Feasible:
    """The test of changed scenarios, priced from the same step times, for so many seconds in all."""
    return bounded(partial(is_feasible, steps=question.steps), limit_s)


def _price(scenario: Scenario, tell: Progress, steps: StepTables | None = None) -> Question:
    """Enumerate and price."""
    tell("validating", {})
    sites, _, found = settings(scenario)
    check_sizing(scenario)
    check_prices(scenario, sites)
    traffic = traffics(scenario, found)
    tell("enumerating", {})
    enumerated = enumerate_candidates(found, steps)
    tell("building_graph", {})
    candidates = price_candidates(scenario, sites, enumerated, traffic)
    return Question(scenario=scenario, sites=sites, traffic=traffic, candidates=candidates, steps=steps)


def _translate(
    question: Question, top_k: int | None = None, *, without_limits: bool = False
) -> tuple[Translated, int]:
    """The fleet program over the candidates that the best plans may need, and their number.

    ``without_limits`` keeps candidates that only a larger cluster or cap could hold.
    """
    scenario = question.scenario
    columns = gather(question.candidates.priced, scenario.starting)
    demand = demands(scenario, question.traffic, columns)
    whole = translate(scenario, question.sites, question.traffic, demand, columns)
    fleet = whole.fleet
    if without_limits:
        fleet = replace(fleet, limit=np.full_like(fleet.limit, np.inf))
    kept = undominated(fleet, whole.objectives, k=top_k or scenario.options.top_k).columns
    return whole.take(kept), len(kept)


def _solve(
    question: Question, translated: Translated, limit_s: float
) -> tuple[Ranking, list[RankedPlan], Translated]:
    """Best plans; where one cannot be packed on its nodes, again without sizes that do not tile them."""
    scenario = question.scenario
    options = scenario.options
    day = day_of(scenario)
    timed = over_day(translated, day)
    ranking = k_best(timed.fleet, timed.objectives, k=options.top_k, time_limit_s=limit_s, gap=options.gap)
    plans = rank_plans(scenario, question.sites, question.candidates, timed, ranking, day)
    if plans is None:
        timed = over_day(translated.take(translated.tiling_columns(question.sites)), day)
        ranking = k_best(
            timed.fleet, timed.objectives, k=options.top_k, time_limit_s=limit_s, gap=options.gap
        )
        plans = rank_plans(scenario, question.sites, question.candidates, timed, ranking, day) or []
    return ranking, plans, timed


def _figures(tell: Progress) -> Tell:
    """Tells what a running search has: its best plan so far, the bound on all plans, their distance."""

    def told(objective: float | None, bound: float | None) -> None:
        known = objective is not None and bound is not None
        gap = relative_gap(objective, bound) if known else None  # type: ignore[arg-type]
        tell("solving", {"incumbent": objective, "bound": bound, "gap": gap})

    return told


def _sensitivities(question: Question, best: Ranking, unit: str) -> tuple[Sensitivity, ...]:
    """What more of each pool would bring, over the same candidates."""
    scenario = question.scenario
    options = scenario.options

    def solve(sites: list[Site]) -> Ranking:
        larger, _ = _translate(replace(question, sites=sites), top_k=1)
        timed = over_day(larger, day_of(scenario))
        return k_best(timed.fleet, timed.objectives, k=1, time_limit_s=options.time_limit_s, gap=options.gap)

    return sensitivities(question.sites, best, unit, solve)


def _trade_off(  # noqa: PLR0913
    question: Question, translated: Translated, needed: int, clock: Clock, tell: Progress,
    certificate_path: Path | None,
) -> RankedPlans:  # fmt: skip
    """Answer of a trade-off: one plan for every point, in order along it."""
    scenario = question.scenario
    day = day_of(scenario)
    timed = over_day(translated, day)
    found = trade_off(scenario, timed)
    first = found[0].ranking
    if not first.solutions:
        infeasible = first.status is Status.INFEASIBLE
        why = _shortage(question) if infeasible else None
        if certificate_path is not None:
            first, content = certificate_of(scenario, timed, first, [])
            certificate_file.save(content, certificate_path)
        return answer_of(question, clock, ranking=first, undominated=needed, infeasibility=why)
    tell(
        "ranking",
        {"incumbent": first.solutions[0].objective, "bound": finite(first.bound), "gap": first.gap},
    )
    certificates: list[Any] | None = None if certificate_path is None else []
    points, plans = told_points(
        scenario, question.sites, question.candidates, timed, found, day, certificates
    )
    answer = answer_of(question, clock, ranking=first, plans=plans, undominated=needed, translated=timed)
    proven = bool(points) and all(point.status == "optimal" for point in points)
    if certificate_path is not None and certificates is not None:
        certificate_file.save(certificate_file.frontier(certificates), certificate_path)
    status: AnswerStatus = "optimal" if proven else "feasible" if points else "time_limit"
    return replace(answer, status=status, frontier=points)


def _shortage(question: Question) -> Infeasibility:
    """Why candidates exist but not enough of them fit."""
    scenario = question.scenario
    limit_s = scenario.options.time_limit_s
    feasible = _feasible(question, limit_s)
    if scenario.periods or scenario.reserve.failure is not None:
        return explain_by_solving(scenario, question.candidates, feasible)
    roomy, _ = _translate(question, top_k=1, without_limits=True)
    return explain_shortage(scenario, roomy, question.candidates, feasible, limit_s)


def _silent(phase: str, numbers: dict[str, float | None]) -> None:
    """Progress nobody listens to."""
