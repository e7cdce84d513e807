"""The answer of a question: plans, bound, certificate, what was searched and how long that took."""

import resource
import time
from importlib.metadata import version
from typing import Any

import numpy as np

from models import codec
from models.objective import level_name, level_unit
from models.plan import Infeasibility, Objective, Plan, RankedPlans, Search
from planner.certifying import certify
from planner.evidence import coverage_notes
from planner.fleet_program import Translated
from planner.question import Question
from solvers.ranked import Ranking
from solvers.result import Status


def _cpu_s() -> float:
    """Processor time of this process and of those it waited for [s]."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Clock:
    """Wall and processor time of the search."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_s()

    def read(self) -> dict[str, float]:
        """Seconds since it was made."""
        return {"wall_s": time.perf_counter() - self._wall, "cpu_s": _cpu_s() - self._cpu}


def answer_of(  # noqa: PLR0913
    question: Question, clock: Clock, *, ranking: Ranking | None = None, plans: list[Plan] | None = None,
    undominated: int = 0, infeasibility: Infeasibility | None = None, translated: Translated | None = None,
) -> RankedPlans:  # fmt: skip
    """The whole answer: plans with their proof, or why there are none, and what was searched."""
    scenario, candidates = question.scenario, question.candidates
    name, (unit, sense) = level_name(scenario.levels[0]), level_unit(scenario.levels[0])
    feasible = sum(len(p) for p in candidates.priced)
    dropped = dict(sorted(candidates.dropped.items(), key=lambda kv: -kv[1]))
    if ranking is not None:
        dropped["dominated"] = feasible - undominated
    notes = coverage_notes(p.replica.model for p in candidates.priced)
    if scenario.options.rate_factors is not None:
        notes.append(f"prefill and decode replicas: {scenario.options.rate_factors.words()}")
    if ranking is not None and ranking.exhausted and len(plans or ()) < scenario.options.top_k and plans:
        notes.append(f"no more than {len(plans)} different plans exist")
    if ranking is not None and ranking.solutions and not plans:
        notes.append("counts were found that serve everything, but no way to pack them onto the nodes")
    return RankedPlans(
        scenario=scenario,
        scenario_sha256=codec.sha256(scenario),
        shardwright_version=version("shardwright"),
        status=_status(ranking, plans, infeasibility),
        objective=Objective(name=name, unit=unit, sense=sense),
        bound=finite(ranking.bound) if ranking and not infeasibility else None,
        gap=ranking.gap if ranking and plans else None,
        certificate=certify(ranking, translated, scenario) if ranking and translated and plans else None,
        search=Search(
            candidates=candidates.looked_at, priced=candidates.valid, feasible=feasible,
            undominated=undominated, dropped=dropped, notes=tuple(notes), **clock.read(),
        ),
        plans=tuple(plans or ()),
        infeasibility=infeasibility,
    )  # fmt: skip


def _status(ranking: Ranking | None, plans: list[Plan] | None, infeasibility: Infeasibility | None) -> Any:
    if infeasibility is not None or ranking is None:
        return "infeasible"
    if ranking.solutions and not plans:
        return "time_limit"
    names = {Status.OPTIMAL: "optimal", Status.FEASIBLE: "feasible", Status.INFEASIBLE: "infeasible"}
    return names.get(ranking.status, "time_limit")


def finite(value: float) -> float | None:
    """A number for JSON: None where there is none."""
    return float(value) if np.isfinite(value) else None
