"""What a ``model_type`` implies without saying so in its configuration file."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Defaults of one model family; the configuration file wins wherever it speaks.

    Attributes
    ----------
    tied : bool
        Head and embedding share one table when ``tie_word_embeddings`` is absent.
    qkv_bias : bool
        Queries, keys and values have a bias when no flag is there.
    output_bias : bool
        ``attention_bias`` also puts a bias on the output projection.
    qk_norm : {"none", "head", "full", "when_asked"}
        Norm of queries and keys with weights; "when_asked" needs ``use_qk_norm``.
    sandwich : bool
        A second norm follows attention and FFN.
    gated : bool
        The FFN has a gate beside the up projection.
    expert_bias, router_bias, shared_gate, score_correction : bool
        Details of the experts.
    global_every : int
        One in so many layers has no window, when no list says which.
    """

    tied: bool = False
    qkv_bias: bool = False
    output_bias: bool = True
    qk_norm: Literal["none", "head", "full", "when_asked"] = "when_asked"
    sandwich: bool = False
    gated: bool = True
    expert_bias: bool = False
    router_bias: bool = False
    shared_gate: bool = False
    score_correction: bool = False
    global_every: int | None = None


_QWEN3 = Family(qk_norm="head")
_QWEN2 = Family(qkv_bias=True, output_bias=False, qk_norm="none")
_GEMMA = Family(tied=True, qk_norm="none")
_GEMMA3 = Family(tied=True, qk_norm="head", sandwich=True, global_every=6)

FAMILIES: dict[str, Family] = {
    "cohere": Family(tied=True, qk_norm="none"),
    "cohere2": Family(tied=True, qk_norm="none", global_every=4),
    "deepseek_v3": Family(score_correction=True),
    "gemma": _GEMMA,
    "gemma2": Family(tied=True, qk_norm="none", sandwich=True, global_every=2),
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "gemma4": _GEMMA3,
    "gemma4_text": _GEMMA3,
    "glm": Family(output_bias=False),
    "glm4": Family(output_bias=False, sandwich=True),
    "glm4_moe": Family(output_bias=False, score_correction=True),
    "gpt_oss": Family(qk_norm="none", expert_bias=True, router_bias=True, global_every=2),
    "kimi_linear": Family(score_correction=True),
    "llama4": Family(qk_norm="none", global_every=4),
    "llama4_text": Family(qk_norm="none", global_every=4),
    "minicpmv": _QWEN2,
    "nemotron": Family(gated=False),
    "nemotron_h": Family(gated=False, score_correction=True),
    "olmo2": Family(qk_norm="full"),
    "olmoe": Family(qk_norm="full"),
    "qwen2": _QWEN2,
    "qwen2_moe": Family(qkv_bias=True, output_bias=False, qk_norm="none", shared_gate=True),
    "qwen2_vl": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_next": Family(qk_norm="head", shared_gate=True),
    "qwen3_5_text": _QWEN3,
    "qwen3_5_moe_text": Family(qk_norm="head", shared_gate=True),
    "starcoder2": Family(tied=True, gated=False),
}
"""Families that differ from the plain Llama-like default; every other ``model_type`` gets that one."""


def family(model_type: str) -> Family:
    """Defaults for ``model_type``."""
    return FAMILIES.get(model_type, Family())
