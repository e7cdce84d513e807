"""The certificate of an answer: what proves its bound, with the duals under the scenario's names."""

from models.plan import Certificate
from models.scenario import Scenario
from planner.dual_names import named_duals
from planner.fleet_program import Translated
from solvers.certificate import certificate
from solvers.ranked import Ranking


def certify(ranking: Ranking, translated: Translated, scenario: Scenario) -> Certificate:
    """Certificate of one ranking."""
    proof = certificate(ranking, gap=scenario.options.gap)
    return Certificate(**{**proof, "lp_duals": named_duals(proof["lp_duals"], translated, scenario)})
