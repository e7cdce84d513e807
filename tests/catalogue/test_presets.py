import json
import re
from dataclasses import asdict

import pytest

from models import catalog
from models.blocks.moe import MoeFfn
from models.errors import UnknownName
from models.preset import decode, encode, summary
from tests.catalogue.make_presets import TARGET, fetched, preset, target, text, written

# (parameters, active parameters) in 1e9 and KV bytes per token in bf16, recounted by hand
GOLDEN = {
    "meta-llama/Meta-Llama-3.1-8B": (8.030, 8.030, 131072),
    "meta-llama/Meta-Llama-3.1-70B": (70.554, 70.554, 327680),
    "meta-llama/Meta-Llama-3.1-405B": (405.853, 405.853, 516096),
    "Qwen/Qwen3-0.6B": (0.596, 0.596, 114688),
    "Qwen/Qwen3-8B": (8.191, 8.191, 147456),
    "Qwen/Qwen3-32B": (32.762, 32.762, 262144),
    "mistralai/Mixtral-8x7B-v0.1": (46.703, 12.880, 131072),
    "mistralai/Mixtral-8x22B-v0.1": (140.621, 39.152, 229376),
    "Qwen/Qwen3-30B-A3B": (30.532, 3.353, 98304),
    "Qwen/Qwen3-235B-A22B": (235.094, 22.191, 192512),
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": (480.155, 35.475, 253952),
    "deepseek-ai/DeepSeek-V3": (671.026, 37.552, 70272),
    "moonshotai/Kimi-K2-Instruct": (1026.408, 32.862, 70272),
}
# published sizes of models whose name does not tell, in 1e9: total, active, tolerance of the total
PUBLISHED = {
    "deepseek-ai/DeepSeek-R1": (671, 37, 0.002),
    "deepseek-ai/DeepSeek-V4-Flash": (284, 13, 0.002),
    "deepseek-ai/DeepSeek-V4-Pro": (1600, 49, 0.02),
    "zai-org/GLM-5": (744, 40, 0.002),
    "XiaomiMiMo/MiMo-V2-Flash": (309, 15, 0.002),
    "moonshotai/Kimi-K3": (2800, None, 0.01),
    "google/gemma-4-26B-A4B": (25.2, 3.8, 0.002),
    "nvidia/Gemma-4-31B-IT-NVFP4": (30.7, 30.7, 0.002),
    "openai/gpt-oss-120b": (116.8, None, 0.002),
    "openai/gpt-oss-20b": (20.9, None, 0.002),
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": (109, 17, 0.02),
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": (400, 17, 0.005),
}
_TOTAL = re.compile(r"(?<![\dA-Za-z.])(\d+(?:\.\d+)?)B(?![A-Za-z])", re.IGNORECASE)
_ACTIVE = re.compile(r"-A(\d+(?:\.\d+)?)B", re.IGNORECASE)


def test_the_catalogue_holds_38_models():
    assert len(catalog.model_ids()) == 38


@pytest.mark.parametrize("file", written())
def test_presets_of_a_written_configuration_are_what_the_importer_makes_of_it(file):
    spec = written()[file]
    assert (TARGET / file).read_text() == text(encode(spec))
    assert asdict(summary(spec, file)) in [asdict(row) for row in catalog.model_summaries()]


def test_minicpm_v_counts_its_encoder_apart():
    """Published as 8.10e9: Qwen2-7B, SigLIP-400M and a resampler of 64 queries."""
    spec = catalog.model("openbmb/MiniCPM-V-2_6")
    assert (spec.parameters() + spec.vision_parameters) / 1e9 == pytest.approx(8.10, rel=1e-3)
    assert spec.kv_bytes_per_token() == 57344
    assert spec.encoder.layers * spec.encoder.layer_parameters / 1e9 == pytest.approx(0.411, rel=2e-3)
    assert spec.encoder.tiles_per_image * spec.encoder.tile_tokens == 640


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_numbers(name):
    spec = catalog.model(name)
    total, active, kv = GOLDEN[name]
    assert spec.parameters() / 1e9 == pytest.approx(total, rel=1e-3)
    assert spec.active_parameters() / 1e9 == pytest.approx(active, rel=1e-3)
    assert spec.kv_bytes_per_token() == kv


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    spec = catalog.model(name)
    total, active, tolerance = PUBLISHED[name]
    assert spec.parameters() / 1e9 == pytest.approx(total, rel=tolerance)
    if active is not None:
        assert spec.active_parameters() / 1e9 == pytest.approx(active, rel=0.08)


@pytest.mark.parametrize("name", catalog.model_ids())
def test_size_in_the_name_is_met_or_explained(name):
    spec = catalog.model(name)
    said, active = _TOTAL.search(name.replace("8x", "")), _ACTIVE.search(name)
    close = True
    if said is not None:
        close = spec.parameters() / 1e9 == pytest.approx(float(said.group(1)), rel=0.02)
    if active is not None:
        close &= spec.active_parameters() / 1e9 == pytest.approx(float(active.group(1)), rel=0.02)
    assert close or spec.note, f"{spec.parameters() / 1e9:.2f}, {spec.active_parameters() / 1e9:.2f}"


@pytest.mark.parametrize("name", catalog.model_ids())
def test_preset_is_consistent(name):
    spec = catalog.model(name)
    assert spec.id == name
    assert spec.source
    assert set(spec.pattern) == set(range(len(spec.kinds)))
    assert spec.active_parameters() <= spec.parameters()
    assert decode(encode(spec)) == spec
    row = next(r for r in catalog.model_summaries() if r.id == name)
    assert row == summary(spec, row.file)
    stored = json.loads((catalog.DATA / "models" / row.file).read_text())
    assert stored["parameters"] == spec.parameters()


def test_index_and_files_match():
    files = {f.name for f in (catalog.DATA / "models").glob("*.json")} - {"index.json"}
    assert files == {row.file for row in catalog.model_summaries()}


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("meta-llama/Llama-3.1-70B", "meta-llama/Meta-Llama-3.1-70B"),
        ("meta-llama/llama-3.1-70b-instruct", "meta-llama/Meta-Llama-3.1-70B"),
        ("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/Meta-Llama-3.1-70B"),
        ("zhipuai/GLM-5", "zai-org/GLM-5"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-R1"),
        ("Qwen3-32B", "Qwen/Qwen3-32B"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x7B-v0.1"),
    ],
)
def test_aliases(alias, name):
    assert catalog.model(alias).id == name


def test_no_alias_belongs_to_two_models():
    owners = {}
    for row in catalog.model_summaries():
        for alias in (row.id, *row.aliases):
            assert owners.setdefault(alias.lower(), row.id) == row.id


def test_unknown_model_offers_near_ones_and_the_way_out():
    with pytest.raises(UnknownName) as error:
        catalog.model("meta-llama/Llama-3.1-71B")
    assert "meta-llama/Meta-Llama-3.1-70B" in error.value.hint
    assert "hf_config" in error.value.hint


@pytest.mark.parametrize(
    ("name", "weights", "experts", "kv"),
    [
        ("Qwen/Qwen3-32B-FP8", "fp8_block", "fp8_block", "auto"),
        ("Qwen/Qwen3-235B-A22B-FP8", "fp8_block", "fp8_block", "auto"),
        ("nvidia/Llama-3.1-70B-Instruct-FP8", "fp8", "fp8", "fp8"),
        ("nvidia/Gemma-4-31B-IT-NVFP4", "nvfp4", "nvfp4", "fp8"),
        ("openai/gpt-oss-120b", "bf16", "mxfp4", "auto"),
        ("moonshotai/Kimi-K2.5", "bf16", "int4", "auto"),
        ("moonshotai/Kimi-K3", "bf16", "mxfp4", "auto"),
        ("deepseek-ai/DeepSeek-V4-Pro", "fp8_block", "mxfp4", "auto"),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", "fp8", "fp8", "fp8"),
        ("Qwen/Qwen3-8B", "bf16", "bf16", "auto"),
    ],
)
def test_formats_of_the_checkpoints(name, weights, experts, kv):
    precision = catalog.model(name).precision
    assert (precision.weights, precision.experts, precision.kv) == (weights, experts, kv)


def test_layers_that_attend_in_hybrid_stacks():
    nemotron = catalog.model("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8")
    kinds = [k.mixer.kind if k.mixer else "ffn" for k in nemotron.kinds]
    assert dict(zip(kinds, nemotron.counts(), strict=True)) == {"mamba2": 40, "ffn": 40, "gqa": 8}
    kimi = catalog.model("moonshotai/Kimi-K3")
    attends = [kimi.kinds[k].mixer.kind == "mla" for k in kimi.pattern]
    assert (attends[3], attends[91], attends[92], sum(attends)) == (True, True, True, 24)


def test_gemma_makes_k_and_v_from_one_matrix_and_caches_both():
    spec = catalog.model("google/gemma-4-26B-A4B-it")
    local, whole = (spec.kinds[spec.pattern[layer]].mixer for layer in (0, 5))
    assert (local.window_tokens, whole.window_tokens) == (1024, None)
    # hidden 2816; 8 KV heads of 256 with their own V, against 2 of 512 sharing one matrix
    assert [m.projections(2816)[1].parameters for m in (local, whole)] == [2816 * 4096, 2816 * 1024]
    assert whole.core().kv_elements_per_token == 2 * 2 * 512


def test_only_the_ffn_of_the_nvfp4_gemma_is_quantised():
    spec = catalog.model("nvidia/Gemma-4-31B-IT-NVFP4")
    for kind in spec.kinds:
        assert not any(p.quantised for p in kind.mixer.projections(spec.hidden_size))
        assert all(p.quantised for p in kind.ffn.projections(spec.hidden_size))


def test_glm_5_3_shares_indexers_between_layers():
    spec = catalog.model("zai-org/GLM-5.3")
    own = [spec.kinds[k].mixer.index_heads > 0 for k in spec.pattern]
    assert sum(own) == 21
    assert all(kind.mixer.index_top_k == 2048 for kind in spec.kinds)


def test_deepseek_v4_cache_is_compressed():
    flash = catalog.model("deepseek-ai/DeepSeek-V4-Flash")
    ratios = [flash.kinds[k].mixer.ratio for k in flash.pattern]
    assert ratios[:4] == [0, 0, 4, 128]
    by_ratio = {k.mixer.ratio: k.mixer.core() for k in flash.kinds}
    assert by_ratio[4].kv_elements_per_token + by_ratio[4].index_elements_per_token == 128 + 32
    assert by_ratio[128].kv_elements_per_token == 4
    assert by_ratio[0].window_tokens == 128
    assert by_ratio[128].top_k_tokens is None
    assert all(isinstance(k.ffn, MoeFfn) for k in flash.kinds)


@pytest.mark.shared_data
def test_presets_equal_what_the_importer_reads(data_dir):
    files = fetched(data_dir)
    assert len(files) == 37
    summaries = {row.id: row for row in catalog.model_summaries()}
    for file in files:
        spec = preset(file)
        stored = json.loads((catalog.DATA / "models" / target(file)).read_text())
        assert json.loads(json.dumps(encode(spec))) == stored, spec.id
        assert asdict(summary(spec, target(file))) == asdict(summaries[spec.id])
    golden = json.loads((data_dir / "golden_model_numbers.json").read_text())
    assert {name.replace("--", "/") for name in golden} == set(GOLDEN)
