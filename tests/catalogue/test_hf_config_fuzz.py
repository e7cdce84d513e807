"""Whatever stands in a file, the importer answers with an architecture or says which field is wrong."""

import copy

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.architecture import ModelSpec
from models.errors import InvalidInput
from planner.importers.hf_config import read
from tests.catalogue.test_hf_config import LLAMA, MLA, MOE, NEMOTRON

COMPRESSED = {
    **MOE,
    "model_type": "deepseek_v4",
    "num_key_value_heads": 1,
    "head_dim": 64,
    "q_lora_rank": 64,
    "o_groups": 2,
    "o_lora_rank": 32,
    "qk_rope_head_dim": 16,
    "sliding_window": 128,
    "compress_ratios": [0, 4, 128, 4],
    "index_n_heads": 4,
    "index_head_dim": 32,
    "index_topk": 64,
    "hc_mult": 4,
    "expert_dtype": "fp4",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
KIMI = {
    **MLA,
    "model_type": "kimi_linear",
    "linear_attn_config": {"kda_layers": [1, 2, 3], "full_attn_layers": [4], "num_heads": 4, "head_dim": 32},
    "moe_latent_size": 128,
    "vision_config": {"vt_num_hidden_layers": 2, "vt_hidden_size": 64, "merge_kernel_size": [2, 2]},
}
DELTA = {
    **MOE,
    "model_type": "qwen3_5_moe_text",
    "layer_types": ["linear_attention"] * 3 + ["full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "mtp_num_hidden_layers": 1,
}
SEARCHED = {
    **LLAMA,
    "block_configs": [{"attention": {"n_heads_in_group": 4}, "ffn": {"ffn_mult": 1.5}}] * 4,
}
QUANTISED = {
    **MOE,
    "quantization_config": {
        "config_groups": {"a": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}},
        "ignore": ["re:.*self_attn.*", "lm_head"],
        "kv_cache_scheme": {"num_bits": 8},
    },
}
BASES = [LLAMA, MOE, MLA, NEMOTRON, COMPRESSED, KIMI, DELTA, SEARCHED, QUANTISED, {"text_config": MOE}]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([10**7 + 1, -(10**30), 2**70]),
    st.floats(),
    st.sampled_from(["", "bf16", "float32", "M", "full", "linear_attention", "full_attention", "fp8"]),
    st.text(max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = sorted(
    {key for base in BASES for key in base} | {"sliding_window", "moe_layer_freq", "indexer_types"}
)


def places(value, path=()):
    """Paths of everything inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@st.composite
def documents(draw):
    """A real-looking configuration with a few fields replaced, removed or added."""
    config = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(list(places(config)) or [("model_type",)]))
        holder = config
        for key in way:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            holder.pop(last, None)
        else:
            holder[last] = draw(VALUES)
    if draw(st.booleans()):
        config[draw(st.sampled_from(FIELDS))] = draw(VALUES)
    return config


def answer(config, quant=None):
    """What the importer says: an architecture or a refusal; anything else it raises fails the test."""
    try:
        return read(config, quant=quant)
    except InvalidInput as refusal:
        return refusal


def check(found):
    if isinstance(found, InvalidInput):
        assert found.message
        assert len(str(found)) < 2000
        return
    assert isinstance(found, ModelSpec)
    assert 0 < found.active_parameters() <= found.parameters()
    assert found.kv_bytes_per_token() >= 0


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=documents(), quant=st.none() | VALUES)
def test_mutated_configurations(config, quant):
    check(answer(config, quant))


@settings(max_examples=100, deadline=None)
@given(config=VALUES)
def test_anything_at_all(config):
    check(answer(config))


def test_the_starting_points_are_readable():
    for base in BASES:
        assert isinstance(answer(base), ModelSpec)
