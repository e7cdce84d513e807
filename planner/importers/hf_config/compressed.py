"""Compressed attention of DeepSeek-V4: one compression ratio per layer."""

from models.blocks.base import Mixer
from models.blocks.compressed_attention import CompressedAttention
from planner.importers.hf_config.fields import Fields
from planner.importers.hf_config.layer_types import window_tokens

_LARGEST_RATIO = 1_000_000


def compressed_mixers(c: Fields, layers: int) -> tuple[Mixer, ...]:
    """Mixer of every layer; entries after the last layer belong to token prediction."""
    extra = c.count("num_nextn_predict_layers", default=0, least=0, most=100)
    listed = c.value("compress_ratios")
    long = isinstance(listed, list | tuple) and len(listed) == layers + extra
    ratios = c.counts("compress_ratios", layers + extra if long else layers, most=_LARGEST_RATIO) or ()
    made = {ratio: _layer(c, ratio) for ratio in dict.fromkeys(ratios[:layers])}
    return tuple(made[ratio] for ratio in ratios[:layers])


def _layer(c: Fields, ratio: int) -> CompressedAttention:
    heads, dim, groups = c.count("num_attention_heads"), c.count("head_dim"), c.count("o_groups")
    if heads % groups:
        c.refuse("o_groups", f"{groups} does not divide {heads} heads")
    # only lightly compressed layers choose among their entries; heavily compressed ones read all
    indexed = 0 < ratio < c.count("sliding_window", default=128)
    return CompressedAttention(
        heads=heads,
        head_dim=dim,
        q_lora_rank=c.count("q_lora_rank"),
        output_groups=groups,
        output_rank=c.count("o_lora_rank"),
        window_tokens=window_tokens(c),
        ratio=ratio,
        index_heads=c.count("index_n_heads") if indexed else 0,
        index_head_dim=c.count("index_head_dim") if indexed else 0,
        index_top_k=c.count("index_topk") if indexed else None,
        streams=c.count("hc_mult", default=0, least=0, most=1000),
    )
