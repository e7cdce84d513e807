"""Documents and dataclasses: strict on the way in, complete on the way out, all faults at once."""

import json
from copy import deepcopy
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import codec
from models.errors import InvalidInput, NotBuilt
from models.plan import RankedPlans
from models.scenario import Scenario

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def document() -> dict[str, Any]:
    return {
        "schema": "shardwright.scenario/1",
        "deployments": [
            {
                "name": "chat",
                "model": "meta-llama/Meta-Llama-3.1-8B",
                "workload": {"arrival": {"rate_per_s": 2.0}, "input_tokens": 100, "output_tokens": 50},
            }
        ],
        "cluster": {"pools": [{"name": "p", "device": "h100-sxm", "nodes": 1, "devices_per_node": 8}]},
    }


def changed(pointer: str, value: Any) -> dict[str, Any]:
    whole = document()
    at: Any = whole
    *path, last = pointer.strip("/").split("/")
    for key in path:
        at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return whole


def refused(data: Any, kind: type = Scenario) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        codec.from_plain(kind, data)
    return error.value


def test_defaults_are_filled_in_and_survive_a_round_trip() -> None:
    read = codec.from_plain(Scenario, document())
    plain = codec.to_plain(read)
    assert plain["options"] == {
        "roles": None, "top_k": 5, "time_limit_s": 30.0, "gap": 1e-4, "seed": 0, "verify": "none",
        "slo_confidence": "point", "sensitivity": False, "rate_factors": None,
    }  # fmt: skip
    assert plain["objective"] == "max_goodput"
    assert plain["deployments"][0]["workload"]["arrival"]["cv"] == 1.0
    assert codec.from_plain(Scenario, plain) == read
    assert codec.from_plain(Scenario, json.loads(codec.to_json(read))) == read


def test_the_hash_is_that_of_the_normalised_document() -> None:
    told = document()
    told["options"] = {"top_k": 5}
    turned = dict(reversed(list(document().items())))
    hashes = {codec.sha256(codec.from_plain(Scenario, d)) for d in (document(), told, turned)}
    assert len(hashes) == 1
    other = codec.from_plain(Scenario, changed("/options/top_k", 4))
    assert codec.sha256(other) not in hashes


def test_a_reserved_word_loses_its_underscore_outside() -> None:
    link = {"from": "p", "to": "q", "bytes_per_s": 1e9}
    whole = document()
    whole["cluster"]["pools"].append({**whole["cluster"]["pools"][0], "name": "q"})
    whole["cluster"]["links"] = [link]
    read = codec.from_plain(Scenario, whole)
    assert read.cluster.links[0].from_ == "p"
    assert codec.to_plain(read)["cluster"]["links"][0]["from"] == "p"
    whole["cluster"]["links"] = [{"from_": "p", "to": "q", "bytes_per_s": 1e9}]
    assert refused(whole).faults


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/schema", "shardwright.scenario/2"),
        ("/name", ""),
        ("/name", 5),
        ("/cluster/pools/0/nodes", 0),
        ("/cluster/pools/0/nodes", 1.5),
        ("/cluster/pools/0/nodes", "2"),
        ("/cluster/pools/0/devices_per_node", True),
        ("/cluster/pools/0/unknown", 1),
        ("/cluster/pools/0/watt/idle", -1.0),
        ("/deployments/0/workload/input_tokens", 0),
        ("/deployments/0/workload/input_tokens", "3000"),
        ("/deployments/0/workload/prefix_hit_frac", 1.5),
        ("/deployments/0/engine/name", "llama.cpp"),
        ("/deployments/0/slo/ttft_s/percentile", 1.0),
        ("/deployments/0/slo/ttft_s/limit_s", 0.0),
        ("/deployments/0/slo/itl_s", {"limit_s": 1.0}),
        ("/objective", "max_profit"),
        ("/options/top_k", 101),
        ("/options/gap", -0.1),
        ("/options/time_limit_s", 0),
        ("/limits/devices", 0),
    ],
)
def test_what_is_wrong_is_named_by_its_pointer(pointer: str, value: Any) -> None:
    whole = changed(pointer, value)
    error = refused(whole)
    if pointer == "/deployments/0/slo/ttft_s/percentile":
        whole["deployments"][0]["slo"]["ttft_s"]["limit_s"] = 1.0
        error = refused(whole)
    assert pointer in {fault.pointer for fault in error.faults}


def test_all_faults_are_told_at_once() -> None:
    whole = changed("/cluster/pools/0/nodes", -1)
    whole["deployments"][0]["workload"]["output_tokens"] = -5
    whole["options"] = {"top_k": 0, "colour": "red"}
    pointers = {fault.pointer for fault in refused(whole).faults}
    assert pointers >= {
        "/cluster/pools/0/nodes",
        "/deployments/0/workload/output_tokens",
        "/options/top_k",
        "/options/colour",
    }


def test_a_missing_key_is_told_as_missing() -> None:
    whole = document()
    del whole["deployments"][0]["workload"]["arrival"]
    (fault,) = refused(whole).faults
    assert fault.pointer == "/deployments/0/workload/arrival"
    assert fault.detail == "missing"


def test_only_the_branch_of_a_union_that_was_meant_is_told() -> None:
    whole = changed("/deployments/0/workload/input_tokens", {"mean": -3.0})
    assert [f.pointer for f in refused(whole).faults] == ["/deployments/0/workload/input_tokens/mean"]
    whole = changed("/objective", {"minimize": ["min_cost", "nothing"]})
    assert [f.pointer for f in refused(whole).faults] == ["/objective/minimize/1"]


@pytest.mark.parametrize(
    ("pointer", "value", "where"),
    [
        ("/deployments/0/workload/arrival", {}, "/deployments/0/workload/arrival"),
        (
            "/deployments/0/workload/arrival",
            {"rate_per_s": 1.0, "concurrency": 4},
            "/deployments/0/workload/arrival",
        ),
        ("/cluster/pools/0/watt", {"idle": 9.0, "peak": 3.0}, "/cluster/pools/0/watt/idle"),
        (
            "/cluster/links",
            [{"from": "p", "to": "nowhere", "bytes_per_s": 1e9}],
            "/cluster/links/0/to",
        ),
        ("/objective", {}, "/objective/minimize"),
        ("/calibration", "mine", "/calibration"),
    ],
)
def test_contradictions_are_told_where_they_are(pointer: str, value: Any, where: str) -> None:
    error = refused(changed(pointer, value))
    assert error.faults[0].pointer == where
    assert error.faults[0].hint == "" or error.faults[0].hint.startswith("Maybe")


@pytest.mark.parametrize("key", ["pools", "deployments"])
def test_names_are_used_once(key: str) -> None:
    whole = document()
    rows = whole["cluster"]["pools"] if key == "pools" else whole["deployments"]
    rows.append(deepcopy(rows[0]))
    assert refused(whole).faults[0].pointer.endswith("/1/name")


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/mode", "train"),
        ("/options/verify", "top1"),
        ("/deployments/0/workload/arrival", {"trace": {"id": "x"}}),
    ],
)
def test_what_is_not_built_yet_says_so(pointer: str, value: Any) -> None:
    with pytest.raises(NotBuilt, match="not built|reserved"):
        codec.from_plain(Scenario, changed(pointer, value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_json_cannot_say_are_refused(value: float) -> None:
    refused(changed("/options/gap", value))


@pytest.mark.parametrize("data", [None, [], 3, "x", {"schema": 1}, {1: 2}, {"a": {3}}])
def test_anything_else_is_refused(data: Any) -> None:
    refused(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@QUICK
@given(
    pointer=st.sampled_from(
        ["/deployments", "/deployments/0/workload", "/deployments/0/slo", "/deployments/0/model",
         "/deployments/0/precisions", "/cluster/pools", "/cluster", "/limits", "/options", "/objective"]
    ),
    value=JSON,
)  # fmt: skip
def test_any_value_anywhere_is_read_or_refused(pointer: str, value: Any) -> None:
    try:
        read = codec.from_plain(Scenario, changed(pointer, value))
    except (InvalidInput, NotBuilt):
        return
    assert codec.from_plain(Scenario, codec.to_plain(read)) == read


@pytest.mark.parametrize("kind", [Scenario, RankedPlans], ids=["scenario", "plans"])
def test_published_schemas_are_valid(kind: type) -> None:
    jsonschema.Draft202012Validator.check_schema(codec.json_schema(kind))


def test_the_schema_admits_what_the_codec_writes() -> None:
    plain = codec.to_plain(codec.from_plain(Scenario, document()))
    jsonschema.validate(plain, codec.json_schema(Scenario))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed("/cluster/pools/0/colour", "red"), codec.json_schema(Scenario))
