"""Small configurations of our own for what the importer has to get right or to refuse."""

import copy
import math

import pytest

from models.errors import InvalidInput
from planner.importers.hf_config import read

LLAMA = {
    "model_type": "llama",
    "hidden_size": 512,
    "intermediate_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}
MOE = {
    **LLAMA,
    "model_type": "qwen3_moe",
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 256,
}
MLA = {
    **MOE,
    "model_type": "deepseek_v3",
    "q_lora_rank": 128,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
}
NEMOTRON = {
    **LLAMA,
    "model_type": "nemotron_h",
    "hybrid_override_pattern": "M*-M",
    "mamba_num_heads": 8,
    "mamba_head_dim": 32,
    "ssm_state_size": 16,
    "n_groups": 2,
}
QUANT = {"quant_method": "fp8", "weight_block_size": [128, 128]}


def with_(base, **changes):
    return {**copy.deepcopy(base), **changes}


def mixers(spec):
    return [spec.kinds[k].mixer for k in spec.pattern]


def test_llama_is_counted_by_hand():
    spec = read(LLAMA, id="tiny")
    attention = 512 * 512 + 2 * 512 * 128 + 512 * 512
    layer = attention + 3 * 512 * 1024 + 2 * 512
    assert spec.parameters() == 2 * 1000 * 512 + 4 * layer + 512
    assert spec.kv_bytes_per_token() == 4 * 2 * 2 * 64 * 2
    assert (spec.id, spec.layers, spec.is_moe) == ("tiny", 4, False)


def test_head_dim_wins_over_the_quotient():
    assert mixers(read(with_(LLAMA, head_dim=128)))[0].head_dim == 128


def test_missing_kv_heads_means_one_per_query_head():
    config = with_(LLAMA)
    del config["num_key_value_heads"]
    assert mixers(read(config))[0].kv_heads == 8


def test_nested_text_config_is_read_and_outer_fields_still_count():
    outer = {"model_type": "wrapper", "tie_word_embeddings": True, "text_config": LLAMA}
    spec = read(outer)
    assert spec.tied_embeddings
    assert spec.layers == 4


def test_tied_embeddings_default_by_family():
    assert not read(LLAMA).tied_embeddings
    assert read(with_(LLAMA, model_type="gemma3_text")).tied_embeddings


def test_unknown_family_with_standard_fields_is_read():
    assert read(with_(MOE, model_type="brand_new")).is_moe


def test_qwen2_has_biases_its_file_does_not_mention():
    assert mixers(read(with_(LLAMA, model_type="qwen2")))[0].qkv_bias
    assert not mixers(read(LLAMA))[0].qkv_bias


@pytest.mark.parametrize(
    ("changes", "windows"),
    [
        ({"sliding_window": 128}, [128] * 4),
        ({"sliding_window": 128, "use_sliding_window": False}, [None] * 4),
        ({"sliding_window": 128, "use_sliding_window": True, "max_window_layers": 3}, [None] * 3 + [128]),
        ({"sliding_window": 128, "model_type": "gemma2"}, [128, None, 128, None]),
        ({"sliding_window": 64, "sliding_window_pattern": 4}, [64, 64, 64, None]),
        ({"attention_chunk_size": 256, "model_type": "llama4_text"}, [256, 256, 256, None]),
        (
            {"sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"] * 2},
            [128, None, 128, None],
        ),
        ({"sliding_window": 128, "hybrid_layer_pattern": [0, 1, 1, 0]}, [None, 128, 128, None]),
    ],
)
def test_windows(changes, windows):
    assert [m.window_tokens for m in mixers(read(with_(LLAMA, **changes)))] == windows


@pytest.mark.parametrize(
    ("changes", "sparse"),
    [
        ({}, "1111"),
        ({"first_k_dense_replace": 1}, "0111"),
        ({"moe_layer_freq": [0, 1, 0, 1]}, "0101"),
        ({"mlp_only_layers": [2]}, "1101"),
        ({"decoder_sparse_step": 2}, "0101"),
        ({"mlp_layer_types": ["dense", "dense", "sparse", "sparse"]}, "0011"),
        ({"num_experts": 0}, "0000"),
        ({"enable_moe_block": False}, "0000"),
    ],
)
def test_which_layers_have_experts(changes, sparse):
    spec = read(with_(MOE, **changes))
    assert "".join(str(int(spec.kinds[k].ffn.kind == "moe")) for k in spec.pattern) == sparse


def test_latent_cache_is_one_vector_per_token():
    assert read(with_(MLA, head_dim=192)).kv_bytes_per_token() == 4 * (64 + 16) * 2


def test_state_belongs_to_the_sequence():
    mamba, attention, nothing, _ = mixers(read(NEMOTRON))
    assert nothing is None
    assert attention.kind == "gqa"
    assert mamba.core().kv_elements_per_token == 0
    assert mamba.core().state_bytes_per_sequence > 8 * 32 * 16 * 4


def test_searched_blocks():
    blocks = [
        {"attention": {"n_heads_in_group": 4}, "ffn": {"ffn_mult": 2.0}},
        {"attention": {"no_op": True}, "ffn": {"ffn_mult": 0.1}},
        {"attention": {"n_heads_in_group": 8}, "ffn": {"no_op": True}},
        {"attention": {"n_heads_in_group": 4}, "ffn": {"intermediate_size": 300}},
    ]
    spec = read(with_(LLAMA, model_type="nemotron-nas", intermediate_size=None, block_configs=blocks))
    assert [m and m.kv_heads for m in mixers(spec)] == [2, None, 1, 2]
    widths = [spec.kinds[k].ffn and spec.kinds[k].ffn.intermediate_size for k in spec.pattern]
    assert widths == [768, 256, None, 300]


@pytest.mark.parametrize(
    ("quantization", "weights", "experts", "kv"),
    [
        (QUANT, "fp8_block", "fp8_block", "auto"),
        ({"quant_method": "fp8"}, "fp8", "fp8", "auto"),
        ({"quant_method": "mxfp4"}, "bf16", "mxfp4", "auto"),
        ({"quant_method": "gptq", "bits": 4}, "int4", "int4", "auto"),
        ({"quant_method": "awq", "w_bit": 8}, "int8", "int8", "auto"),
        (
            {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
            "fp8",
            "fp8",
            "fp8",
        ),
        (
            {**QUANT, "modules_to_not_convert": ["lm_head", "model.layers.0.mlp.gate"]},
            "fp8_block",
            "fp8_block",
            "auto",
        ),
        ({**QUANT, "modules_to_not_convert": ["re:.*self_attn.*"]}, "bf16", "fp8_block", "auto"),
        (
            {**QUANT, "ignore": [f"model.layers.{i}.self_attn*" for i in range(4)]},
            "bf16",
            "fp8_block",
            "auto",
        ),
        ({**QUANT, "ignore": ["model.layers.0.self_attn*"]}, "fp8_block", "fp8_block", "auto"),
        (
            {"config_groups": {"g": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}}},
            "int4",
            "int4",
            "auto",
        ),
        (
            {"config_groups": {"g": {"weights": {"num_bits": 4, "type": "float", "group_size": 16}}}}
            | {"kv_cache_scheme": {"num_bits": 8, "type": "float"}},
            "nvfp4",
            "nvfp4",
            "fp8",
        ),
        (
            {
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {
                    "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"},
                    "model.layers.0.mlp.experts.0.up_proj": {"quant_algo": "NVFP4"},
                },
            },
            "fp8",
            "nvfp4",
            "auto",
        ),
    ],
)
def test_formats(quantization, weights, experts, kv):
    precision = read(with_(MOE, quantization_config=quantization)).precision
    assert (precision.weights, precision.experts, precision.kv) == (weights, experts, kv)


def test_side_file_wins_over_the_configuration():
    side = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    spec = read(with_(LLAMA, quantization_config=QUANT), quant=side)
    assert (spec.precision.weights, spec.precision.kv) == ("fp8", "fp8")


def test_attention_left_in_bf16_is_marked_where_the_formats_cannot_say_so():
    ignore = {"ignore": ["model.layers.*.self_attn"]}
    spec = read(with_(LLAMA, quantization_config={**QUANT, **ignore}))
    assert spec.precision.weights == "fp8_block"
    assert not any(p.quantised for p in mixers(spec)[0].projections(512))


@pytest.mark.parametrize(
    ("base", "field", "value"),
    [
        *[(LLAMA, name, None) for name in ("hidden_size", "vocab_size", "num_attention_heads")],
        *[(LLAMA, name, None) for name in ("intermediate_size", "max_position_embeddings")],
        (LLAMA, "num_hidden_layers", 0),
        (LLAMA, "num_hidden_layers", 10_001),
        (LLAMA, "num_hidden_layers", "4"),
        (LLAMA, "num_attention_heads", True),
        (LLAMA, "num_attention_heads", -8),
        (LLAMA, "hidden_size", 512.0),
        (LLAMA, "hidden_size", math.nan),
        (LLAMA, "hidden_size", [512]),
        (LLAMA, "hidden_size", 10**7 + 1),
        pytest.param(LLAMA, "hidden_size", 10**5000, id="thousands-of-digits"),
        (LLAMA, "hidden_size", 500),
        (LLAMA, "vocab_size", math.inf),
        (LLAMA, "num_key_value_heads", 3),
        (LLAMA, "num_key_value_heads", 16),
        (LLAMA, "model_type", 7),
        (LLAMA, "tie_word_embeddings", "yes"),
        (LLAMA, "layer_types", ["full_attention"] * 3),
        (LLAMA, "layer_types", ["full_attention"] * 3 + ["mystery"]),
        (LLAMA, "layer_types", [["full_attention"]] * 4),
        (LLAMA, "layer_types", "full_attention"),
        (LLAMA, "hybrid_layer_pattern", [0, 1, 2, 0]),
        (LLAMA, "is_encoder_decoder", True),
        (LLAMA, "attn_layer_period", 8),
        (LLAMA, "block_configs", [{}] * 3),
        (MOE, "num_experts_per_tok", 9),
        (MOE, "num_experts_per_tok", None),
        (MOE, "num_experts", 1e6),
        (MOE, "moe_layer_freq", [1, 1]),
        (MLA, "qk_rope_head_dim", None),
        (NEMOTRON, "hybrid_override_pattern", "M*-"),
        (NEMOTRON, "hybrid_override_pattern", "M*-Q"),
        (NEMOTRON, "n_groups", 3),
        (LLAMA, "quantization_config", "fp8"),
    ],
)
def test_refusals_name_the_field(base, field, value):
    config = with_(base, **{field: value})
    if value is None:
        del config[field]
    with pytest.raises(InvalidInput) as error:
        read(config)
    assert error.value.pointer.startswith(f"/{field}")
    assert field in error.value.message
    assert not error.value.hint or error.value.hint.startswith("Maybe")


def test_pointer_reaches_into_the_nested_file():
    with pytest.raises(InvalidInput) as error:
        read({"text_config": with_(LLAMA, vocab_size=-1)})
    assert error.value.pointer == "/text_config/vocab_size"
    assert "-1" in error.value.message


@pytest.mark.parametrize("config", [None, [], "llama", 3, {}])
def test_what_is_no_configuration_is_refused(config):
    with pytest.raises(InvalidInput):
        read(config)


@pytest.mark.parametrize(
    ("quantization", "pointer"),
    [
        ({"quant_method": "mystery"}, "/quantization_config/quant_method"),
        ({"quant_method": "gptq", "bits": 3}, "/quantization_config/bits"),
        ({"quant_method": "x", "quant_algo": "Q9"}, "/quantization_config/quant_algo"),
        ({"config_groups": {}}, "/quantization_config/config_groups"),
        ({**QUANT, "ignore": "lm_head"}, "/quantization_config/ignore"),
    ],
)
def test_unknown_formats_are_refused(quantization, pointer):
    with pytest.raises(InvalidInput) as error:
        read(with_(MOE, quantization_config=quantization))
    assert error.value.pointer == pointer
