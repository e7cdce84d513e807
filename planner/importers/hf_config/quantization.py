"""Number formats of a checkpoint, from what the quantisation tools leave in its files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from models.precision import KvFormat, Precision, WeightFormat
from planner.importers.hf_config.fields import Fields, shown

_ALGORITHMS: dict[str, WeightFormat] = {
    "FP8": "fp8",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
    "FP8_PB_WO": "fp8_block",
    "FP8_BLOCK_SCALES": "fp8_block",
    "NVFP4": "nvfp4",
    "NVFP4_AWQ": "nvfp4",
    "W4A8_NVFP4_FP8": "nvfp4",
    "MXFP4": "mxfp4",
    "W4A8_MXFP4_FP8": "mxfp4",
    "W4A16_MXFP4": "mxfp4",
    "INT4_AWQ": "int4",
    "W4A16_AWQ": "int4",
    "W4A16_GPTQ": "int4",
    "W4A8_AWQ": "int4",
    "INT8_SQ": "int8",
    "W8A8_SQ_PER_CHANNEL": "int8",
    "W8A16": "int8",
}
"""Names modelopt gives its algorithms."""
_BY_BITS: dict[int, WeightFormat] = {4: "int4", 8: "int8"}
_INTEGER_METHODS = {"gptq", "awq", "auto-round", "intel/auto-round", "gptq_marlin", "awq_marlin"}
_LAYER = re.compile(r"layers\.(\d{1,5})\.")
_ATTENTION = re.compile(r"self_attn|attention|\battn")
_EXPERTS = re.compile(r"(?<!shared_)experts?\b")
_SMALL = re.compile(r"norm|bias|sink|router|\.gate\b(?!_)")
_NVFP4_GROUP = 16
_BYTE_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """Formats of a checkpoint and whether attention was left in bf16 all the same."""

    precision: Precision
    attention_kept: bool = False


def formats(c: Fields, quant: Fields | None, *, is_moe: bool, layers: int) -> Formats:
    """Read the formats.

    Parameters
    ----------
    c : Fields
        The language model's fields, or the whole file's.
    quant : Fields or None
        Content of ``hf_quant_config.json``, which wins over ``quantization_config``.
    is_moe : bool
        Whether experts exist, whose format may differ from the rest.
    layers : int
        Layers, to judge lists that name modules one by one.
    """
    given = quant or c.inner("quantization_config") or c.inner("compression_config")
    if given is None:
        return Formats(precision=Precision())
    given = given.inner("quantization") or given
    kv = _kv(given)
    if given.text("quant_algo").upper() == "MIXED_PRECISION":
        return _mixed(given, kv, is_moe=is_moe)
    found = _format(given)
    kept = _kept(given, layers, _ATTENTION) or found == "mxfp4" == given.text("quant_method")
    if not is_moe:
        return Formats(precision=Precision(weights=found, kv=kv), attention_kept=kept)
    experts: WeightFormat = "bf16" if _kept(given, layers, _EXPERTS) else found
    if c.text("expert_dtype") in {"fp4", "mxfp4"}:
        # DeepSeek-V4 stores experts as fp4 with one shared exponent per 32, whatever the method says
        experts = "mxfp4"
    weights: WeightFormat = "bf16" if kept else found
    same = experts == weights
    return Formats(precision=Precision(weights=weights, moe_weights=None if same else experts, kv=kv))


def _format(c: Fields) -> WeightFormat:
    method = c.text("quant_method").lower()
    if c.has("quant_algo"):
        return _algorithm(c, c.text("quant_algo"))
    if c.has("config_groups"):
        return _group_format(c)
    if method in {"fp8", "fbgemm_fp8"}:
        return "fp8_block" if c.has("weight_block_size") else "fp8"
    if method == "mxfp4":
        return "mxfp4"
    if method in _INTEGER_METHODS:
        return _integer(c, c.count("bits", "w_bit", "weight_bits", default=4, most=64))
    if method != "bitsandbytes":
        c.refuse(
            "quant_method",
            f"{shown(c.value('quant_method'))} is not known",
            f"Maybe state the precision in the scenario: {', '.join(get_args(WeightFormat))}.",
        )
    return "int4" if c.flag("load_in_4bit", "_load_in_4bit") else "int8"


def _algorithm(c: Fields, name: str) -> WeightFormat:
    found = _ALGORITHMS.get(name.upper())
    if found is None:
        c.refuse("quant_algo", f"{shown(name)} is not known", f"Maybe one of {', '.join(_ALGORITHMS)}.")
    return found


def _integer(c: Fields, bits: int) -> WeightFormat:
    if bits not in _BY_BITS:
        c.refuse(c.named("bits", "w_bit", "weight_bits", "num_bits") or "bits", f"{bits} is not 4 or 8")
    return _BY_BITS[bits]


def _group_format(c: Fields) -> WeightFormat:
    """Compressed-tensors and modelopt groups: all groups must agree on the weights' format."""
    groups = c.inner("config_groups")
    content = c.value("config_groups")
    if groups is None or not isinstance(content, Mapping) or not content:
        c.refuse("config_groups", "is empty")
    found: set[WeightFormat] = set()
    for name in content:
        weights = None if (group := groups.inner(str(name))) is None else group.inner("weights")
        if weights is not None:
            found.add(_weights_format(weights))
    if len(found) != 1:
        c.refuse("config_groups", f"names {len(found)} formats of weights", "Maybe state the precision.")
    return found.pop()


def _weights_format(c: Fields) -> WeightFormat:
    integer = _integer(c, c.count("num_bits", most=64))
    if c.text("type", "int") != "float":
        return integer
    if integer == "int8":
        return "fp8_block" if c.text("strategy") == "block" else "fp8"
    return "nvfp4" if c.count("group_size", default=_NVFP4_GROUP) == _NVFP4_GROUP else "mxfp4"


def _kv(c: Fields) -> KvFormat:
    """Format of the cache; nvfp4 caches are planned as fp8, the narrowest format that is modelled."""
    if c.has("kv_cache_quant_algo"):
        return "fp8" if c.text("kv_cache_quant_algo").upper() in {"FP8", "NVFP4"} else "auto"
    scheme = c.inner("kv_cache_scheme")
    if scheme is None:
        return "auto"
    return "fp8" if scheme.count("num_bits", default=16, most=64) <= _BYTE_BITS else "auto"


def _mixed(c: Fields, kv: KvFormat, *, is_moe: bool) -> Formats:
    """Every module with an algorithm of its own: the most frequent one of experts and of the rest."""
    content = c.value("quantized_layers")
    named = c.inner("quantized_layers")
    if named is None or not isinstance(content, Mapping):
        c.refuse("quantized_layers", "is missing", "Maybe state the precision in the scenario.")
    votes: dict[bool, list[WeightFormat]] = {True: [], False: []}
    for name in content:
        layer = named.inner(str(name))
        if layer is not None:
            expert = is_moe and bool(_EXPERTS.search(str(name)))
            votes[expert].append(_algorithm(layer, layer.text("quant_algo")))
    weights, experts = (_most(votes[expert]) for expert in (False, True))
    same = not is_moe or experts == weights
    return Formats(precision=Precision(weights=weights, moe_weights=None if same else experts, kv=kv))


def _most(votes: list[WeightFormat]) -> WeightFormat:
    return max(sorted(set(votes)), key=votes.count) if votes else "bf16"


def _kept(c: Fields, layers: int, module: re.Pattern[str]) -> bool:
    """Whether exclusions cover ``module`` in most layers.

    Patterns are only searched for names, never run: they come from outside and may be expressions.
    """
    named: set[int] = set()
    for pattern in _exclusions(c):
        if not module.search(pattern) or _SMALL.search(pattern):
            continue
        layer = _LAYER.search(pattern)
        if layer is None:
            return True
        named.add(int(layer.group(1)))
    return 2 * len(named) > layers


def _exclusions(c: Fields) -> list[str]:
    patterns: list[Any] = []
    for name in ("modules_to_not_convert", "ignore", "exclude_modules", "ignored_layers"):
        value = c.value(name)
        if value is None:
            continue
        if not isinstance(value, list | tuple):
            c.refuse(name, f"must be a list, got {shown(value)}")
        patterns += value
    return [p for p in patterns if isinstance(p, str)]
