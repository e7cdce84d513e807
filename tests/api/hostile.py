"""A scenario that uses every field, and values nobody should send."""

import copy
from typing import Any

from hypothesis import strategies as st

FULL: dict[str, Any] = {
    "schema": "shardwright.scenario/1",
    "name": "full",
    "mode": "serve",
    "deployments": [
        {
            "name": "chat",
            "model": "meta-llama/Meta-Llama-3.1-8B",
            "precisions": [{"weights": "fp8", "moe_weights": None, "kv": "fp8"}],
            "engine": {"name": "vllm", "version": None},
            "workload": {
                "arrival": {"rate_per_s": 1.0, "cv": 1.0},
                "input_tokens": {"mean": 1000, "cv": 0.5},
                "output_tokens": {"histogram": [[100, 0.5], [200, 0.5]]},
                "prefix_hit_frac": 0.1,
            },
            "slo": {
                "ttft_s": {"limit_s": 2.0, "percentile": 0.95},
                "tpot_s": {"limit_s": 0.05, "percentile": "mean"},
                "e2e_s": {"limit_s": 60.0, "percentile": 0.5},
            },
        }
    ],
    "cluster": {
        "pools": [
            {
                "name": "large",
                "device": "h100-sxm",
                "nodes": 1,
                "devices_per_node": 2,
                "scale_up_domain": 2,
                "inter_node": {"bytes_per_s_per_device": 5e10, "latency_s": 1e-5},
                "price_usd_per_device_hour": 2.0,
                "watt": {"idle": 100.0, "peak": 700.0},
            },
            {"name": "small", "device": "l40s", "nodes": 1, "devices_per_node": 1},
        ],
        "links": [{"from": "large", "to": "small", "bytes_per_s": 1e10, "latency_s": 1e-4}],
    },
    "objective": "max_goodput",
    "limits": {"usd_per_hour": 100.0, "watt": 1e5, "devices": 3},
    "reserve": {"failure": None},
    "periods": [],
    "price_book": None,
    "calibration": None,
    "options": {
        "roles": ["aggregated", "prefill", "decode"],
        "top_k": 2,
        "time_limit_s": 5,
        "gap": 1e-4,
        "seed": 0,
        "verify": "none",
        "slo_confidence": "point",
    },
}

VALUES: list[Any] = [
    *(None, True, False, 0, -1, -0.0, 0.5, 5e-324, 1e300, 10_000_001, 2**63, 10**400),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "x", "1", "8.0", "NaN", "null", "a\0b", "\u202e", "a" * 2_000, "'; DROP TABLE jobs;--"),
    *("../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "h100-sxn", "no/such-model"),
    *([], {}, [[]], [None], {"x": 1}, {"id": "x"}, {"id": None, "revision": -1}, {"a/b~c": 1}),
    *({"path": "/etc/passwd"}, {"trace": {"path": "/etc/passwd"}}, {"hf_config": "/etc/passwd"}),
    *({"hf_config": {}}, {"hf_config": {"model_type": "llama", "num_attention_heads": 7}}),
    *({"minimize": []}, {"pareto": ["min_cost", "min_power"]}, "train", "top1", "min_cost"),
]


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """The full scenario with one to three places replaced, taken away, or given one key too many."""
    document = copy.deepcopy(FULL)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([place for place in places(document) if place]))
        owner: Any = document
        for key in place[:-1]:
            owner = owner[key]
        change = draw(st.integers(0, 9))
        if change == 0:
            del owner[place[-1]]
        elif change == 1 and isinstance(owner, dict):
            owner["unknown"] = 1
        else:
            owner[place[-1]] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return document


def resolves(pointer: str, document: Any) -> bool:
    """Whether a JSON pointer leads into a document, or to a key that one of its objects lacks."""
    tokens = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for i, token in enumerate(tokens):
        if isinstance(document, dict):
            if token not in document:
                return i == len(tokens) - 1
            document = document[token]
        elif isinstance(document, list) and token.isdecimal() and int(token) < len(document):
            document = document[int(token)]
        else:
            return False
    return True
