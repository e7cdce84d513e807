"""The certificate of an answer: what proves its bound, with the duals under the scenario's names."""

from dataclasses import replace
from typing import Any

from models.plan import Certificate
from models.scenario import Scenario
from planner import certificate_file
from planner.dual_names import named_duals
from planner.fleet_program import Translated
from planner.proving import proven
from planner.ranking import RankedPlan
from solvers.certificate import certificate
from solvers.ranked import Ranking


def certificate_of(
    scenario: Scenario, translated: Translated, ranking: Ranking, plans: list[RankedPlan]
) -> tuple[Ranking, dict[str, Any]]:
    """Prove a ranking's bound; give the ranking with the proven bound, and the document."""
    options = scenario.options
    sure, proof = proven(ranking, gap=options.gap, time_limit_s=options.time_limit_s)
    plans = [replace(p, solution=sure.solutions[ranking.solutions.index(p.solution)]) for p in plans]
    return sure, certificate_file.document(scenario, translated, sure, plans, proof)


def certify(ranking: Ranking, translated: Translated, scenario: Scenario) -> Certificate:
    """Certificate of one ranking."""
    proof = certificate(ranking, gap=scenario.options.gap)
    return Certificate(**{**proof, "lp_duals": named_duals(proof["lp_duals"], translated, scenario)})
