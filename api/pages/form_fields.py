"""The fields of the form: their names, defaults and choices, and where each lands in a scenario."""

from dataclasses import dataclass
from typing import get_args

from models import catalog
from models.objective import ObjectiveName
from models.precision import KvFormat, WeightFormat

DEFAULTS: dict[str, str] = {
    "name": "my plan",
    "model": "meta-llama/Meta-Llama-3.1-70B",
    "hf_config": "",
    "weights": "fp8",
    "kv": "auto",
    "engine": "vllm",
    "device": "h100-sxm",
    "nodes": "2",
    "devices_per_node": "8",
    "cluster_yaml": "",
    "arrival": "rate",
    "rate_per_s": "8",
    "cv": "1",
    "concurrency": "64",
    "input_tokens": "3000",
    "output_tokens": "300",
    "prefix_hit_percent": "0",
    "ttft_limit_s": "2",
    "ttft_percentile": "0.95",
    "tpot_limit_ms": "50",
    "tpot_percentile": "0.95",
    "e2e_limit_s": "",
    "e2e_percentile": "0.95",
    "objective": "max_goodput",
    "failure": "",
    "more": "yes",
    "top_k": "5",
    "time_limit_s": "30",
    "memory_tp": "2",
    "scenario_yaml": "",
}

PLACES = (
    # longest first: the first prefix that fits a pointer names the field
    ("/deployments/0/workload/arrival/concurrency", "concurrency"),
    ("/deployments/0/workload/arrival/cv", "cv"),
    ("/deployments/0/workload/arrival", "rate_per_s"),
    ("/deployments/0/workload/input_tokens", "input_tokens"),
    ("/deployments/0/workload/output_tokens", "output_tokens"),
    ("/deployments/0/workload/prefix_hit_frac", "prefix_hit_percent"),
    ("/deployments/0/model/hf_config", "hf_config"),
    ("/deployments/0/model", "model"),
    ("/deployments/0/precisions/0/kv", "kv"),
    ("/deployments/0/precisions", "weights"),
    ("/deployments/0/engine", "engine"),
    ("/deployments/0/slo/ttft_s", "ttft_limit_s"),
    ("/deployments/0/slo/tpot_s", "tpot_limit_ms"),
    ("/deployments/0/slo/e2e_s", "e2e_limit_s"),
    ("/cluster/pools/0/devices_per_node", "devices_per_node"),
    ("/cluster/pools/0/nodes", "nodes"),
    ("/cluster/pools/0/device", "device"),
    ("/cluster/pools", "nodes"),
    ("/objective", "objective"),
    ("/reserve", "failure"),
    ("/options/sensitivity", "more"),
    ("/options/top_k", "top_k"),
    ("/options/time_limit_s", "time_limit_s"),
    ("/name", "name"),
)

MEMORY_TP = {str(n): f"{n} device" + "s" * (n > 1) for n in (1, 2, 4, 8, 16)}
"""Degrees of tensor parallelism the memory bar looks at."""
FAILURES = {
    "": "nothing: all devices work",
    "device": "any one device",
    "node": "any one node",
}
PERCENTILES = {"0.5": "p50", "0.9": "p90", "0.95": "p95", "0.99": "p99", "mean": "mean"}
OBJECTIVES = {
    "max_goodput": "most requests per second within the SLO",
    "max_attainment": "largest share of this traffic within the SLO",
    "min_cost": "least cost for this traffic",
    "min_usd_per_million_tokens": "least money per million output tokens",
    "min_devices": "fewest devices for this traffic",
    "min_power": "least power for this traffic",
    "min_joule_per_token": "least energy per output token",
    "min_ttft": "shortest time to first token",
    "min_tpot": "shortest time per output token",
    "min_e2e": "shortest end-to-end time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the select fields offer: value to label."""

    models: dict[str, str]
    devices: dict[str, str]
    engines: dict[str, str]
    weights: dict[str, str]
    kv: dict[str, str]
    objectives: dict[str, str]
    percentiles: dict[str, str]
    failures: dict[str, str]
    more: dict[str, str]
    memory_tp: dict[str, str]


def choices() -> Choices:
    """Everything the catalogue knows."""
    return Choices(
        models={name: name for name in catalog.model_ids()},
        devices={d.id: d.name for d in catalog.devices()},
        engines={e.name: f"{e.name} {e.version}" for e in catalog.engines()},
        weights={"": "as in the checkpoint", **{name: name for name in get_args(WeightFormat)}},
        kv={name: name for name in ("auto", *(f for f in get_args(KvFormat) if f != "auto"))},
        objectives={name: OBJECTIVES.get(name, name) for name in get_args(ObjectiveName)},
        percentiles=PERCENTILES,
        failures=FAILURES,
        more={"yes": "tell it", "no": "leave it out"},
        memory_tp=MEMORY_TP,
    )


def field_at(pointer: str, pasted: dict[str, str]) -> str | None:
    """The field a fault of the scenario belongs to; None where it belongs to none."""
    if pasted["scenario_yaml"]:
        return "scenario_yaml"
    if pasted["cluster_yaml"] and pointer.startswith("/cluster"):
        return "cluster_yaml"
    return next((field for prefix, field in PLACES if pointer.startswith(prefix)), None)
