"""Attention and recurrences of the tables, counted as the planner counts those of a model.

Work per pair, cache and launches come from the blocks of :mod:`models.blocks`, as they do there.
"""

from models.blocks.base import Core
from models.blocks.gqa import GroupedQueryAttention
from models.blocks.linear_attention import LinearAttention
from models.blocks.mla import LatentAttention
from models.precision import KV_BYTES
from planner.block_operations import ACTIVATION_BYTES
from planner.calibration.kernels.counts import Count
from planner.calibration.kernels.tables import Shape

HEAD_DIMS, MOST_QUERIES_PER_KV, MOST_LATENT_HEADS = (64, 128), 16, 128
PROMPT_TOKENS, SHORTEST_PROMPT, LATENT_TOKENS, SHORTEST_LATENT = 40_000, 128, 70_000, 64
"""Prompts of a step: more than an engine batches, or less than one tile, is no shape of serving."""
MOST_CACHED_TOKENS = 4_000_000
PROMPTS = (1, 4)
"""Prompts side by side in a step: the recurrence of one prompt leaves most of a device idle, that of 64
fills it, and one curve cannot say both."""


def attention_prefill(shape: Shape) -> Count | None:
    """A batch of whole prompts; a query sees half of its prompt on average, a window at most."""
    core, tokens = _grouped(shape), shape["batch_size"] * shape["isl"]
    if core is None or tokens > PROMPT_TOKENS or shape["isl"] < SHORTEST_PROMPT:
        return None
    return _prefill(shape, core, tokens)


def attention_decode(shape: Shape) -> Count | None:
    """One query per sequence reads the cache, or the window of it."""
    core = _grouped(shape)
    if core is None or shape["batch_size"] * _context(shape) > MOST_CACHED_TOKENS:
        return None
    return _decode(shape, core)


def latent_prefill(shape: Shape) -> Count | None:
    """As prefill of plain attention, with keys and values expanded from their latent."""
    core, tokens = _latent(shape), shape["batch_size"] * shape["isl"]
    if core is None or tokens > LATENT_TOKENS or shape["isl"] < SHORTEST_LATENT:
        return None
    return _prefill(shape, core, tokens)


def latent_decode(shape: Shape) -> Count | None:
    """All heads of a sequence read one latent per token, and multiply in its space."""
    core = _latent(shape)
    return None if core is None else _decode(shape, core)


def recurrence(shape: Shape) -> Count | None:
    """Convolution and delta rule of a linear attention block, state read and written once a sequence."""
    block = LinearAttention(
        key_heads=shape["num_k_heads"], value_heads=shape["num_v_heads"], conv_kernel=shape["d_conv"],
        key_head_dim=shape["head_k_dim"], value_head_dim=shape["head_v_dim"],
    )  # fmt: skip
    core, sequences = block.core(), shape["batch_size"]
    tokens = sequences * shape["seq_len"]
    if shape["phase"] == "context" and (sequences not in PROMPTS or shape["seq_len"] < SHORTEST_PROMPT):
        return None
    if tokens > PROMPT_TOKENS:
        return None
    return Count(
        kind="recurrence", format="bf16", flop=tokens * core.state_flop_per_token,
        bytes=2.0 * core.state_bytes_per_sequence * sequences, rows=tokens, launches=core.kernels,
    )  # fmt: skip


def _format(shape: Shape) -> str:
    return "fp8" if shape["kv_cache_dtype"] == "fp8" else "bf16"


def _context(shape: Shape) -> int:
    context: int = shape["isl"] + shape["step"]
    return context


def _grouped(shape: Shape) -> Core | None:
    heads, kv_heads = shape["num_heads"], shape["num_key_value_heads"] or shape["num_heads"]
    if shape["head_dim"] not in HEAD_DIMS or heads / kv_heads > MOST_QUERIES_PER_KV:
        return None
    return GroupedQueryAttention(
        heads=heads, kv_heads=kv_heads, head_dim=shape["head_dim"],
        window_tokens=shape["window_size"] or None,
    ).core()  # fmt: skip


def _latent(shape: Shape) -> Core | None:
    """DeepSeek's dimensions: the only ones that were timed."""
    if shape["num_heads"] > MOST_LATENT_HEADS:
        return None
    return LatentAttention(
        heads=shape["num_heads"], q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128,
        qk_rope_head_dim=64, v_head_dim=128,
    ).core()  # fmt: skip


def _prefill(shape: Shape, core: Core, tokens: int) -> Count:
    seen = _capped(core, shape["step"] + shape["isl"] / 2)
    read = (_capped(core, shape["step"]) + shape["isl"]) * shape["batch_size"]
    # 2 FLOP per query and 2 per value element of a pair: a quarter is the width of queries and outputs
    width = core.prefill_flop_per_pair / 4.0
    cache = core.kv_elements_per_token * KV_BYTES[_format(shape)]
    return Count(
        kind="latent_prefill" if core.latent else "attention_prefill",
        format=_format(shape),
        flop=tokens * seen * core.prefill_flop_per_pair,
        bytes=read * cache + tokens * 2.0 * width * ACTIVATION_BYTES,
        rows=tokens,
        launches=core.kernels,
    )


def _decode(shape: Shape, core: Core) -> Count:
    pairs = shape["batch_size"] * _capped(core, _context(shape))
    return Count(
        kind="latent_decode" if core.latent else "attention_decode",
        format=_format(shape),
        flop=pairs * core.decode_flop_per_pair,
        bytes=pairs * core.kv_elements_per_token * KV_BYTES[_format(shape)],
        rows=shape["batch_size"],
        launches=core.kernels,
    )


def _capped(core: Core, tokens: float) -> float:
    return tokens if core.window_tokens is None else min(tokens, core.window_tokens)
