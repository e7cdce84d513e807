"""Feed-forward block of every layer: dense or experts, and with which widths."""

from models.blocks.base import Ffn
from models.blocks.dense_ffn import DenseFfn
from models.blocks.moe import MoeFfn
from planner.importers.hf_config.family import Family
from planner.importers.hf_config.fields import Fields

EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
TOP_K = (
    "num_experts_per_tok",
    "top_k_experts",
    "num_experts_per_token",
    "experts_per_token",
    "moe_topk",
    "moe_k",
)
_EXPERT_WIDTH = ("moe_intermediate_size", "expert_intermediate_size", "intermediate_size", "ffn_hidden_size")
_DENSE_WIDTH = ("intermediate_size_mlp", "intermediate_size", "ffn_hidden_size", "n_inner")
_UNGATED = {"relu", "relu2", "squared_relu"}
_MANY = 100_000


def ffns(c: Fields, family: Family, layers: int) -> tuple[Ffn, ...]:
    """FFN of each layer, first to last."""
    sparse = _sparse_layers(c, layers)
    blocks: dict[bool, Ffn] = {}
    if True in sparse:
        blocks[True] = experts(c, family)
    if False in sparse:
        blocks[False] = dense(c, family)
    return tuple(blocks[is_sparse] for is_sparse in sparse)


def gated(c: Fields, family: Family) -> bool:
    """Whether the FFN has a gate beside the up projection."""
    activation = c.text("mlp_hidden_act") or c.text("hidden_act")
    return family.gated and activation not in _UNGATED


def dense(c: Fields, family: Family) -> DenseFfn:
    """Plain feed-forward block."""
    return DenseFfn(
        intermediate_size=c.count(*_DENSE_WIDTH),
        gated=gated(c, family),
        bias=c.flag("mlp_bias", "use_mlp_bias"),
        extra_norms=int(family.sandwich),
    )


def has_experts(c: Fields) -> bool:
    """Whether the file describes routed experts at all."""
    return c.flag("enable_moe_block", default=True) and (c.count(*EXPERTS, default=0, least=0) > 1)


def _sparse_layers(c: Fields, layers: int) -> tuple[bool, ...]:
    """Which layers route to experts: the rules of all families together, each neutral when absent."""
    if not has_experts(c):
        return (False,) * layers
    listed = c.choices(
        "mlp_layer_types", layers, {"dense": "", "sparse": "yes", "moe": "yes", "hash_moe": "yes"}
    )
    if listed is not None:
        return tuple(bool(kind) for kind in listed)
    frequency = c.value("moe_layer_freq")
    if isinstance(frequency, list | tuple):
        flags = c.counts("moe_layer_freq", layers, most=1) or ()
        return tuple(bool(flag) for flag in flags)
    first = c.count("first_k_dense_replace", default=0, least=0)
    every = c.count("moe_layer_freq", default=1)
    step = c.count("decoder_sparse_step", "interleave_moe_layer_step", default=1)
    named = set(c.numbers("moe_layers")) or set(range(layers))
    plain = set(c.numbers("mlp_only_layers"))
    return tuple(
        i >= first and i % every == 0 and (i + 1) % step == 0 and i in named and i not in plain
        for i in range(layers)
    )


def experts(c: Fields, family: Family) -> MoeFfn:
    """Routed experts with what stands beside them."""
    number = c.count(*EXPERTS, most=_MANY)
    top_k = c.count(*TOP_K, most=_MANY)
    if top_k > number:
        c.refuse(c.named(*TOP_K) or TOP_K[0], f"{top_k} exceeds the {number} experts")
    width = c.count(*_EXPERT_WIDTH)
    parallel = c.flag("enable_moe_block")  # Gemma-4: a dense FFN runs beside the experts
    latent = c.count("moe_latent_size", "routed_expert_hidden_size", default=None)
    return MoeFfn(
        experts=number,
        top_k=top_k,
        expert_intermediate_size=width,
        shared_intermediate_size=c.count("intermediate_size") if parallel else _shared_width(c, width),
        shared_gate=family.shared_gate,
        latent_size=latent,
        latent_norm=latent is not None and c.flag("latent_moe_use_norm"),
        gated=gated(c, family),
        expert_bias=family.expert_bias,
        router_bias=family.router_bias,
        score_correction=parallel or _corrected(c, family),
        extra_norms=_PARALLEL_NORMS if parallel else int(family.sandwich),
    )


_PARALLEL_NORMS = 5
"""Gemma-4 beyond the first: after both, after dense, before and after experts, the router's scale."""


def _corrected(c: Fields, family: Family) -> bool:
    return (
        family.score_correction
        or c.text("topk_method") == "noaux_tc"
        or c.flag("use_routing_bias", "moe_router_enable_expert_bias")
    )


def _shared_width(c: Fields, width: int) -> int:
    """Width of all shared experts together."""
    given = c.count(
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_intermediate_size",
        default=None,
        least=0,
    )
    if given is not None:
        return given
    if c.text("model_type") in {"llama4", "llama4_text"}:
        return width
    number = c.count(
        "n_shared_experts", "num_shared_experts", "moe_num_shared_experts", default=0, least=0, most=_MANY
    )
    return number * width
