"""The worked examples against every possible mix of replicas of their two models."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.scenario import Scenario
from planner import pipeline, scenario_file
from planner.candidates import enumerate_candidates, price_candidates
from planner.setting import settings
from planner.traffic import traffic_of
from tests.planner.scenes import best

EXAMPLE = Path(__file__).parents[2] / "examples/two-models.yaml"
USD = 2.9
Kind = tuple[int, float]
"""Devices and requests per second of one replica."""


def asked(more: str = "", nodes: int = 2) -> Scenario:
    text = EXAMPLE.read_text().replace("nodes: 2", f"nodes: {nodes}").replace("top_k: 3", "top_k: 1")
    return scenario_file.read(f"{text}\n{more}", base=EXAMPLE.parent)


def kinds(scenario: Scenario) -> list[list[Kind]]:
    """Best rate of every size of replica, for each model."""
    sites, _, found = settings(scenario)
    traffic = [traffic_of(d.workload) for d in scenario.deployments]
    priced = price_candidates(scenario, sites, enumerate_candidates(found), traffic).priced
    rates: list[dict[int, float]] = [{} for _ in scenario.deployments]
    for p in priced:
        mine = rates[p.setting.deployment_index]
        for size, rate in zip(p.layouts.devices.tolist(), p.state.rate_per_s.tolist(), strict=True):
            mine[int(size)] = max(mine.get(int(size), 0.0), rate)
    return [sorted(r.items()) for r in rates]


def mixes(sizes: list[Kind], devices: int) -> Iterator[list[Kind]]:
    """Every multiset of replicas on at most so many devices."""
    yield []
    for i, (size, rate) in enumerate(sizes):
        if size <= devices:
            for rest in mixes(sizes[i:], devices - size):
                yield [(size, rate), *rest]


def fewest(sizes: list[Kind], wanted: float, devices: int, *, failing: bool) -> int:
    """Fewest devices that serve a rate, also without the fastest replica where one may fail."""
    best_found = devices + 1
    for mix in mixes(sizes, devices):
        rates = [rate for _, rate in mix]
        left = sum(rates) - (max(rates, default=0.0) if failing else 0.0)
        used = sum(size for size, _ in mix)
        if left >= wanted * (1 - 1e-9) and used < best_found:
            best_found = used
    return best_found


@pytest.mark.parametrize("failing", [False, True])
def test_no_mix_of_replicas_needs_fewer_devices(failing: bool) -> None:
    scenario = asked("reserve: {failure: device}" if failing else "")
    both = kinds(scenario)
    rates = [d.workload.arrival.rate_per_s or 0.0 for d in scenario.deployments]
    needed = sum(fewest(k, r, 12, failing=failing) for k, r in zip(both, rates, strict=True))
    assert best(pipeline.plan(scenario)) == pytest.approx(needed * USD)


def test_a_lost_node_leaves_enough_on_the_placement_of_the_plan() -> None:
    scenario = asked("reserve: {failure: node}", nodes=3)
    both = [dict(k) for k in kinds(scenario)]
    plan = pipeline.plan(scenario).plans[0]
    names = [d.name for d in scenario.deployments]
    for lost in range(3):
        left = np.zeros(2)
        for placed in plan.placement:
            if all(node != lost for _, node, _ in placed.devices):
                m = names.index(plan.groups[placed.group].deployment)
                left[m] += both[m][len(placed.devices)]
        assert (left >= [60.0 * (1 - 1e-6), 6.0 * (1 - 1e-6)]).all()
