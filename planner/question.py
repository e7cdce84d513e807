"""A scenario that has been priced: what every later step of the pipeline works on."""

from dataclasses import dataclass

from models.scenario import Scenario
from planner.candidates import Candidates
from planner.setting import Site
from planner.step_tables import StepTables
from planner.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Question:
    """A scenario with its names resolved and its prices known; ``steps`` are measured times behind them."""

    scenario: Scenario
    sites: list[Site]
    traffic: list[Traffic]
    candidates: Candidates
    steps: StepTables | None = None
