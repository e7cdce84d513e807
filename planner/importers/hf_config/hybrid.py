"""Stacks whose layers are written one by one: Nemotron-H patterns and block lists of searched models."""

from models.architecture import LayerKind
from models.blocks.dense_ffn import DenseFfn
from models.blocks.gqa import GroupedQueryAttention
from planner.importers.hf_config import attention, ffn
from planner.importers.hf_config.family import Family
from planner.importers.hf_config.fields import MOST, Fields
from planner.importers.hf_config.recurrent import mamba

_WIDTH_MULTIPLE = 256
_LETTERS = "M*E-"


def pattern_layers(c: Fields, family: Family, layers: int) -> tuple[LayerKind, ...]:
    """Nemotron-H: one letter a layer, each layer a mixer or an FFN with its own norm."""
    pattern = c.text("hybrid_override_pattern")
    if len(pattern) != layers:
        c.refuse("hybrid_override_pattern", f"has {len(pattern)} letters for {layers} layers")
    made: dict[str, LayerKind] = {}
    for letter in dict.fromkeys(pattern):
        made[letter] = _letter(c, family, letter)
    return tuple(made[letter] for letter in pattern)


def _letter(c: Fields, family: Family, letter: str) -> LayerKind:
    if letter not in _LETTERS:
        c.refuse("hybrid_override_pattern", f"holds {letter!r}", f"Maybe one of {' '.join(_LETTERS)}.")
    if letter == "M":
        return LayerKind(mixer=mamba(c), ffn=None)
    if letter == "*":
        return LayerKind(mixer=attention.grouped(c, family, sliding=False), ffn=None)
    if letter == "E":
        return LayerKind(mixer=None, ffn=ffn.experts(c, family))
    return LayerKind(mixer=None, ffn=ffn.dense(c, family))


def block_layers(c: Fields, family: Family, layers: int) -> tuple[LayerKind, ...]:
    """Searched architectures (DeciLM, Puzzle): every block has its own heads and FFN width, or none."""
    heads, hidden = c.count("num_attention_heads"), c.count("hidden_size")
    dim = c.count("head_dim", default=None)
    if dim is None and hidden % heads:
        c.refuse("hidden_size", f"{hidden} is not a multiple of {heads} heads")
    made: list[LayerKind] = []
    for block in c.objects("block_configs", layers):
        mixer = _searched_attention(block, heads, dim or hidden // heads)
        made.append(LayerKind(mixer=mixer, ffn=_searched_ffn(block, hidden, ffn.gated(c, family))))
    return tuple(made)


def _searched_attention(block: Fields, heads: int, dim: int) -> GroupedQueryAttention | None:
    c = block.inner("attention")
    if c is None or c.flag("no_op"):
        return None
    if c.flag("replace_with_linear"):
        c.refuse("replace_with_linear", "is not read", "Maybe describe the model by a preset of its own.")
    share = c.count("n_heads_in_group", default=None)
    kv_heads = c.count("num_key_value_heads", default=heads) if share is None else heads // share
    if not kv_heads or heads % kv_heads or (share is not None and heads % share):
        c.refuse("n_heads_in_group", f"{share} does not divide {heads} heads")
    window = c.count("window_length", default=None)
    return GroupedQueryAttention(heads=heads, kv_heads=kv_heads, head_dim=dim, window_tokens=window)


def _searched_ffn(block: Fields, hidden: int, gated: bool) -> DenseFfn | None:
    c = block.inner("ffn")
    if c is None or c.flag("no_op"):
        return None
    if c.flag("replace_with_linear") or c.has("moe"):
        c.refuse("replace_with_linear" if c.flag("replace_with_linear") else "moe", "is not read")
    width = c.count("intermediate_size", default=None)
    if width is None:
        exact = int(2 * c.ratio("ffn_mult") * hidden / 3)
        width = -(-exact // _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE
    if not 1 <= width <= MOST:
        c.refuse("ffn_mult", f"makes a width of {width}")
    return DenseFfn(intermediate_size=width, gated=gated)
