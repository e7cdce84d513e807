"""The formats an engine really serves a checkpoint in, once a short name or "auto" is spelled out."""

from dataclasses import replace

from models.architecture import ModelSpec
from models.engine import Engine
from models.precision import Precision, WeightFormat


def served_precision(spec: ModelSpec, asked: Precision, engine: Engine) -> Precision:
    """Formats of weights, experts and cache.

    A checkpoint published in block fp8 is served as such when somebody says just "fp8"; a cache on "auto"
    takes the format the engine picks for these weights.
    """

    def weights(name: WeightFormat) -> WeightFormat:
        return "fp8_block" if name == "fp8" and spec.precision.weights == "fp8_block" else name

    kv = engine.auto_kv.get(weights(asked.weights), "auto") if asked.kv == "auto" else asked.kv
    experts = None if asked.moe_weights is None else weights(asked.moe_weights)
    return replace(asked, weights=weights(asked.weights), moe_weights=experts, kv=kv)
