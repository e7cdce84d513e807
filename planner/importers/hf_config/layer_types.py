"""Which layers see everything, which only a window, and which keep a recurrent state."""

from planner.importers.hf_config.family import Family
from planner.importers.hf_config.fields import Fields

FULL, SLIDING, LINEAR = "full", "sliding", "linear"
_TYPES = {
    "full_attention": FULL,
    "attention": FULL,
    "sliding_attention": SLIDING,
    "chunked_attention": SLIDING,
    "linear_attention": LINEAR,
}
_LONGEST_WINDOW = 1_000_000_000


def layer_types(c: Fields, family: Family, layers: int) -> tuple[str, ...]:
    """Type of every layer, first to last."""
    listed = c.choices("layer_types", layers, _TYPES)
    if listed is not None:
        return listed
    flags = c.counts("hybrid_layer_pattern", layers, most=1)
    if flags is not None:
        return tuple(SLIDING if flag else FULL for flag in flags)
    if c.has("linear_num_value_heads"):
        every = c.count("full_attention_interval", default=4)
        return tuple(FULL if (i + 1) % every == 0 else LINEAR for i in range(layers))
    if not _windowed(c):
        return (FULL,) * layers
    return _window_pattern(c, family, layers)


def _windowed(c: Fields) -> bool:
    asked = c.flag("use_sliding_window", default=True)
    return asked and c.has("sliding_window", "attention_chunk_size")


def _window_pattern(c: Fields, family: Family, layers: int) -> tuple[str, ...]:
    """Windows without a list: one global layer in so many, or the first layers global, or none."""
    no_rope = c.counts("no_rope_layers", layers, most=1) if c.value("no_rope_layers") else None
    if no_rope is not None:  # Llama-4: 0 marks the layers without rotation, which see everything
        return tuple(SLIDING if rotates else FULL for rotates in no_rope)
    every = c.count("sliding_window_pattern", "no_rope_layer_interval", default=family.global_every)
    if every is not None:
        return tuple(FULL if (i + 1) % every == 0 else SLIDING for i in range(layers))
    first = c.count("max_window_layers", default=0, least=0) if c.has("use_sliding_window") else 0
    return tuple(FULL if i < first else SLIDING for i in range(layers))


def window_tokens(c: Fields) -> int:
    """Tokens a query of a windowed layer sees."""
    return c.count("sliding_window", "sliding_window_size", "attention_chunk_size", most=_LONGEST_WINDOW)
