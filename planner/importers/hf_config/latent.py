"""Latent attention: DeepSeek's, with sparse indexers, and between the layers of Kimi Linear."""

from models.blocks.base import Mixer
from models.blocks.mla import LatentAttention
from planner.importers.hf_config.fields import Fields
from planner.importers.hf_config.recurrent import kimi_delta


def latent_mixers(c: Fields, layers: int) -> tuple[Mixer, ...]:
    """Mixer of every layer of a model with latent attention."""
    own = _latent(c, indexer=c.has("index_n_heads"))
    linear = c.inner("linear_attn_config")
    if linear is not None:
        return _with_linear(c, own, linear, layers)
    shared = c.choices("indexer_types", layers, {"full": "full", "shared": "shared"})
    if shared is None:
        return (own,) * layers
    reuses = _latent(c, indexer=False)
    return tuple(own if kind == "full" else reuses for kind in shared)


def _with_linear(c: Fields, own: Mixer, linear: Fields, layers: int) -> tuple[Mixer, ...]:
    """Kimi Delta Attention on the layers of a list that counts from one."""
    delta, full = set(linear.numbers("kda_layers")), set(linear.numbers("full_attn_layers"))
    if delta & full or delta | full != set(range(1, layers + 1)):
        linear.refuse(
            "kda_layers",
            f"and full_attn_layers do not name each of the layers 1 to {layers} once",
            "Maybe one of the lists is cut off; layers count from 1.",
        )
    mixer = kimi_delta(linear)
    return tuple(mixer if i in delta else own for i in range(1, layers + 1))


def _latent(c: Fields, *, indexer: bool) -> LatentAttention:
    """Multi-head latent attention; ``head_dim`` and the number of KV heads mislead here."""
    return LatentAttention(
        heads=c.count("num_attention_heads"),
        q_lora_rank=c.count("q_lora_rank", default=None),
        kv_lora_rank=c.count("kv_lora_rank"),
        qk_nope_head_dim=c.count("qk_nope_head_dim"),
        qk_rope_head_dim=c.count("qk_rope_head_dim"),
        v_head_dim=c.count("v_head_dim"),
        output_gate=c.flag("mla_use_output_gate"),
        index_heads=c.count("index_n_heads") if indexer else 0,
        index_head_dim=c.count("index_head_dim") if indexer else 0,
        index_top_k=c.count("index_topk", default=None),
    )
