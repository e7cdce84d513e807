"""A small, complete answer put together by hand: what the pipeline returns, without running it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from models import codec
from models.parallelism import Parallelism
from models.plan import (
    Certificate,
    Cost,
    EngineLimits,
    Evidence,
    Explanation,
    Group,
    Infeasibility,
    MemoryBytes,
    Objective,
    Placed,
    Plan,
    Predicted,
    RankedPlans,
    Relaxation,
    Search,
    SloVerdict,
)
from models.precision import Precision
from models.scenario import EngineChoice, Scenario

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-70b-2x8-h100.yaml"

SMALL_CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}


def scenario_document(**changes: Any) -> dict[str, Any]:
    """The example scenario as plain data, with top-level fields replaced."""
    return {**yaml.safe_load(EXAMPLE.read_text()), **changes}


def scenario(**changes: Any) -> Scenario:
    return codec.from_plain(Scenario, scenario_document(**changes))


def group(role: str, replicas: int, tp: int) -> Group:
    return Group(
        deployment="chat",
        role=role,  # type: ignore[arg-type]
        pool="h100",
        replicas=replicas,
        parallelism=Parallelism(tp=tp),
        layer_partition=(80,),
        precision=Precision(weights="fp8", moe_weights="fp8", kv="fp8"),
        engine=EngineChoice(name="vllm", version="0.33.0"),
        limits=EngineLimits(
            max_num_seqs=64, max_num_batched_tokens=8192, max_model_len=8192, kv_cache_tokens=412_000
        ),
        memory_bytes=MemoryBytes(
            weights=35e9, kv_cache=30e9, activations=4e9, engine=3e9, free=13e9, capacity=85e9
        ),
        traffic_share=1.0,
    )


def plan(rank: int, groups: tuple[Group, ...], value: float, status: str = "met") -> Plan:
    devices = sum(g.replicas * g.parallelism.devices for g in groups)
    return Plan(
        rank=rank,
        id=f"plan-{rank}-{devices}",
        objective_value=value,
        gap=abs(12.31 - value) / value,
        devices_used=devices,
        devices_idle=16 - devices,
        groups=groups,
        placement=(Placed(group=0, replica=0, devices=(("h100", 0, 0), ("h100", 0, 1))),),
        predicted={
            "chat": Predicted(
                ttft_s={"mean": 0.7, "p50": 0.6, "p95": 1.38, "p99": 2.2},
                tpot_s={"mean": 0.031, "p50": 0.03, "p95": 0.0412, "p99": 0.05},
                e2e_s={"mean": 10.0, "p50": 9.5, "p95": 14.0, "p99": 18.0},
                request_per_s=value,
                output_tokens_per_s=value * 300,
                output_tokens_per_s_per_device=value * 300 / devices,
            )
        },
        cost=Cost(
            usd_per_hour=2.5 * devices,
            usd_per_million_output_tokens=2.9,
            watt=700.0 * devices,
            joule_per_output_token=3.0,
        ),
        slo={"chat": SloVerdict(status=status, margins_frac={"ttft_s": 0.31, "tpot_s": 0.176})},  # type: ignore[arg-type]
        evidence=Evidence(
            kind="roofline",
            sources=("roofline",),
            error_band_frac={"ttft_s": (0.8, 1.3), "tpot_s": (0.9, 1.2)},
        ),
        explanation=Explanation(
            bottleneck="decode: reading weights and KV cache from device memory",
            binding=("pool h100: all 16 devices are used",),
            why_not=("2 × tp8 aggregated: 11 % fewer requests within the TTFT limit",),
            breakdown_s={
                "chat/decode": {"attention": 0.011, "weights": 0.019, "all_reduce": 0.006},
                "chat/prefill": {"gemm": 0.31, "attention": 0.05, "all_reduce": 0.06},
            },
        ),
    )


def solved(asked: Scenario | None = None) -> RankedPlans:
    return RankedPlans(
        scenario=asked or scenario(),
        scenario_sha256=codec.sha256(asked or scenario()),
        shardwright_version="0.1.0",
        status="optimal",
        objective=Objective(name="max_goodput", unit="request/s", sense="max"),
        bound=12.31,
        gap=0.0,
        certificate=Certificate(
            method="branch-and-bound",
            solver="scip",
            lp_bound=12.9,
            lp_duals={"pool:h100": 0.77},
            program_sha256="0" * 64,
        ),
        search=Search(
            candidates=18_234,
            priced=9_120,
            feasible=871,
            undominated=64,
            dropped={"memory": 4_120, "slo:tpot": 3_011},
            wall_s=0.41,
            cpu_s=0.40,
        ),
        plans=(
            plan(1, (group("prefill", 3, 2), group("decode", 5, 2)), 12.31),
            plan(2, (group("aggregated", 2, 8),), 10.96, "near_miss"),
        ),
    )


def infeasible(asked: Scenario | None = None) -> RankedPlans:
    return replace(
        solved(asked),
        status="infeasible",
        bound=None,
        gap=None,
        plans=(),
        certificate=None,
        infeasibility=Infeasibility(
            binding=("slo.chat.tpot_s.limit_s=0.003",),
            relaxations=(
                Relaxation(change="slo.chat.tpot_s.limit_s", from_=0.003, to=0.0071, makes_feasible=True),
                Relaxation(change="cluster.h100.nodes", from_=2, to=None, makes_feasible=False),
            ),
        ),
    )
