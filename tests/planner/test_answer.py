"""What every answer must say of itself, over scenarios of every kind."""

from collections import Counter, defaultdict
from functools import cache

import pytest

from models import catalog, codec
from models.plan import Group, Plan, RankedPlans
from models.scenario import Scenario
from planner import pipeline
from tests.planner.scenes import (
    DEEPSEEK,
    GPT_OSS,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    QWEN_MOE,
    deployment,
    pool,
    scenario,
)

FP8 = [{"weights": "fp8", "kv": "fp8"}]
MEAN = {"ttft_s": {"limit_s": 2.0, "percentile": "mean"}, "tpot_s": {"limit_s": 0.05, "percentile": "mean"}}
CLOSED = deployment("closed", LLAMA_8B)
CLOSED["workload"]["arrival"] = {"concurrency": 64}

SCENES: dict[str, Scenario] = {
    "70B on 2x8": scenario(deployment(model=LLAMA_70B, precisions=FP8), pools=[pool(nodes=2, each=8)]),
    "70B on 12": scenario(deployment(model=LLAMA_70B, precisions=FP8), pools=[pool(each=12)]),
    "70B on 3x6": scenario(deployment(model=LLAMA_70B), pools=[pool(nodes=3, each=6)]),
    "MoE on 8": scenario(deployment(model=QWEN_MOE), pools=[pool(each=8)]),
    "Mixtral on 2x4": scenario(
        deployment(model=MIXTRAL, engine={"name": "sglang"}), pools=[pool(nodes=2, each=4)]
    ),
    "gpt-oss": scenario(
        deployment(model=GPT_OSS, tokens=(1000, 1000), slo=MEAN, engine={"name": "trtllm"}),
        pools=[pool(each=8)], objective="min_cost",
    ),
    "MLA": scenario(deployment(model=DEEPSEEK, slo=MEAN), pools=[pool(device="h200-sxm", nodes=2, each=8)]),
    "rack": scenario(
        deployment(model=LLAMA_70B, precisions=FP8),
        pools=[pool("rack", "gb200", 6, 4, price_usd_per_device_hour=9.0)], options={"top_k": 3},
    ),
    "sizing": scenario(deployment(rate=50.0), pools=[pool(nodes=None, each=8)], objective="min_devices"),
    "sizing, money": scenario(deployment(rate=50.0), pools=[pool(nodes=None, each=4)], objective="min_cost"),
    "two models": scenario(
        deployment("a", LLAMA_8B, rate=4.0), deployment("b", QWEN_MOE, rate=2.0), pools=[pool(each=6)]
    ),
    "two models, cheapest": scenario(
        deployment("a", LLAMA_8B, rate=9.0), deployment("b", QWEN_MOE, rate=6.0, slo=MEAN),
        pools=[pool(each=4), pool("small", "l40s", 2, 4)], objective="min_cost",
    ),
    "capped": scenario(
        deployment(), pools=[pool(each=8)],
        limits={"usd_per_hour": 15.0, "watt": 3000.0, "devices": 7},
    ),
    "closed loop": scenario(CLOSED, pools=[pool(each=4)], objective="min_cost"),
    "closed loop, goodput": scenario(CLOSED, pools=[pool(each=2)]),
    "no slo": scenario(deployment(slo={}), pools=[pool(each=2)]),
    "band": scenario(deployment(), pools=[pool(each=4)], options={"slo_confidence": "band"}),
    "latency": scenario(
        deployment(), pools=[pool(each=3)], objective="min_e2e", options={"top_k": 1}
    ),
    "lexicographic": scenario(
        deployment(rate=9.0), pools=[pool(each=4)], objective={"minimize": ["min_devices", "min_tpot"]}
    ),
    "spread": scenario(
        deployment(tokens=({"mean": 2000, "cv": 1.0}, {"histogram": [[100, 0.6], [700, 0.4]]})),
        pools=[pool(each=4)],
    ),
}  # fmt: skip
every_scene = pytest.mark.parametrize("name", SCENES)


@cache
def answer_of(name: str) -> RankedPlans:
    return pipeline.plan(SCENES[name])


def plans_of(name: str) -> tuple[Plan, ...]:
    plans = answer_of(name).plans
    assert plans, f"{name} has no plan"
    return plans


def identity(group: Group) -> tuple[object, ...]:
    return (group.deployment, group.role, group.pool, group.parallelism, group.precision)


@every_scene
def test_status_bound_and_gap_agree(name: str) -> None:
    answer = answer_of(name)
    assert answer.status == "optimal"
    assert answer.infeasibility is None
    best = answer.plans[0].objective_value
    assert answer.bound is not None
    assert answer.gap == pytest.approx(abs(answer.bound - best) / max(abs(best), 1e-12), abs=1e-12)
    assert answer.gap is not None
    assert answer.gap <= SCENES[name].options.gap
    sign = 1.0 if answer.objective.sense == "max" else -1.0
    assert sign * answer.bound >= sign * best - 1e-9 * abs(best)
    assert answer.scenario_sha256 == codec.sha256(SCENES[name])
    assert answer.certificate is not None


@every_scene
def test_plans_are_in_order_and_different(name: str) -> None:
    answer = answer_of(name)
    plans = plans_of(name)
    assert [plan.rank for plan in plans] == list(range(1, len(plans) + 1))
    sign = 1.0 if answer.objective.sense == "min" else -1.0
    values = [sign * plan.objective_value for plan in plans]
    assert all(a <= b + 1e-9 * abs(b) for a, b in zip(values, values[1:], strict=False))
    told = []
    for plan in plans:
        counts: Counter[tuple[object, ...]] = Counter()
        for group in plan.groups:
            counts[identity(group)] += group.replicas
        told.append(frozenset(counts.items()))
    assert len(set(told)) == len(plans)
    assert len({plan.id for plan in plans}) == len(plans)
    assert len(plans) == SCENES[name].options.top_k or answer.search.notes


@every_scene
def test_memory_parts_add_up_to_the_device(name: str) -> None:
    devices = {p.name: catalog.device(p.device) for p in SCENES[name].cluster.pools}
    for group in (g for plan in plans_of(name) for g in plan.groups):
        parts = codec.to_plain(group.memory_bytes)
        capacity = parts.pop("capacity")
        assert capacity == devices[group.pool].memory_bytes
        assert sum(parts.values()) == pytest.approx(capacity)
        assert all(value >= -1.0 for value in parts.values()), parts
        assert parts["weights"] > 0
        assert parts["kv_cache"] > 0


@every_scene
def test_the_cache_holds_what_the_limits_promise(name: str) -> None:
    for group in (g for plan in plans_of(name) for g in plan.groups):
        limits = group.limits
        assert limits.max_num_seqs >= 1
        assert limits.max_num_batched_tokens >= 1
        assert limits.kv_cache_tokens > 0


@every_scene
def test_traffic_shares_add_up_per_deployment_and_role(name: str) -> None:
    for plan in plans_of(name):
        shares: dict[tuple[str, str], float] = defaultdict(float)
        for group in plan.groups:
            assert 0.0 <= group.traffic_share <= 1.0 + 1e-9
            shares[group.deployment, group.role] += group.traffic_share
        assert shares == pytest.approx(dict.fromkeys(shares, 1.0))


@every_scene
def test_devices_used_and_idle_are_those_of_the_cluster(name: str) -> None:
    pools = SCENES[name].cluster.pools
    for plan in plans_of(name):
        assert plan.devices_used == sum(g.replicas * g.parallelism.devices for g in plan.groups)
        if all(p.devices is not None for p in pools):
            assert plan.devices_used + plan.devices_idle == sum(p.devices or 0 for p in pools)
        else:
            assert plan.devices_idle == 0


@every_scene
def test_every_replica_has_its_own_devices_in_one_domain_or_whole_nodes(name: str) -> None:
    pools = {p.name: p for p in SCENES[name].cluster.pools}
    for plan in plans_of(name):
        taken: set[tuple[str, int, int]] = set()
        placed = {(p.group, p.replica) for p in plan.placement}
        assert placed == {(g, r) for g, group in enumerate(plan.groups) for r in range(group.replicas)}
        for replica in plan.placement:
            group = plan.groups[replica.group]
            site = pools[group.pool]
            device = catalog.device(site.device)
            assert len(replica.devices) == group.parallelism.devices
            for where, node, number in replica.devices:
                assert where == group.pool
                assert 0 <= number < site.devices_per_node
                assert site.nodes is None or 0 <= node < site.nodes
                assert (where, node, number) not in taken
                taken.add((where, node, number))
            domain = max(device.scale_up_domain or 0, site.devices_per_node)
            flat = [node * site.devices_per_node + number for _, node, number in replica.devices]
            per_node = Counter(node for _, node, _ in replica.devices)
            in_one = len({n // domain for n in flat}) == 1
            assert in_one or set(per_node.values()) == {site.devices_per_node}


@every_scene
def test_layers_are_all_given_to_stages(name: str) -> None:
    models = {d.name: catalog.model(str(d.model)) for d in SCENES[name].deployments}
    for group in (g for plan in plans_of(name) for g in plan.groups):
        assert len(group.layer_partition) == group.parallelism.pp
        assert sum(group.layer_partition) == models[group.deployment].layers
        assert min(group.layer_partition) >= 1


@every_scene
def test_the_objective_is_what_the_plan_predicts(name: str) -> None:
    asked, answer = SCENES[name], answer_of(name)
    objective = asked.objectives[0]
    for plan in plans_of(name):
        rates = {n: p.request_per_s for n, p in plan.predicted.items()}
        value = {
            "max_goodput": sum(rates.values()),
            "min_cost": plan.cost.usd_per_hour,
            "min_devices": plan.devices_used,
            "min_e2e": plan.objective_value,
        }[objective]
        assert value == pytest.approx(plan.objective_value, rel=1e-6)
        wanted = {d.name: d.workload.arrival.rate_per_s for d in asked.deployments}
        if objective == "max_goodput":
            total = sum(rates.values())
            if None not in wanted.values():
                mix = sum(w or 0.0 for w in wanted.values())
                shares = {n: (w or 0.0) / mix for n, w in wanted.items()}
                assert {n: r / total for n, r in rates.items()} == pytest.approx(shares, rel=1e-6)
        else:
            for n, rate in rates.items():
                assert wanted[n] is None or rate == pytest.approx(wanted[n], rel=1e-5)
    assert answer.objective.name == objective


@every_scene
def test_every_plan_keeps_its_slo(name: str) -> None:
    asked = SCENES[name]
    for plan in plans_of(name):
        for chat in asked.deployments:
            predicted, verdict = plan.predicted[chat.name], plan.slo[chat.name]
            for metric, limit in chat.slo.limits().items():
                stat = "mean" if limit.percentile == "mean" else f"p{100 * float(limit.percentile):.10g}"
                value = getattr(predicted, metric)[stat]
                assert value <= limit.limit_s * (1 + 1e-6)
                margin = (limit.limit_s - value) / limit.limit_s
                assert verdict.margins_frac[metric] == pytest.approx(margin, abs=1e-9)
            assert verdict.status in ("met", "near_miss")
            assert asked.options.slo_confidence == "point" or verdict.status == "met"


@every_scene
def test_latency_statistics_are_in_order(name: str) -> None:
    for plan in plans_of(name):
        for predicted in plan.predicted.values():
            for metric in (predicted.ttft_s, predicted.tpot_s, predicted.e2e_s):
                assert {"mean", "p50", "p95", "p99"} <= set(metric)
                assert 0.0 <= metric["p50"] <= metric["p95"] <= metric["p99"]
            assert predicted.e2e_s["mean"] > predicted.ttft_s["mean"] > 0.0
            assert predicted.output_tokens_per_s > 0.0


@every_scene
def test_limits_over_the_cluster_are_kept(name: str) -> None:
    limits = SCENES[name].limits
    for plan in plans_of(name):
        assert limits.devices is None or plan.devices_used <= limits.devices
        assert limits.watt is None or plan.cost.watt <= limits.watt * (1 + 1e-9)
        assert limits.usd_per_hour is None or (plan.cost.usd_per_hour or 0.0) <= limits.usd_per_hour


@every_scene
def test_money_and_energy_follow_from_devices_and_tokens(name: str) -> None:
    prices = catalog.price_book().rows
    sites = {p.name: p for p in SCENES[name].cluster.pools}
    for plan in plans_of(name):
        usd = sum(
            g.replicas
            * g.parallelism.devices
            * (
                sites[g.pool].price_usd_per_device_hour
                or prices[catalog.device(sites[g.pool].device).id].usd_per_hour
            )
            for g in plan.groups
        )
        assert plan.cost.usd_per_hour == pytest.approx(usd)
        tokens = sum(p.output_tokens_per_s for p in plan.predicted.values())
        assert plan.cost.usd_per_million_output_tokens == pytest.approx(usd / tokens / 3600 * 1e6)
        assert plan.cost.joule_per_output_token == pytest.approx(plan.cost.watt / tokens)
        idle = sum(
            g.replicas * g.parallelism.devices * catalog.device(sites[g.pool].device).idle_watt
            for g in plan.groups
        )
        peak = sum(
            g.replicas * g.parallelism.devices * catalog.device(sites[g.pool].device).peak_watt
            for g in plan.groups
        )
        assert idle <= plan.cost.watt <= peak


@every_scene
def test_the_search_accounts_for_every_layout(name: str) -> None:
    search = answer_of(name).search
    assert search.feasible > 0
    assert 0 < search.undominated <= search.feasible
    assert search.dropped["dominated"] == search.feasible - search.undominated
    assert all(count >= 0 for count in search.dropped.values())


@every_scene
def test_the_answer_survives_a_round_trip_through_json(name: str) -> None:
    answer = answer_of(name)
    assert codec.from_plain(RankedPlans, codec.to_plain(answer)) == answer


def test_sizing_takes_as_many_devices_as_the_traffic_needs() -> None:
    """50 requests/s of Llama-3.1-8B: one more device than the next lower rate would do."""
    plan = plans_of("sizing")[0]
    fixed = pipeline.plan(
        scenario(
            deployment(rate=50.0), pools=[pool(nodes=1, each=plan.devices_used)], objective="min_devices"
        )
    )
    assert fixed.plans[0].devices_used == plan.devices_used
    less = scenario(
        deployment(rate=50.0), pools=[pool(nodes=1, each=plan.devices_used - 1)], objective="min_devices"
    )
    assert pipeline.plan(less).status == "infeasible"


def test_a_closed_loop_asks_for_its_concurrency_over_the_end_to_end_limit() -> None:
    slo = SCENES["closed loop"].deployments[0].slo
    assert slo.ttft_s is not None
    assert slo.tpot_s is not None
    expected = 64 / (slo.ttft_s.limit_s + 299 * slo.tpot_s.limit_s)
    assert plans_of("closed loop")[0].predicted["closed"].request_per_s == pytest.approx(expected)
