"""The whole road from a scenario to ranked plans, on one page.

Read a scenario, enumerate candidates, build their cost graphs, price them, drop what is invalid, too big,
too slow or dominated (and count why), solve the fleet program, place, rank, explain.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models import codec
from models.plan import Certificate, Infeasibility, Objective, Plan, RankedPlans, Search
from models.scenario import Scenario
from planner import certificate_file
from planner.candidates import Candidates, enumerate_candidates, price_candidates
from planner.demand import check_prices, check_sizing, demands
from planner.fleet_program import Translated, gather, named_duals, translate
from planner.infeasibility import bounded, explain_missing, explain_shortage, without_candidates
from planner.ranking import rank_plans
from planner.setting import Site, settings
from planner.traffic import Traffic, traffic_of
from solvers.certificate import certificate
from solvers.dominance import undominated
from solvers.ranked import Ranking, k_best
from solvers.result import Status

Progress = Callable[[str, dict[str, float | None]], None]

OBJECTIVES = {
    "max_goodput": ("request/s", "max"),
    "min_cost": ("USD/h", "min"),
    "min_devices": ("devices", "min"),
    "min_power": ("W", "min"),
    "min_ttft": ("s", "min"),
    "min_tpot": ("s", "min"),
    "min_e2e": ("s", "min"),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """A scenario with its names resolved and its prices known."""

    scenario: Scenario
    sites: list[Site]
    traffic: list[Traffic]
    candidates: Candidates


def plan(
    scenario: Scenario,
    *,
    on_progress: Progress | None = None,
    certificate_path: Path | None = None,
    lp_path: Path | None = None,
) -> RankedPlans:
    """Ranked plans of a scenario, with proof; infeasible is an answer.

    Raises
    ------
    InvalidInput
        A name the catalogue lacks, a price that is missing, a configuration that cannot be read.
    """
    tell = on_progress or _silent
    clock = _Clock()
    question = _price(scenario, tell)
    missing = without_candidates(scenario, question.candidates)
    limit_s = scenario.options.time_limit_s
    if missing:
        why = explain_missing(
            scenario, question.sites, question.candidates, missing, bounded(is_feasible, limit_s)
        )
        return _answer(question, clock, infeasibility=why)
    translated, needed = _translate(question)
    tell("solving", {})
    ranking, plans = _solve(question, translated, limit_s)
    certificate_file.write(ranking, certificate_path, lp_path)
    if ranking.status is Status.INFEASIBLE:
        roomy, _ = _translate(question, top_k=1, without_limits=True)
        why = explain_shortage(scenario, roomy, question.candidates, bounded(is_feasible, limit_s), limit_s)
        return _answer(question, clock, ranking=ranking, undominated=needed, infeasibility=why)
    tell("ranking", {"incumbent": _first(plans), "bound": _finite(ranking.bound), "gap": ranking.gap})
    return _answer(question, clock, ranking=ranking, plans=plans, undominated=needed, translated=translated)


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


def is_feasible(scenario: Scenario) -> bool:
    """Whether any plan exists: prices and solves for one, without ranking."""
    question = _price(scenario, _silent)
    if without_candidates(scenario, question.candidates):
        return False
    translated, _ = _translate(question, top_k=1)
    ranking = k_best(translated.fleet, translated.objectives, k=1, time_limit_s=10.0, gap=0.01)
    return bool(ranking.solutions)


def _price(scenario: Scenario, tell: Progress) -> Question:
    """Enumerate and price."""
    tell("validating", {})
    sites, _, found = settings(scenario)
    check_sizing(scenario)
    check_prices(scenario, sites)
    traffic = [traffic_of(d.workload) for d in scenario.deployments]
    tell("enumerating", {})
    enumerated = enumerate_candidates(found)
    tell("building_graph", {})
    candidates = price_candidates(scenario, sites, enumerated, traffic)
    return Question(scenario=scenario, sites=sites, traffic=traffic, candidates=candidates)


def _translate(
    question: Question, top_k: int | None = None, *, without_limits: bool = False
) -> tuple[Translated, int]:
    """The fleet program over the candidates that the best plans may need, and their number.

    ``without_limits`` keeps candidates that only a larger cluster or cap could hold.
    """
    scenario = question.scenario
    columns = gather(question.candidates.priced)
    demand = demands(scenario, question.traffic, columns)
    whole = translate(scenario, question.sites, question.traffic, demand, columns)
    fleet = whole.fleet
    if without_limits:
        fleet = replace(fleet, limit=np.full_like(fleet.limit, np.inf))
    kept = undominated(fleet, whole.objectives, k=top_k or scenario.options.top_k).columns
    return whole.take(kept), len(kept)


def _solve(question: Question, translated: Translated, limit_s: float) -> tuple[Ranking, list[Plan]]:
    """Best plans; where one cannot be packed on its nodes, again without sizes that do not tile them."""
    scenario = question.scenario
    options = scenario.options
    ranking = k_best(
        translated.fleet, translated.objectives, k=options.top_k, time_limit_s=limit_s, gap=options.gap
    )
    plans = rank_plans(scenario, question.sites, question.candidates, translated, ranking)
    if plans is None:
        tiling = translated.take(translated.tiling_columns(question.sites))
        ranking = k_best(
            tiling.fleet, tiling.objectives, k=options.top_k, time_limit_s=limit_s, gap=options.gap
        )
        plans = rank_plans(scenario, question.sites, question.candidates, tiling, ranking) or []
    return ranking, plans


def _answer(  # noqa: PLR0913
    question: Question, clock: "_Clock", *, ranking: Ranking | None = None, plans: list[Plan] | None = None,
    undominated: int = 0, infeasibility: Infeasibility | None = None, translated: Translated | None = None,
) -> RankedPlans:  # fmt: skip
    scenario, candidates = question.scenario, question.candidates
    name = scenario.objectives[0]
    unit, sense = OBJECTIVES[name]
    feasible = sum(len(p) for p in candidates.priced)
    dropped = dict(sorted(candidates.dropped.items(), key=lambda kv: -kv[1]))
    if ranking is not None:
        dropped["dominated"] = feasible - undominated
    notes = []
    if ranking is not None and ranking.exhausted and len(plans or ()) < scenario.options.top_k and plans:
        notes.append(f"no more than {len(plans)} different plans exist")
    return RankedPlans(
        scenario=scenario,
        scenario_sha256=codec.sha256(scenario),
        shardwright_version=version("shardwright"),
        status=_status(ranking, infeasibility),
        objective=Objective(name=name, unit=unit, sense=sense),  # type: ignore[arg-type]
        bound=_finite(ranking.bound) if ranking and not infeasibility else None,
        gap=ranking.gap if ranking and plans else None,
        certificate=_certificate(ranking, translated, scenario) if ranking and translated and plans else None,
        search=Search(
            candidates=candidates.looked_at, priced=candidates.valid, feasible=feasible,
            undominated=undominated, dropped=dropped, notes=tuple(notes), **clock.read(),
        ),
        plans=tuple(plans or ()),
        infeasibility=infeasibility,
    )  # fmt: skip


def _status(ranking: Ranking | None, infeasibility: Infeasibility | None) -> Any:
    if infeasibility is not None or ranking is None:
        return "infeasible"
    names = {Status.OPTIMAL: "optimal", Status.FEASIBLE: "feasible", Status.INFEASIBLE: "infeasible"}
    return names.get(ranking.status, "time_limit")


def _certificate(ranking: Ranking, translated: Translated, scenario: Scenario) -> Certificate:
    proof = certificate(ranking, gap=scenario.options.gap)
    return Certificate(**{**proof, "lp_duals": named_duals(proof["lp_duals"], translated, scenario)})


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _first(plans: list[Plan]) -> float | None:
    return plans[0].objective_value if plans else None


def _silent(phase: str, numbers: dict[str, float | None]) -> None:
    """Progress nobody listens to."""


class _Clock:
    """Wall and processor time of the search."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "wall_s": time.perf_counter() - self._wall,
            "cpu_s": time.process_time() - self._cpu,
        }
