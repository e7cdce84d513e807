"""A scenario that has been priced: what every later step of the pipeline works on."""

from dataclasses import dataclass

from models.scenario import Scenario
from planner.candidates import Candidates
from planner.setting import Site
from planner.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Question:
    """A scenario with its names resolved and its prices known."""

    scenario: Scenario
    sites: list[Site]
    traffic: list[Traffic]
    candidates: Candidates
