"""Token mixer of every layer; grouped-query attention with all its spellings is read here."""

from typing import Literal

from models.blocks.base import Mixer
from models.blocks.gqa import GroupedQueryAttention
from planner.importers.hf_config.compressed import compressed_mixers
from planner.importers.hf_config.family import Family
from planner.importers.hf_config.fields import Fields
from planner.importers.hf_config.latent import latent_mixers
from planner.importers.hf_config.layer_types import LINEAR, SLIDING, layer_types, window_tokens
from planner.importers.hf_config.recurrent import gated_delta

QkNorm = Literal["none", "head", "full"]


def mixers(c: Fields, family: Family, layers: int) -> tuple[Mixer, ...]:
    """Mixer of each layer, first to last."""
    if c.has("compress_ratios"):
        return compressed_mixers(c, layers)
    if c.has("kv_lora_rank"):
        return latent_mixers(c, layers)
    types = layer_types(c, family, layers)
    made: dict[str, Mixer] = {}
    for kind in dict.fromkeys(types):
        made[kind] = gated_delta(c) if kind == LINEAR else grouped(c, family, sliding=kind == SLIDING)
    return tuple(made[kind] for kind in types)


def _heads_of(c: Fields, heads_name: str, kv_names: tuple[str, ...]) -> tuple[int, int]:
    """Query heads and KV heads, checked against each other."""
    heads = c.count(heads_name, "num_attention_heads", "n_head")
    kv_heads = c.count(*kv_names, default=heads)
    if heads % kv_heads:
        c.refuse(
            c.named(*kv_names) or heads_name,
            f"{kv_heads} does not divide {heads} attention heads",
            "Maybe one of the two counts is wrong.",
        )
    return heads, kv_heads


def grouped(c: Fields, family: Family, *, sliding: bool) -> GroupedQueryAttention:
    """Grouped-query attention, with the names some families use for their sliding or global layers."""
    shared_kv = c.flag("attention_k_eq_v") and not sliding
    special = ["swa_num_key_value_heads"] * sliding + ["num_global_key_value_heads"] * shared_kv
    kv_names = (*special, "num_key_value_heads", "num_kv_heads")
    prefix = "swa_" if sliding else ""
    heads, kv_heads = _heads_of(c, f"{prefix}num_attention_heads", kv_names)
    head_dim = _head_dim(c, heads, "swa_head_dim" if sliding else "global_head_dim")
    value_dim = c.count(f"{prefix}v_head_dim", "v_head_dim", default=head_dim)
    both = c.flag("attention_bias", "attn_bias", default=family.qkv_bias)
    sink_flag = f"add_{'swa' if sliding else 'full'}_attention_sink_bias"
    return GroupedQueryAttention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        v_head_dim=None if value_dim == head_dim else value_dim,
        window_tokens=window_tokens(c) if sliding else None,
        shared_kv=shared_kv,
        output_gate=c.flag("attn_output_gate", default=c.text("model_type") == "qwen3_next"),
        qkv_bias=both or c.flag("qkv_bias", "use_qkv_bias"),
        output_bias=both and family.output_bias and c.has("attention_bias"),
        qk_norm=_qk_norm(c, family),
        sinks=c.flag(sink_flag, default=c.text("model_type") == "gpt_oss"),
        extra_norms=int(family.sandwich),
    )


def _head_dim(c: Fields, heads: int, special: str) -> int:
    given = c.count(special, "head_dim", "attention_head_dim", default=None)
    if given is not None:
        return given
    hidden = c.count("hidden_size")
    if hidden % heads:
        c.refuse("hidden_size", f"{hidden} is not a multiple of {heads} heads", "Maybe head_dim is missing.")
    return hidden // heads


def _qk_norm(c: Fields, family: Family) -> QkNorm:
    asked = c.flag("use_qk_norm", "qk_norm", "use_qk_layernorm")
    if family.qk_norm != "when_asked":
        return family.qk_norm
    if not asked:
        return "none"
    return "full" if c.text("qk_norm_type") == "per_layer" else "head"
