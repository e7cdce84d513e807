"""Mixers with a recurrent state instead of a cache: gated delta rule, Kimi Delta Attention, Mamba-2."""

from models.blocks.linear_attention import LinearAttention
from models.blocks.mamba import MambaMixer
from planner.importers.hf_config.fields import Fields


def gated_delta(c: Fields) -> LinearAttention:
    """Gated delta rule as Qwen3-Next and Qwen3.5 have it."""
    keys, values = c.count("linear_num_key_heads"), c.count("linear_num_value_heads")
    if values % keys:
        c.refuse("linear_num_value_heads", f"{values} is not a multiple of {keys} key heads")
    width = c.count("linear_value_head_dim")
    return LinearAttention(
        key_heads=keys,
        value_heads=values,
        key_head_dim=c.count("linear_key_head_dim"),
        value_head_dim=width,
        conv_kernel=c.count("linear_conv_kernel_dim", default=4),
        gate_width=values * width,
        decay_width=2 * values,
        state_bytes_per_element=_state_bytes(c, "mamba_ssm_dtype"),
    )


def _state_bytes(c: Fields, name: str) -> float:
    """Bytes of one number of a recurrent state: fp32 unless the file says otherwise."""
    return 4.0 if c.text(name, "float32") in {"float32", "auto"} else 2.0


def kimi_delta(c: Fields) -> LinearAttention:
    """Delta rule with one decay per channel and a low-rank path to it (Kimi Linear)."""
    heads, dim = c.count("num_heads"), c.count("head_dim")
    return LinearAttention(
        key_heads=heads,
        value_heads=heads,
        key_head_dim=dim,
        value_head_dim=dim,
        conv_kernel=c.count("short_conv_kernel_size", default=4),
        gate_width=heads * dim,
        decay_width=heads * dim,
        low_rank=dim,
        gate_low_rank=0 if c.flag("use_full_rank_gate") else dim,
    )


def mamba(c: Fields) -> MambaMixer:
    """Mamba-2 mixer."""
    heads, groups = c.count("mamba_num_heads"), c.count("n_groups", "mamba_n_groups")
    if heads % groups:
        c.refuse("n_groups", f"{groups} does not divide {heads} Mamba heads")
    return MambaMixer(
        heads=heads,
        head_dim=c.count("mamba_head_dim"),
        state_size=c.count("ssm_state_size"),
        groups=groups,
        conv_kernel=c.count("conv_kernel", default=4),
        state_bytes_per_element=_state_bytes(c, "mamba_ssm_cache_dtype"),
    )
