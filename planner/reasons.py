"""Reasons of a "no" in the reader's words, with the number that was missed."""

from collections import Counter

from planner.group_run import statistic_name
from planner.setting import Setting
from planner.unloaded import Unloaded

RULES = {
    "rule:heads": "tp does not divide the attention heads",
    "rule:kv_heads": "KV heads can neither be split nor copied evenly over tp",
    "rule:decode_context": (
        "dcp may only split copies of the cache: those of cp ranks and of tp above the KV heads"
    ),
    "rule:stages": "more stages than layers",
    "rule:attention_dp": "this engine replaces tp by attention dp: tp must be 1 when dp > 1",
    "rule:block_size": "a sharded width is no multiple of the weight format's block",
    "rule:experts": "ep does not spread the experts, redundant copies included",
    "rule:engine_ep": "this engine spreads experts over all devices of a stage (tp*cp*dp) or not at all",
    "rule:dense": "dense models take dp = 1 and ep = 1; more copies are replicas",
    "rule:role": "context parallelism is for prompts, splitting the cache for decode",
    "rule:engine_colocated": "this engine does not split the SMs of this device between the phases",
    "rule:colocated": "a replica that splits its SMs runs no pipeline and no context parallelism",
    "rule:encode": "an encode replica is whole encoders side by side: dp of 1, 2, 4 or 8, all else 1",
    "rule:whole_nodes": "a replica lies inside one scale-up domain or takes whole nodes",
}


def rule_text(name: str, setting: Setting) -> str:
    """A failed rule as a sentence."""
    return RULES.get(name, f"{setting.engine.name} does not support {name.split('_')[-1]}")


def unloaded_reasons(setting: Setting, dropped: Counter[str], unloaded: Unloaded) -> list[str]:
    """Why a valid layout holds no load at all."""
    extra_bytes = unloaded.extra_bytes
    found = []
    if dropped.get("memory"):
        found.append(
            f"memory: weights and one request miss {max(extra_bytes, 0.0) / 1e9:.1f} GB per device"
            if extra_bytes > 0
            else "memory: the cache does not hold one request beside the weights"
        )
    for metric, limit in setting.deployment.slo.limits().items():
        if dropped.get(f"slo:{metric.removesuffix('_s')}"):
            reached = unloaded.latency_s.get(metric)
            value = "" if reached is None else f", {reached:.4g} s"
            asked = f"{limit.limit_s:g} s ({statistic_name(limit.percentile)})"
            found.append(f"{metric}: over {asked} even without load{value}")
    return found
