"""Replica and worker mixes: optima of enumeration, strict reading, plain answers."""

import json
from itertools import product
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import kv_routing, replica_mix, worker_mix
from solvers.errors import InvalidInstance
from solvers.problems import PROBLEMS, pick

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
AMOUNT = st.integers(1, 40).map(lambda tenths: tenths / 10)
KEYS = {"status", "objective", "bound", "gap", "solution", "wall_s"}

GPUS: dict[str, Any] = {
    "gpus": [
        {"name": "small", "cost_per_h": 1.0, "max_rate_per_bucket": [[2.0, 0]]},
        {"name": "large", "cost_per_h": 3.0, "max_rate_per_bucket": [[8.0, 4.0]]},
    ],
    "workload_share": [[0.5, 0.5]],
    "rate_req_s": 4.0,
}
COLUMNS: dict[str, Any] = {
    "resources": [{"name": "pool", "limit": 4}],
    "demands": [{"name": "chat", "amount": 7.0}],
    "columns": [
        {"id": "a", "cost": 3.0, "uses": {"pool": 2}, "serves": {"chat": 5.0}},
        {"id": "b", "cost": 2.0, "uses": {"pool": 1}, "serves": {"chat": 2.0}, "max": 3},
    ],
}
WORKERS: dict[str, Any] = {
    "devices": 5,
    "workers": [
        {"id": "p", "role": "prefill", "devices": 1, "rate_per_s": 3.0},
        {"id": "d", "role": "decode", "devices": 2, "rate_per_s": 5.0},
        {"id": "a", "role": "aggregated", "devices": 2, "rate_per_s": 2.0},
    ],
    "factors": {"prefill": 0.9, "decode": 0.92},
}


ROUTING: dict[str, Any] = {
    "sources": [{"name": "p", "model": "m", "rate_per_s": 2.0}],
    "sinks": [{"name": "d", "model": "m", "capacity_per_s": 3.0}],
    "links": [{"name": "rail", "bytes_per_s": 8.0}],
    "paths": [{"from": "p", "to": "d", "links": ["rail"], "seconds": 0.5}],
    "kv_bytes": {"m": 1.0},
}


def best_workers(instance: dict[str, Any]) -> float:
    """Enumerate every mix of workers."""
    workers, factors = instance["workers"], instance.get("factors", {})
    best = 0.0
    for counts in product(*(range(instance["devices"] // w["devices"] + 1) for w in workers)):
        if sum(n * w["devices"] for n, w in zip(counts, workers, strict=True)) <= instance["devices"]:
            rate = dict.fromkeys(worker_mix.ROLES, 0.0)
            for n, w in zip(counts, workers, strict=True):
                rate[w["role"]] += n * w["rate_per_s"] * factors.get(w["role"], 1.0)
            best = max(best, min(rate["prefill"], rate["decode"]) + rate["aggregated"])
    return best


@QUICK
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(worker_mix.ROLES), st.integers(1, 4), AMOUNT), min_size=1, max_size=5
    ),
    devices=st.integers(0, 9),
    factors=st.fixed_dictionaries({}, optional={"prefill": AMOUNT, "decode": AMOUNT}),
)
def test_worker_mix_equals_enumeration(
    rows: list[tuple[str, int, float]], devices: int, factors: dict[str, float]
) -> None:
    workers = [
        {"id": str(i), "role": role, "devices": size, "rate_per_s": rate}
        for i, (role, size, rate) in enumerate(rows)
    ]
    instance = {"devices": devices, "workers": workers, "factors": factors}
    answer = worker_mix.solve(worker_mix.parse(instance), gap=1e-9)
    assert answer["objective"] == pytest.approx(best_workers(instance), rel=1e-7, abs=1e-9)
    used = sum(workers[int(name)]["devices"] * count for name, count in answer["solution"].items())
    assert used <= devices


@pytest.mark.parametrize("devices", [37, 1000, 12_345, 1_000_000])
def test_large_budgets_are_solved_to_the_gap(devices: int) -> None:
    answer = worker_mix.solve(worker_mix.parse(WORKERS | {"devices": devices}))
    assert answer["status"] == "optimal"
    assert answer["gap"] <= 1e-4
    ratio = 4.6 * 2.7 / (2.7 * 2 + 4.6)  # requests/s per device of the best prefill to decode ratio
    assert answer["objective"] == pytest.approx(ratio * devices, rel=0.05)


@QUICK
@given(
    rates=st.lists(st.tuples(AMOUNT, AMOUNT | st.just(0.0)), min_size=1, max_size=3),
    costs=st.lists(AMOUNT, min_size=3, max_size=3),
    share=st.tuples(AMOUNT | st.just(0.0), AMOUNT),
)
def test_indivisible_buckets_equal_enumeration(
    rates: list[tuple[float, float]], costs: list[float], share: tuple[float, float]
) -> None:
    gpus = [
        {"name": str(k), "cost_per_h": costs[k], "max_rate_per_bucket": list(rate)}
        for k, rate in enumerate(rates)
    ]
    instance = {"gpus": gpus, "workload_share": list(share), "rate_req_s": 1.0, "splittable": False}
    buckets = [b for b in range(2) if share[b] > 0]
    best = None
    for chosen in product(range(len(rates)), repeat=len(buckets)):
        if any(rates[k][b] == 0 for k, b in zip(chosen, buckets, strict=True)):
            continue
        load = [0.0] * len(rates)
        for k, b in zip(chosen, buckets, strict=True):
            load[k] += share[b] / rates[k][b]
        cost = sum(costs[k] * -(-(load[k] - 1e-9) // 1) for k in range(len(rates)))
        best = cost if best is None else min(best, cost)
    whole = replica_mix.solve(replica_mix.parse(instance), gap=1e-9)
    assert whole["objective"] == (None if best is None else pytest.approx(best))
    split = replica_mix.solve(replica_mix.parse(instance | {"splittable": True}), gap=1e-9)
    assert split["status"] == whole["status"]
    if best is not None:
        assert split["objective"] <= whole["objective"] * (1 + 1e-9)
        assert split["bound"] <= split["objective"]


@QUICK
@given(
    columns=st.lists(
        st.tuples(AMOUNT, st.integers(1, 3), st.integers(0, 2), AMOUNT, AMOUNT | st.just(0.0)),
        min_size=1,
        max_size=4,
    ),
    amounts=st.tuples(AMOUNT, AMOUNT | st.just(0.0)),
    limit=st.integers(1, 5),
)
def test_columns_form_equals_enumeration(
    columns: list[tuple[float, ...]], amounts: tuple[float, float], limit: int
) -> None:
    instance = {
        "resources": [{"name": "pool", "limit": limit}, {"name": "cap", "limit": 4}],
        "demands": [{"name": "one", "amount": amounts[0]}, {"name": "two", "amount": amounts[1]}],
        "columns": [
            {"id": str(c), "cost": cost, "uses": {"pool": n, "cap": m}, "serves": {"one": a, "two": b}}
            for c, (cost, n, m, a, b) in enumerate(columns)
        ],
    }
    best = None
    for x in product(range(6), repeat=len(columns)):
        totals = [sum(n * column[i] for n, column in zip(x, columns, strict=True)) for i in range(5)]
        enough = totals[3] >= amounts[0] - 1e-9 and totals[4] >= amounts[1] - 1e-9
        if totals[1] <= limit and totals[2] <= 4 and enough:
            best = totals[0] if best is None else min(best, totals[0])
    answer = replica_mix.solve(replica_mix.parse(instance), gap=1e-9)
    assert answer["status"] == ("infeasible" if best is None else "optimal")
    assert answer["objective"] == (None if best is None else pytest.approx(best))


@pytest.mark.parametrize(
    ("module", "instance", "objective"),
    [
        (replica_mix, GPUS, 3.0),
        (replica_mix, COLUMNS, 5.0),
        (worker_mix, WORKERS, 4.7),  # one prefill (2.7) with one decode, and one aggregated
        (kv_routing, ROUTING, 1.0),  # two requests/s, half a second each
    ],
)
def test_answers_have_exactly_the_agreed_keys(
    module: Any, instance: dict[str, Any], objective: float
) -> None:
    answer = module.solve(module.parse(instance))
    assert set(answer) == KEYS
    assert json.loads(json.dumps(answer)) == answer
    assert answer["objective"] == pytest.approx(objective)
    if module is not kv_routing:  # a mix is told as counts
        assert all(isinstance(count, int) and count > 0 for count in answer["solution"].values())


def test_a_bucket_that_no_type_serves_is_infeasible() -> None:
    gpus = [GPUS["gpus"][0] | {"max_rate_per_bucket": [[2.0, None]]}]
    answer = replica_mix.solve(replica_mix.parse(GPUS | {"gpus": gpus}))
    assert answer["status"] == "infeasible"
    assert answer["objective"] is answer["gap"] is answer["bound"] is None
    assert answer["solution"] == {}


def test_nothing_asked_costs_nothing() -> None:
    answer = replica_mix.solve(replica_mix.parse(GPUS | {"rate_req_s": 0}))
    assert (answer["status"], answer["objective"], answer["solution"]) == ("optimal", 0.0, {})


def test_workers_without_partner_sustain_nothing() -> None:
    answer = worker_mix.solve(worker_mix.parse(WORKERS | {"workers": WORKERS["workers"][:1]}))
    assert (answer["status"], answer["objective"], answer["solution"]) == ("optimal", 0.0, {})


@pytest.mark.parametrize("instance", [GPUS, COLUMNS])
def test_unknown_and_explanatory_keys_are_ignored(instance: dict[str, Any]) -> None:
    more = instance | {"source": "somewhere", "expected": {"cost": -1}, "expected_peer": [], "note": None}
    plain, noted = (replica_mix.solve(replica_mix.parse(one)) for one in (instance, more))
    assert plain | {"wall_s": 0} == noted | {"wall_s": 0}


def without(instance: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in instance.items() if name != key}


def first(instance: dict[str, Any], key: str, **changes: Any) -> dict[str, Any]:
    """Change the first member of an array."""
    return instance | {key: [instance[key][0] | changes, *instance[key][1:]]}


@pytest.mark.parametrize(
    ("module", "instance", "pointer"),
    [
        (replica_mix, without(GPUS, "rate_req_s"), "/rate_req_s"),
        (replica_mix, GPUS | {"rate_req_s": -1}, "/rate_req_s"),
        (replica_mix, GPUS | {"rate_req_s": True}, "/rate_req_s"),
        (replica_mix, GPUS | {"rate_req_s": "4"}, "/rate_req_s"),
        (replica_mix, GPUS | {"rate_req_s": float("nan")}, "/rate_req_s"),
        (replica_mix, GPUS | {"rate_req_s": float("inf")}, "/rate_req_s"),
        (replica_mix, GPUS | {"rate_req_s": 10**400}, "/rate_req_s"),
        (replica_mix, GPUS | {"splittable": 1}, "/splittable"),
        (replica_mix, GPUS | {"workload_share": [[0.5]]}, "/gpus/0/max_rate_per_bucket"),
        (replica_mix, GPUS | {"workload_share": [[0.5, -0.5]]}, "/workload_share/0/1"),
        (replica_mix, GPUS | {"workload_share": [[0.5, None]]}, "/workload_share/0/1"),
        (replica_mix, GPUS | {"gpus": []}, "/gpus"),
        (replica_mix, GPUS | {"gpus": GPUS["gpus"] * 2}, "/gpus/2/name"),
        (replica_mix, first(GPUS, "gpus", cost_per_h=-1), "/gpus/0/cost_per_h"),
        (replica_mix, first(GPUS, "gpus", max_rate_per_bucket=3), "/gpus/0/max_rate_per_bucket"),
        (replica_mix, GPUS | COLUMNS, "/columns"),
        (replica_mix, {}, "/gpus"),
        (replica_mix, without(COLUMNS, "demands"), "/demands"),
        (replica_mix, COLUMNS | {"columns": COLUMNS["columns"] * 2}, "/columns/2/id"),
        (replica_mix, COLUMNS | {"resources": [{"name": "pool"}]}, "/resources/0/limit"),
        (replica_mix, first(COLUMNS, "columns", uses={"pond": 1}), "/columns/0/uses"),
        (replica_mix, first(COLUMNS, "columns", serves={"chat": -2}), "/columns/0/serves/chat"),
        (replica_mix, first(COLUMNS, "columns", max=1.5), "/columns/0/max"),
        (replica_mix, first(COLUMNS, "columns", max=-1), "/columns/0/max"),
        (worker_mix, without(WORKERS, "workers"), "/workers"),
        (worker_mix, WORKERS | {"devices": 2.5}, "/devices"),
        (worker_mix, WORKERS | {"devices": -1}, "/devices"),
        (worker_mix, WORKERS | {"devices": False}, "/devices"),
        (worker_mix, WORKERS | {"workers": {"p": 1}}, "/workers"),
        (worker_mix, WORKERS | {"workers": WORKERS["workers"] * 2}, "/workers/3/id"),
        (worker_mix, first(WORKERS, "workers", role="encode"), "/workers/0/role"),
        (worker_mix, first(WORKERS, "workers", devices=0), "/workers/0/devices"),
        (worker_mix, first(WORKERS, "workers", rate_per_s=None), "/workers/0/rate_per_s"),
        (worker_mix, first(WORKERS, "workers", id=7), "/workers/0/id"),
        (worker_mix, WORKERS | {"factors": {"prefill": -0.1}}, "/factors/prefill"),
        (worker_mix, [WORKERS], ""),
    ],
)
def test_wrong_fields_are_refused_by_name(module: Any, instance: Any, pointer: str) -> None:
    with pytest.raises(InvalidInstance) as refusal:
        module.parse(instance)
    assert refusal.value.pointer == pointer
    last = pointer.rsplit("/", 1)[-1]
    assert last.isdigit() or last in str(refusal.value)
    assert refusal.value.hint == "" or refusal.value.hint.startswith("Maybe")


def test_every_problem_publishes_a_schema_its_examples_meet() -> None:
    cases = [
        ("replica-mix", GPUS),
        ("replica-mix", COLUMNS),
        ("worker-mix", WORKERS),
        ("kv-routing", ROUTING),
    ]
    assert {name for name, _ in cases} == set(PROBLEMS)
    for name, instance in cases:
        schema = PROBLEMS[name].SCHEMA
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(instance, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(WORKERS | {"devices": -1}, PROBLEMS["worker-mix"].SCHEMA)


def test_pick_gives_the_named_instance() -> None:
    document = {"instances": [{"name": "one", "devices": 1}, {"name": "two", "devices": 2}]}
    assert pick(document, "two")["devices"] == 2
    assert pick({"instances": document["instances"][:1]})["devices"] == 1
    assert pick(WORKERS) is WORKERS


@pytest.mark.parametrize("name", [None, "three"])
def test_pick_lists_the_names_where_the_choice_is_open(name: str | None) -> None:
    with pytest.raises(InvalidInstance) as refusal:
        pick({"instances": [{"name": "one"}, {"name": "two"}]}, name)
    assert "one, two" in refusal.value.hint


def test_pick_refuses_a_name_in_a_file_of_one_instance() -> None:
    with pytest.raises(InvalidInstance, match="no instances"):
        pick(WORKERS, "one")
