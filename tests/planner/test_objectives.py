"""Ratios, weighted sums, shares and trade-offs agree with the plain objectives they are made of."""

from dataclasses import replace

import pytest

from models import codec
from models.errors import InvalidInput
from models.objective import CompoundObjective
from models.scenario import Scenario
from planner import pipeline
from tests.planner.scenes import best, deployment, pool, scenario

QUICK = {"top_k": 1, "roles": ["aggregated", "prefill", "decode"]}


def asked(objective: object, rate: float = 30.0, **more: object) -> Scenario:
    return scenario(deployment(rate=rate, tokens=(1000, 200)), objective=objective, options=QUICK, **more)


def test_money_and_energy_per_token_are_those_of_the_cheapest_and_the_most_frugal_plan() -> None:
    tokens = 30.0 * 200
    cost, power = best(pipeline.plan(asked("min_cost"))), best(pipeline.plan(asked("min_power")))
    per_million = pipeline.plan(asked("min_usd_per_million_tokens"))
    per_token = pipeline.plan(asked("min_joule_per_token"))
    assert best(per_million) == pytest.approx(cost / (tokens * 3600) * 1e6, rel=1e-6)
    assert best(per_million) == pytest.approx(
        per_million.plans[0].cost.usd_per_million_output_tokens, rel=1e-6
    )
    assert best(per_token) == pytest.approx(power / tokens, rel=1e-4)
    assert per_million.objective.unit == "USD per million output tokens"


def test_a_weighted_sum_lies_between_what_its_parts_allow() -> None:
    both = pipeline.plan(asked({"weighted": {"min_cost": 1.0, "min_tpot": 500.0}}))
    assert both.objective.name == "weighted"
    plan = both.plans[0]
    assert plan.cost.usd_per_hour is not None
    # candidates are priced at the highest load they are meant for: running plans are no slower
    assert plan.cost.usd_per_hour + 500.0 * plan.predicted["chat"].tpot_s["mean"] <= plan.objective_value
    cost, tpot_s = (best(pipeline.plan(asked(name))) for name in ("min_cost", "min_tpot"))
    assert cost + 500.0 * tpot_s <= plan.objective_value * (1 + 1e-6)
    first_cost = pipeline.plan(asked({"minimize": ["min_cost", "min_tpot"]})).plans[0]
    assert plan.objective_value <= first_cost.objective_value + 500.0 * 0.05


def test_attainment_is_one_where_all_is_served_and_a_share_of_goodput_else() -> None:
    assert -best(pipeline.plan(asked("max_attainment", 1.0))) == pytest.approx(1.0)
    most = -best(pipeline.plan(asked("max_goodput", 1000.0)))
    assert -best(pipeline.plan(asked("max_attainment", 1000.0))) == pytest.approx(most / 1000.0, rel=1e-6)
    cheap = pipeline.plan(asked({"minimize": ["max_attainment", "min_cost"]}, 1.0)).plans[0]
    assert cheap.cost.usd_per_hour == pytest.approx(best(pipeline.plan(asked("min_cost", 1.0))))


def test_every_point_of_a_trade_off_has_its_own_proof_and_none_beats_another() -> None:
    answer = pipeline.plan(asked({"pareto": ["max_goodput", "min_cost"], "points": 5}))
    values = [(p.values["max_goodput"], p.values["min_cost"]) for p in answer.frontier]
    assert values == sorted(values, reverse=True)
    assert len({v[1] for v in values}) == len(values) >= 3
    plans = {p.id: p for p in answer.plans}
    for point in answer.frontier:
        assert point.status == "optimal"
        assert point.bound is not None
        assert point.bound >= point.values["max_goodput"] * (1 - 1e-9)
        assert point.certificate.lp_bound is not None
        assert plans[point.plan_id].cost.usd_per_hour == pytest.approx(point.values["min_cost"])
    # an end of the trade-off is the plain question
    assert values[0][0] == pytest.approx(-best(pipeline.plan(asked("max_goodput"))))


def test_a_lower_power_level_is_taken_where_power_is_asked_for() -> None:
    level = {"name": "eco", "peak_watt": 500.0, "compute_frac": 0.95}
    plain, eco = pool(), pool(power_levels=[level])
    watt = [best(pipeline.plan(asked("min_power", pools=[p]))) for p in (plain, eco)]
    assert watt[1] < watt[0]
    answer = pipeline.plan(asked("min_power", pools=[eco]))
    assert {g.power_level for g in answer.plans[0].groups} == {"eco"}
    goodput = [best(pipeline.plan(asked("max_goodput", pools=[p]))) for p in (plain, eco)]
    assert goodput[1] <= goodput[0]


def test_a_cap_on_the_power_of_a_pool_holds() -> None:
    free = pipeline.plan(asked("max_goodput")).plans[0]
    capped = pool(watt={"cap": free.cost.watt * 0.6})
    plan = pipeline.plan(asked("max_goodput", pools=[capped])).plans[0]
    assert plan.cost.watt <= free.cost.watt * 0.6 * (1 + 1e-9)
    assert plan.objective_value < free.objective_value


@pytest.mark.parametrize(
    ("objective", "pointer"),
    [
        ({}, "/objective/minimize"),
        ({"minimize": ["min_cost"], "weighted": {"min_cost": 1.0}}, "/objective/weighted"),
        ({"weighted": {"max_goodput": 1.0}}, "/objective/weighted/max_goodput"),
        ({"weighted": {}}, "/objective/weighted"),
        ({"pareto": ["min_cost", "min_cost"]}, "/objective/pareto/1"),
    ],
)
def test_bad_objectives_name_the_field(objective: object, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked(objective)
    assert any(f.pointer.startswith(pointer) for f in caught.value.faults)


def test_objectives_survive_the_document() -> None:
    objective = CompoundObjective(weighted={"min_cost": 2.0, "min_power": 0.1})
    whole = replace(asked("min_cost"), objective=objective)
    assert codec.from_plain(Scenario, codec.to_plain(whole)) == whole


def test_money_does_not_limit_a_free_pool_of_any_size() -> None:
    free = pool(nodes=None, price_usd_per_device_hour=0.0)
    with pytest.raises(InvalidInput) as caught:
        pipeline.plan(scenario(pools=[free], objective="max_goodput", limits={"usd_per_hour": 5.0}))
    assert caught.value.faults[0].pointer == "/cluster/pools/0/nodes"
