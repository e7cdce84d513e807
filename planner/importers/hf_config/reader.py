"""The reader itself: from the nested file to one :class:`ModelSpec`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models.architecture import LayerKind, ModelSpec
from models.blocks.gqa import GroupedQueryAttention
from models.errors import InvalidInput
from planner.importers.hf_config import hybrid
from planner.importers.hf_config.attention import mixers
from planner.importers.hf_config.family import Family, family
from planner.importers.hf_config.ffn import ffns, has_experts
from planner.importers.hf_config.fields import LAYERS, Fields, shown
from planner.importers.hf_config.quantization import Formats, formats
from planner.importers.hf_config.vision import vision_encoder, vision_parameters

_NESTED = ("text_config", "llm_config", "language_config", "thinker_config")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_CONTEXT = ("max_position_embeddings", "max_sequence_length", "seq_length", "n_positions", "max_seq_len")
_TOKEN_PREDICTION = ("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules")
_LONGEST_CONTEXT = 1_000_000_000
_UNREAD = (
    "attn_layer_period",
    "attn_type_list",
    "mamba_d_state",
    "mamba_d_ssm",
    "ssm_cfg",
    "layers_block_type",
    "time_mix_extra_dim",
    "num_encoder_layers",
    "num_decoder_layers",
    "encoder_layers",
)
"""Fields of architectures that would be read wrongly as plain attention."""


def read(config: Mapping[str, Any], *, quant: Mapping[str, Any] | None = None, id: str = "") -> ModelSpec:
    """Read a Hugging Face ``config.json``.

    Parameters
    ----------
    config : Mapping
        Content of ``config.json``.
    quant : Mapping, optional
        Content of ``hf_quant_config.json``, which wins over ``quantization_config``.
    id : str
        Name to give the model; default: its architecture.

    Raises
    ------
    InvalidInput
        A field is missing, has the wrong type, breaks a bound or contradicts another.
    """
    top = Fields(_object(config, "config"))
    c = _language_model(top)
    _supported(c)
    kind = family(c.text("model_type"))
    layers = c.count(*_LAYERS, most=LAYERS)
    is_moe = has_experts(c)
    side = None if quant is None else Fields(_object(quant, "hf_quant_config"), "/hf_quant_config")
    found = formats(c, side, is_moe=is_moe, layers=layers)
    stack = _kept_in_bf16(_stack(c, kind, layers), found)
    kinds = tuple(dict.fromkeys(stack))
    index = {layer: k for k, layer in enumerate(kinds)}
    hidden = c.count("hidden_size", "n_embd", "d_model")
    return ModelSpec(
        id=id or _name(top, c),
        hidden_size=hidden,
        vocab_size=c.count("vocab_size"),
        tied_embeddings=c.flag("tie_word_embeddings", default=kind.tied),
        max_context_tokens=c.count(*_CONTEXT, most=_LONGEST_CONTEXT),
        kinds=kinds,
        pattern=tuple(index[layer] for layer in stack),
        precision=found.precision,
        vision_parameters=vision_parameters(top, hidden),
        unread_parameters=_token_prediction(c, stack[-1], hidden),
        encoder=vision_encoder(top),
    )


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object, got {shown(value)}", hint="Maybe pass its content.")
    return value


def _language_model(top: Fields) -> Fields:
    """Fields of the language model: multimodal files nest it, and leave some fields outside."""
    for name in _NESTED:
        inner = top.inner(name)
        if inner is not None and inner.has(*_LAYERS):
            return inner.within(top)
    return top


def _supported(c: Fields) -> None:
    for name in _UNREAD:
        if c.value(name) not in (None, 0, [], False):
            c.refuse(name, "belongs to an architecture this version does not read", "Maybe use a preset.")
    if c.flag("is_encoder_decoder"):
        c.refuse("is_encoder_decoder", "is true", "Maybe a decoder-only model was meant.")
    for name in ("num_kv_shared_layers", "hidden_size_per_layer_input"):
        if c.count(name, default=0, least=0):
            c.refuse(name, "is not read", "Maybe use a larger model of the family.")


def _stack(c: Fields, kind: Family, layers: int) -> tuple[LayerKind, ...]:
    if c.has("block_configs"):
        return hybrid.block_layers(c, kind, layers)
    if c.has("hybrid_override_pattern"):
        return hybrid.pattern_layers(c, kind, layers)
    pairs = zip(mixers(c, kind, layers), ffns(c, kind, layers), strict=True)
    return tuple(LayerKind(mixer=mixer, ffn=block) for mixer, block in pairs)


def _kept_in_bf16(stack: tuple[LayerKind, ...], found: Formats) -> tuple[LayerKind, ...]:
    """Mark the attention of dense checkpoints that only quantise their FFN."""
    if not found.attention_kept:
        return stack
    return tuple(
        replace(layer, mixer=replace(layer.mixer, quantised=False))
        if isinstance(layer.mixer, GroupedQueryAttention)
        else layer
        for layer in stack
    )


def _token_prediction(c: Fields, last: LayerKind, hidden: int) -> int:
    """Layers for multi-token prediction: one layer like the last, two norms, a matrix joining two states."""
    layers = c.count(*_TOKEN_PREDICTION, default=0, least=0, most=LAYERS)
    one = last.dense_parameters(hidden) + last.expert_parameters(hidden) + 2 * hidden * (hidden + 1)
    return layers * one


def _name(top: Fields, c: Fields) -> str:
    listed = top.value("architectures")
    if isinstance(listed, list | tuple) and listed and isinstance(listed[0], str):
        return listed[0][:200]
    return c.text("model_type", "unnamed")[:200]
