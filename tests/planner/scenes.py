"""Small scenarios and settings that the planner's tests share."""

from dataclasses import replace
from typing import Any

import numpy as np

from models import codec
from models.hardware import Device
from models.plan import RankedPlans
from models.precision import Precision
from models.scenario import Scenario
from planner import pipeline
from planner.layouts import Layouts
from planner.setting import Setting, settings
from planner.step import StepModel

LLAMA_8B = "meta-llama/Meta-Llama-3.1-8B"
LLAMA_70B = "meta-llama/Meta-Llama-3.1-70B"
LLAMA_405B = "meta-llama/Meta-Llama-3.1-405B"
QWEN_MOE = "Qwen/Qwen3-30B-A3B"
QWEN_235B = "Qwen/Qwen3-235B-A22B"
MIXTRAL = "mistralai/Mixtral-8x7B-v0.1"
DEEPSEEK = "deepseek-ai/DeepSeek-V3"
DEEPSEEK_SPARSE = "deepseek-ai/DeepSeek-V3.2"
GPT_OSS = "openai/gpt-oss-120b"
HYBRID = "Qwen/Qwen3.5-35B-A3B"
MAMBA = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"
COMPRESSED = "deepseek-ai/DeepSeek-V4-Flash"
EVERY_KIND = (
    LLAMA_8B, LLAMA_70B, QWEN_MOE, MIXTRAL, DEEPSEEK, DEEPSEEK_SPARSE, GPT_OSS, HYBRID, MAMBA, COMPRESSED,
)  # fmt: skip
"""One model of every kind of attention, recurrence and feed-forward block."""


def pool(
    name: str = "h100", device: str = "h100-sxm", nodes: int | None = 1, each: int = 4, **more: Any
) -> Any:
    """Pool of a scenario document."""
    return {"name": name, "device": device, "nodes": nodes, "devices_per_node": each, **more}


def deployment(
    name: str = "chat",
    model: Any = LLAMA_8B,
    *,
    rate: float = 4.0,
    tokens: tuple[Any, Any] = (3000, 300),
    slo: Any = None,
    **more: Any,
) -> Any:
    """Deployment of a scenario document; ``more`` overrides its keys."""
    limits = {
        "ttft_s": {"limit_s": 2.0, "percentile": 0.95},
        "tpot_s": {"limit_s": 0.05, "percentile": 0.95},
    }
    return {
        "name": name,
        "model": model,
        "workload": {
            "arrival": {"rate_per_s": rate, "cv": 1.0},
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
        },
        "slo": limits if slo is None else slo,
        **more,
    }


def scenario(*deployments: Any, pools: Any = None, objective: Any = "max_goodput", **more: Any) -> Scenario:
    """Checked scenario; one Llama-3.1-8B on four H100 unless told otherwise."""
    cluster = {"pools": list(pools or [pool()]), "links": more.pop("links", [])}
    document = {
        "schema": "shardwright.scenario/1",
        "deployments": list(deployments or [deployment()]),
        "cluster": cluster,
        "objective": objective,
        **more,
    }
    return codec.from_plain(Scenario, document)


def best(answer: RankedPlans) -> float:
    """Objective of the first plan, smaller is better; infinite without one."""
    if not answer.plans:
        return float("inf")
    sign = -1.0 if answer.objective.sense == "max" else 1.0
    return sign * answer.plans[0].objective_value


_VALUES: dict[str, float] = {}


def solved(asked: Scenario) -> float:
    """Best objective of a scenario, smaller is better; the same scenario is solved once."""
    key = codec.sha256(asked)
    if key not in _VALUES:
        _VALUES[key] = best(pipeline.plan(asked))
    return _VALUES[key]


def setting_of(
    model: str,
    device: str = "h100-sxm",
    *,
    nodes: int = 4,
    engine: str = "vllm",
    precision: Precision | None = None,
    each: int = 8,
) -> Setting:
    """One model on one pool at its own or a given precision."""
    asked = scenario(
        deployment(model=model, engine={"name": engine}), pools=[pool(device=device, nodes=nodes, each=each)]
    )
    found = settings(asked)[2][0]
    return found if precision is None else replace(found, precision=precision)


def kinds_of(setting: Setting) -> tuple[Any, ...]:
    """Layer kinds, untyped: a test knows which blocks its model has."""
    return setting.spec.kinds


def with_device(setting: Setting, **figures: Any) -> Setting:
    """The same setting on a device with other figures."""
    device: Device = replace(setting.site.device, **figures)
    return replace(setting, site=replace(setting.site, device=device))


def layouts_of(**degrees: int) -> Layouts:
    """One layout by its degrees; those left out are 1."""
    names = ("tp", "pp", "cp", "dcp", "dp", "ep")
    columns = {name: np.array([degrees.get(name, 1)]) for name in names}
    return Layouts(**columns, sequence_parallel=np.array([bool(degrees.get("sp", 0))]))


def step_model(setting: Setting, **degrees: int) -> StepModel:
    """Step prices of one layout."""
    return StepModel(setting=setting, layouts=layouts_of(**degrees))
