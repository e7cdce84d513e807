"""JSON Schemas of request bodies, over the components the description publishes, and examples that work."""

from typing import Any

MAX_NAME = 300
NAME = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": r"\S"}
PLAIN_OBJECT: dict[str, Any] = {"type": "object"}


def component(name: str) -> dict[str, Any]:
    """A schema by its name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**required, **(optional or {})},
    }


REFERENCE = closed({"id": {"type": "string"}}, {"revision": {"type": "integer", "minimum": 1}})
PRICES = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number", "minimum": 0}}
MODEL = {"oneOf": [{"type": "string"}, component("InlineModel")]}
DOCUMENTS = {
    "models": MODEL,
    "clusters": component("Cluster"),
    "workloads": component("Workload"),
    "slos": component("Slo"),
    "scenarios": component("SentScenario"),
    "price-books": PRICES,
    "calibrations": component("Calibration"),
}
"""Schema of the content of each kind of stored document."""
CHANGES = closed({"changes": {"type": "array", "minItems": 1, "maxItems": 100, "items": component("Change")}})
AXES = {"type": "array", "minItems": 1, "maxItems": 8, "items": component("Axis")}


def scenario(model: str, device: str, nodes: int, name: str, **more: Any) -> dict[str, Any]:
    """A whole scenario of one model on one pool of nodes with eight devices."""
    return {
        "schema": "shardwright.scenario/1",
        "name": name,
        "deployments": [
            {
                "name": "chat",
                "model": model,
                "workload": {"arrival": {"rate_per_s": 4.0}, "input_tokens": 3000, "output_tokens": 300},
                "slo": {"ttft_s": {"limit_s": 2.0, "percentile": 0.95}},
            }
        ],
        "cluster": {"pools": [{"name": "main", "device": device, "nodes": nodes, "devices_per_node": 8}]},
        **more,
    }


DENSE = scenario("meta-llama/Meta-Llama-3.1-70B", "h100-sxm", 1, "dense model on 8 x H100")
EXPERTS = scenario("deepseek-ai/DeepSeek-V3", "h200-sxm", 2, "mixture of experts on 2 x 8 H200")
MIXED = {
    **scenario("meta-llama/Meta-Llama-3.1-8B", "l4", 2, "L4 beside A100", objective="min_cost"),
    "cluster": {
        "pools": [
            {"name": "small", "device": "l4", "nodes": 2, "devices_per_node": 8},
            {"name": "large", "device": "a100-sxm-80", "nodes": 1, "devices_per_node": 8},
        ]
    },
}
SCENARIOS = {"dense": DENSE, "experts": EXPERTS, "mixed": MIXED}
"""Questions that can be sent as they are; a test sends them."""
BENCHMARK = (
    '{"backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B-Instruct", "max_concurrency": 8, '
    '"completed": 160, "request_throughput": 3.1, "total_input_tokens": 160000, '
    '"total_output_tokens": 32000, "mean_ttft_ms": 120, "mean_tpot_ms": 12.5}'
)
"""A result file of a serving benchmark, cut down to what is read of it."""
ROW = {
    "id": "a",
    "model": "meta-llama/Meta-Llama-3.1-8B",
    "device": "h100-sxm",
    "engine": {"name": "vllm", "version": None},
    "input_tokens": 1000,
    "output_tokens": 200,
    "concurrency": 8,
    "devices": 1,
    "groups": [{"role": "aggregated", "replicas": 1, "parallelism": {"tp": 1}}],
}
"""A configuration to price."""
CALIBRATION = {
    "schema": "shardwright.calibration/1",
    "name": "mine",
    "kind": "calibrated",
    "systems": [
        {
            "device": "h100-sxm",
            "engine": "vllm",
            "versions": [],
            "models": ["meta-llama/Meta-Llama-3.1-8B"],
            "points": 10,
        }
    ],
    "parameters": {"memory/gemm": 0.03},
    "points": 10,
    "error_frac": {
        "ttft_s": {"before_frac": 0.3, "after_frac": 0.1, "left_out_frac": None},
        "tpot_s": {"before_frac": 0.3, "after_frac": 0.1, "left_out_frac": None},
    },
    "error_band_frac": {"ttft_s": [0.8, 1.3], "tpot_s": [0.9, 1.1]},
    "fitted_on": "0123456789abcdef",
    "sources": ["bench.json"],
}
"""A calibration as shardwright calibrate writes it, with one correction."""
