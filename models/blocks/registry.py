"""Every block kind by name: one line per kind. ``None`` stands for a block that is absent."""

from collections.abc import Callable
from typing import Any

from models.blocks.compressed_attention import CompressedAttention
from models.blocks.dense_ffn import DenseFfn
from models.blocks.gqa import GroupedQueryAttention
from models.blocks.linear_attention import LinearAttention
from models.blocks.mamba import MambaMixer
from models.blocks.mla import LatentAttention
from models.blocks.moe import MoeFfn

MIXERS: dict[str, Callable[..., Any]] = {
    "gqa": GroupedQueryAttention,
    "mla": LatentAttention,
    "linear": LinearAttention,
    "mamba2": MambaMixer,
    "compressed": CompressedAttention,
}

FFNS: dict[str, Callable[..., Any]] = {
    "dense": DenseFfn,
    "moe": MoeFfn,
}
