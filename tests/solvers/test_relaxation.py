"""The smallest change of each kind makes an infeasible fleet feasible, and no smaller one does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from solvers.csr import Csr
from solvers.fleet import Fleet, max_goodput, min_cost
from solvers.ranked import k_best
from solvers.relaxation import Constraint, Family, explain_infeasibility
from solvers.result import Status
from tests.solvers.tiny_fleets import fleet_of, tiny_fleets


def changed(fleet: Fleet, constraint: Constraint, slack: float) -> Fleet:
    limit, demand = fleet.limit.astype(float), fleet.demand_per_s.copy()
    links = fleet.link_bytes_per_s.copy()
    if constraint.family is Family.INVENTORY:
        limit[constraint.index] += slack
    elif constraint.family is Family.DEMAND:
        demand[constraint.index] -= slack
    else:
        links[constraint.index] += slack
    return replace(fleet, limit=limit, demand_per_s=demand, link_bytes_per_s=links)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(fleet=tiny_fleets())
def test_every_relaxation_is_enough_and_smallest(fleet: Fleet) -> None:
    objectives = (min_cost(fleet.tie_break),)
    if k_best(fleet, objectives).status is not Status.INFEASIBLE:
        return
    report = explain_infeasibility(fleet, objectives)
    assert report.complete
    assert report.binding
    for relaxation in report.relaxations:
        if relaxation.slack is None:
            continue
        assert relaxation.slack > 0
        enough = changed(fleet, relaxation.constraint, relaxation.slack * (1 + 1e-7) + 1e-9)
        assert k_best(enough, objectives).status is Status.OPTIMAL
        too_little = changed(fleet, relaxation.constraint, relaxation.slack * 0.99)
        assert k_best(too_little, objectives).status is Status.INFEASIBLE


def test_whole_devices_are_asked_for() -> None:
    """Demand 5 needs three replicas of 2 on 2 devices each: 6 devices, 2 more than the 4 there are."""
    fleet = fleet_of([2], [0], [2.0], limit=4, demand=5.0)
    report = explain_infeasibility(fleet, (min_cost(fleet.tie_break),))
    slack = {relaxation.constraint.name: relaxation.slack for relaxation in report.relaxations}
    assert slack == {"inventory[0]": pytest.approx(2.0), "demand[0]": pytest.approx(1.0)}
    assert {constraint.name for constraint in report.binding} == {"inventory[0]", "demand[0]"}


def test_one_family_alone_may_not_be_enough() -> None:
    fleet = fleet_of([1, 1], [1, 2], [2.0, 2.0], limit=1, demand=5.0)
    both = replace(
        fleet, link_bytes_per_request=Csr.from_dense([[0.0, 1.0]]), link_bytes_per_s=np.array([1.0])
    )
    report = explain_infeasibility(both, (min_cost(both.tie_break),))
    slack = {relaxation.constraint.name: relaxation.slack for relaxation in report.relaxations}
    assert slack == {"inventory[0]": None, "demand[0]": None, "link[0]": None}


def test_no_goodput_at_all_asks_for_the_smallest_replica() -> None:
    fleet = fleet_of([3, 4], [0, 0], [2.0, 9.0], limit=2, demand=50.0)
    report = explain_infeasibility(fleet, (max_goodput(),))
    assert report.relaxations[0].slack == pytest.approx(1.0)


def test_a_feasible_fleet_has_nothing_binding() -> None:
    fleet = fleet_of([1], [0], [4.0], limit=2, demand=3.0)
    assert explain_infeasibility(fleet, (min_cost(fleet.tie_break),)).binding == ()
