"""Kernel curves from operator tables: reading, counting, fitting, writing."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from models import catalog
from models.cost.base import Array, CollectiveKind, Operation, Overheads, ServingLoop, Span
from models.errors import InvalidInput
from models.hardware import Device
from models.precision import Precision
from planner.block_operations import BlockPricer
from planner.calibration.kernels import (
    attention_counts,
    document,
    kernel_fits,
    launch_fits,
    links_fit,
    matrix_counts,
    operations,
    pools,
    samples,
    tables,
)
from planner.calibration.kernels.counts import Count
from planner.calibration.kernels.curve_fit import Curve, fit_curve, residuals
from planner.calibration.kernels.kernel_fits import KernelFit
from planner.calibration.kernels.launch_fits import LaunchFit
from planner.step_load import StepLoad, decode_load, prefill_load
from tests.planner.scenes import (
    DEEPSEEK,
    GPT_OSS,
    HYBRID,
    LLAMA_8B,
    QWEN_MOE,
    kinds_of,
    layouts_of,
    setting_of,
)

ONE = np.ones(1)
H100 = catalog.device("h100-sxm")
PRESENT = json.loads((catalog.DATA / "kernel_efficiency.json").read_text(encoding="utf-8"))


# ---- tables


def gemm_row(latency: float, m: int = 16, dtype: str = "bfloat16") -> dict[str, Any]:
    return {"gemm_dtype": dtype, "m": m, "n": 4096, "k": 4096, "latency": latency, "kernel_source": "x"}


def test_the_fastest_engine_counts_where_two_have_timed_the_shape() -> None:
    found = tables.fastest(
        "gemm_perf",
        [
            ("vllm", [gemm_row(3.0), gemm_row(9.0, m=32)]),
            ("vllm", [gemm_row(2.0)]),
            ("sglang", [gemm_row(4.0), gemm_row(-1.0, m=32)]),
        ],
    )
    assert found == [({"gemm_dtype": "bfloat16", "m": 16, "n": 4096, "k": 4096}, 2e-3)]


def test_an_engine_by_itself_counts_with_its_fastest_version() -> None:
    files = [("vllm", [gemm_row(3.0)]), ("vllm", [gemm_row(2.5)]), ("sglang", [gemm_row(9.0, m=32)])]
    assert tables.fastest("gemm_perf", files) == []
    own = [(engine, rows) for engine, rows in files if engine == "vllm"]
    assert [seconds for _, seconds in tables.fastest("gemm_perf", own, engines=1)] == [2.5e-3]


def test_products_timed_with_their_quantisation_do_not_count() -> None:
    rows = [gemm_row(1.0, dtype="fp8"), gemm_row(1.0)]
    slower = [gemm_row(2.0, dtype="fp8"), gemm_row(2.0)]
    found = tables.fastest("gemm_perf", [("trtllm", rows), ("vllm", slower), ("sglang", slower)])
    assert {shape["gemm_dtype"]: seconds for shape, seconds in found} == {"bfloat16": 1e-3, "fp8": 2e-3}


def test_mxfp4_is_one_format_however_activations_are_held() -> None:
    row = dict.fromkeys(tables.TABLES["moe_perf"].shape, 8) | {"latency": 1.0}
    formats = ("w4a16_mxfp4", "w4a8_mxfp4_mxfp8")
    found = tables.fastest("moe_perf", [(f"engine {f}", [row | {"moe_dtype": f}]) for f in formats])
    assert [shape["moe_dtype"] for shape, _ in found] == ["mxfp4"]


def test_kernels_of_a_recurrence_are_added_where_all_were_timed() -> None:
    def row(source: str, latency: float, batch: int = 1) -> dict[str, Any]:
        shape = dict.fromkeys(tables.TABLES["gdn_perf"].shape, 4) | {"phase": "generation"}
        return shape | {"batch_size": batch, "kernel_source": source, "latency": latency}

    rows = [row("causal_conv1d_update", 1.0), row("fused_recurrent", 4.0), row("fused_recurrent", 4.0, 2)]
    assert [
        (shape["batch_size"], seconds) for shape, seconds in tables.fastest("gdn_perf", [("vllm", rows)])
    ] == [(1, 5e-3)]


def test_a_folder_without_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="h100_sxm") as caught:
        tables.read(tmp_path, "h100_sxm", "gemm_perf")
    assert "systems/data" in caught.value.hint


def test_a_missing_reader_names_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "h100_sxm/gemm/vllm/1.0"
    folder.mkdir(parents=True)
    (folder / "gemm_perf.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput, match="pyarrow") as caught:
        tables.read(tmp_path, "h100_sxm", "gemm_perf")
    assert "measured" in caught.value.hint


# ---- counts are the planner's


@dataclass
class Ledger:
    """A cost source that writes down what it is asked; everything takes one second."""

    name: str = "ledger"
    kind: Literal["roofline"] = "roofline"
    sources: tuple[str, ...] = ()
    operations: list[Operation] = field(default_factory=list)

    def serving(self, engine: str, version: str | None) -> "Ledger":
        return self

    def seconds(self, device: Device, operation: Operation) -> Array:
        self.operations.append(operation)
        return np.ones(np.shape(operation.flop))

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        return np.ones(np.shape(payload_bytes))

    def overheads(self, device: Device) -> Overheads:
        return Overheads()

    def loop(self) -> ServingLoop:
        return ServingLoop()


def asked(
    model: str, load: StepLoad, precision: Precision, kind: int = -1, **degrees: int
) -> list[Operation]:
    """Every operation of one layer of a model."""
    ledger = Ledger()
    setting = setting_of(model, precision=precision)
    pricer = BlockPricer(replace(setting, cost=ledger), layouts_of(**degrees), load)
    block = kinds_of(setting)[kind]
    list(pricer.mixer(block.mixer))
    list(pricer.ffn(block.ffn))
    return ledger.operations


def assert_counted(found: Count | None, operations: Sequence[Operation], off_frac: float = 1e-9) -> None:
    """Exactly one operation of the layer has the numbers of the count."""
    assert found is not None

    def numbers(operation: Operation | Count) -> list[float]:
        names = ("flop", "bytes", "rows", "launches", "unit_bytes")
        return [float(np.ravel(getattr(operation, name))[0]) for name in names]

    alike = [o for o in operations if o.kind == found.kind and float(np.ravel(o.flop)[0]) > 0]
    matching = [o for o in alike if numbers(o) == pytest.approx(numbers(found), rel=off_frac)]
    assert len(matching) == 1, (found, [numbers(o) for o in alike])
    assert matching[0].format == found.format


@pytest.mark.parametrize(("dtype", "fmt"), [("bfloat16", "bf16"), ("fp8_block", "fp8_block")])
@pytest.mark.parametrize("tp", [1, 4])
def test_products_are_counted_as_those_of_a_dense_layer(dtype: str, fmt: Any, tp: int) -> None:
    layer = asked(LLAMA_8B, decode_load(64 * ONE, 500 * ONE), Precision(weights=fmt), tp=tp)
    fused = {"gemm_dtype": dtype, "m": 64, "n": 28672 // tp, "k": 4096}
    down = {"gemm_dtype": dtype, "m": 64, "n": 4096, "k": 14336 // tp}
    assert_counted(matrix_counts.gemm(fused), layer)
    assert_counted(matrix_counts.gemm(down), layer)


def moe_shape(dtype: str, tokens: int, **more: int) -> dict[str, Any]:
    shape = {"hidden_size": 2048, "inter_size": 768, "topk": 8, "num_experts": 128}
    cut = {"moe_tp_size": 1, "moe_ep_size": 1}
    return {"moe_dtype": dtype, "num_tokens": tokens, **shape, **cut, **more}


@pytest.mark.parametrize("tokens", [1, 64, 4096])
def test_experts_are_counted_as_those_of_a_layer(tokens: int) -> None:
    load = decode_load(tokens * ONE, 500 * ONE)
    whole = asked(QWEN_MOE, load, Precision())
    assert_counted(matrix_counts.experts(moe_shape("bfloat16", tokens)), whole)
    cut = asked(QWEN_MOE, load, Precision(moe_weights="fp8"), tp=2)
    assert_counted(matrix_counts.experts(moe_shape("fp8", tokens, moe_tp_size=2)), cut)
    spread = asked(QWEN_MOE, load, Precision(moe_weights="nvfp4"), tp=4, ep=4)
    assert_counted(matrix_counts.experts(moe_shape("nvfp4", tokens, moe_ep_size=4)), spread)


def test_padded_experts_are_counted_as_those_of_a_layer() -> None:
    layer = asked(GPT_OSS, decode_load(64 * ONE, 500 * ONE), Precision(moe_weights="mxfp4"))
    shape = moe_shape("mxfp4", 64, hidden_size=2880, inter_size=2880, topk=4)
    biases_frac = 1e-3  # gpt-oss has some, the tables do not tell
    assert_counted(matrix_counts.experts(shape), layer, biases_frac)


def attention_shape(batch: int, isl: int, step: int = 0, **more: Any) -> dict[str, Any]:
    heads = {"num_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "window_size": 0}
    cache = {"kv_cache_dtype": "bfloat16", "batch_size": batch, "isl": isl, "step": step}
    return {**cache, **heads, **more}


@pytest.mark.parametrize("kv", ["bf16", "fp8"])
def test_attention_is_counted_as_that_of_a_layer(kv: Any) -> None:
    dtype = "fp8" if kv == "fp8" else "bfloat16"
    prompt = asked(LLAMA_8B, prefill_load(2048 * ONE, 2048 * ONE), Precision(kv=kv))
    assert_counted(attention_counts.attention_prefill(attention_shape(1, 2048, kv_cache_dtype=dtype)), prompt)
    decode = asked(LLAMA_8B, decode_load(16 * ONE, 3000 * ONE), Precision(kv=kv))
    assert_counted(
        attention_counts.attention_decode(attention_shape(16, 1, 2999, kv_cache_dtype=dtype)), decode
    )


def test_windowed_attention_is_counted_as_that_of_a_layer() -> None:
    blocks = {"num_heads": 64, "head_dim": 64, "window_size": 128}
    setting = setting_of(GPT_OSS)
    windowed = next(i for i, kind in enumerate(kinds_of(setting)) if kind.mixer.window_tokens)
    decode = asked(GPT_OSS, decode_load(16 * ONE, 3000 * ONE), Precision(), kind=windowed)
    assert_counted(attention_counts.attention_decode(attention_shape(16, 1, 2999, **blocks)), decode)
    prompt = asked(GPT_OSS, prefill_load(2048 * ONE, 2048 * ONE), Precision(), kind=windowed)
    assert_counted(attention_counts.attention_prefill(attention_shape(1, 2048, **blocks)), prompt)


def test_latent_attention_is_counted_as_that_of_a_layer() -> None:
    heads = {"num_heads": 32}
    prompt = asked(DEEPSEEK, prefill_load(2048 * ONE, 2048 * ONE), Precision(), tp=4)
    assert_counted(attention_counts.latent_prefill(attention_shape(1, 2048, **heads)), prompt)
    decode = asked(DEEPSEEK, decode_load(16 * ONE, 3000 * ONE), Precision(), tp=4)
    assert_counted(attention_counts.latent_decode(attention_shape(16, 1, 2999, **heads)), decode)


def test_a_recurrence_is_counted_as_that_of_a_layer() -> None:
    linear = next(i for i, kind in enumerate(kinds_of(setting_of(HYBRID))) if kind.mixer.kind == "linear")
    block = kinds_of(setting_of(HYBRID))[linear].mixer
    shape = {
        "num_k_heads": block.key_heads, "num_v_heads": block.value_heads, "d_conv": block.conv_kernel,
        "head_k_dim": block.key_head_dim, "head_v_dim": block.value_head_dim,
    }  # fmt: skip
    decode = asked(HYBRID, decode_load(16 * ONE, 3000 * ONE), Precision(), kind=linear)
    step = {"phase": "generation", "batch_size": 16, "seq_len": 1}
    assert_counted(attention_counts.recurrence(shape | step), decode)
    prompt = asked(HYBRID, prefill_load(2048 * ONE, 2048 * ONE), Precision(), kind=linear)
    assert_counted(
        attention_counts.recurrence(shape | {"phase": "context", "batch_size": 1, "seq_len": 2048}), prompt
    )


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gemm_perf", {"gemm_dtype": "int8_wo", "m": 8, "n": 4096, "k": 4096}),
        ("gemm_perf", {"gemm_dtype": "bfloat16", "m": 8, "n": 64, "k": 4096}),
        ("moe_perf", moe_shape("bfloat16", 8, moe_ep_size=64)),
        ("generation_attention_perf", attention_shape(1, 1, 999, num_key_value_heads=1)),
        ("context_attention_perf", attention_shape(64, 4096)),
    ],
)
def test_shapes_that_no_layer_has_are_left_out(name: str, shape: dict[str, Any]) -> None:
    assert operations.operations(name, [(shape, 1e-3)]) == {}


# ---- fits


def timed(curve: Curve, shapes: Sequence[dict[str, Any]], name: str, device: Device) -> list[tables.Timed]:
    """Shapes with the seconds the curve gives them on a device."""
    found: list[tables.Timed] = []
    for shape in shapes:
        count = operations.COUNTED[name](shape)
        assert count is not None
        found.append((shape, float(curve.seconds(samples.of_device([(count, 1.0)], device))[0])))
    return found


def products() -> Iterator[dict[str, Any]]:
    for m, n, k in product([2**i for i in range(15)], (1024, 4096, 8192, 28672), (1024, 4096, 8192, 16384)):
        yield {"gemm_dtype": "bfloat16", "m": m, "n": n, "k": k}


PRODUCT = Curve(
    compute_frac=0.8, memory_frac=0.7, launch_s=4e-6, half_rows=10.0, ramp_units=0.0, overlap_power=2.0
)
EXPERTS = Curve(
    compute_frac=0.5, memory_frac=0.9, launch_s=6e-6, half_rows=7.4, ramp_units=1.5, overlap_power=1.0
)


def recovered(found: Curve, known: Curve, off_frac: float = 0.02) -> None:
    for name in ("compute_frac", "memory_frac", "launch_s"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=off_frac), name


def test_known_constants_of_products_are_found_again() -> None:
    found = samples.of_device(counted_products(PRODUCT, H100)["gemm", "bf16"], H100)
    curve = fit_curve(found, 2.0)
    recovered(curve, PRODUCT)
    assert residuals(curve, found)[1] < 0.01


def counted_experts(curve: Curve) -> pools.Counted:
    shapes = [
        moe_shape("bfloat16", tokens, hidden_size=hidden, num_experts=experts, topk=top)
        for tokens, hidden, experts, top in product(
            [2**i for i in range(15)], (2048, 4096, 7168), (16, 64, 128, 256), (2, 4, 8)
        )
    ]
    return operations.operations("moe_perf", timed(curve, shapes, "moe_perf", H100))


def expert_samples() -> samples.Samples:
    return samples.of_device(counted_experts(EXPERTS)["grouped_gemm", "bf16"], H100)


def test_known_constants_of_experts_are_found_again() -> None:
    """Rows per expert slow the products just as weights slow the loads: there the usual value decides."""
    found = expert_samples()
    curve = fit_curve(found, 1.0)
    recovered(curve, EXPERTS, 0.03)
    assert curve.ramp_units == pytest.approx(EXPERTS.ramp_units, rel=0.1)
    assert residuals(curve, found)[1] < 0.01


def test_wild_timings_hardly_move_the_constants() -> None:
    found = expert_samples()
    slow = np.where(np.arange(found.seconds.size) % 11 == 0, 6.0, 1.0)
    curve = fit_curve(replace(found, seconds=found.seconds * slow), 1.0)
    recovered(curve, EXPERTS, 0.05)
    assert residuals(curve, found)[1] < 0.05


def launches(own: Curve) -> list[LaunchFit]:
    """One engine timed by itself, beside the curve of all: :data:`EXPERTS`."""
    shared = kernel_fits.fit_kernels(pools.pools([("h100_sxm", counted_experts(EXPERTS))]))
    return list(launch_fits.fit_launches([("trtllm", [("h100_sxm", counted_experts(own))])], shared))


@pytest.mark.parametrize("factor", [0.6, 1.0, 2.5])
def test_launches_of_an_engine_are_found_again(factor: float) -> None:
    (found,) = launches(replace(EXPERTS, launch_s=factor * EXPERTS.launch_s))
    assert found.name == "trtllm/hopper/grouped_gemm/bf16"
    assert found.launch_frac == pytest.approx(factor, rel=0.05)
    assert found.after[1] < 0.03


def test_kernels_of_another_kind_have_no_launch_factor() -> None:
    """An engine that loads at a fifth of the speed is not one with more launches."""
    found = launches(replace(EXPERTS, launch_s=2.0 * EXPERTS.launch_s))
    unlike = launches(replace(EXPERTS, memory_frac=EXPERTS.memory_frac / 5.0))
    assert unlike[0].after[1] > document.UNLIKE_P90
    written = document.document(PRESENT, fits(), {}, [*found, *unlike])["engine_launches"]
    assert written["trtllm/hopper/grouped_gemm/bf16"]["launch_frac"] == pytest.approx(2.0, rel=0.05)
    assert document.document(PRESENT, fits(), {}, unlike)["engine_launches"] == {}


def reduce_rows(base_s: float, step_s: float, bytes_per_s: float) -> Iterator[dict[str, Any]]:
    """All-reduces of the given latency; others that must not count take a second."""
    for n, elements in product((2, 4, 8, 16), (128, 1024, 16384, 65536, 1 << 20)):
        moved = 2.0 * (n - 1) / n * elements * 2.0 / bytes_per_s
        seconds = base_s + step_s * np.log2(n) + moved
        counts = n <= 8 and elements * 2 <= 131072
        row = {"num_gpus": n, "message_size": elements, "latency": 1e3 * (seconds if counts else 1.0)}
        yield {**row, "backend": "vllm_graph"}
        yield {**row, "latency": 1e3, "backend": "vllm_eager"}
        yield {**row, "backend": None}


def test_known_latencies_of_reductions_are_found_again_from_elements_of_two_bytes() -> None:
    found = links_fit.reduce_samples(reduce_rows(5e-6, 6e-7, 3e11), 3e11)
    assert max(s.payload_bytes for s in found) == 131072.0
    assert min(s.payload_bytes for s in found) == 256.0
    assert len(found) == 2 * 3 * 4
    fit = links_fit.fit_reduce(found)
    assert fit.base_s == pytest.approx(5e-6, rel=0.04)
    assert fit.step_s == pytest.approx(6e-7, rel=0.2)
    assert fit.residual_p90_frac < 0.02


# ---- pools and the document


def counted_products(curve: Curve, device: Device) -> pools.Counted:
    return operations.operations("gemm_perf", timed(curve, list(products()), "gemm_perf", device))


def fits() -> list[KernelFit]:
    other = replace(PRODUCT, compute_frac=0.4)
    by_folder = [
        ("h100_sxm", counted_products(PRODUCT, H100)),
        ("b200_sxm", counted_products(other, catalog.device("b200-sxm"))),
    ]
    return list(kernel_fits.fit_kernels(pools.pools(by_folder)))


def test_every_family_has_a_row_and_all_together_one() -> None:
    found = {fit.pool.name: fit for fit in fits()}
    assert list(found) == ["gemm/bf16", "blackwell/gemm/bf16", "hopper/gemm/bf16"]
    recovered(found["hopper/gemm/bf16"].curve, PRODUCT)
    assert found["blackwell/gemm/bf16"].curve.compute_frac == pytest.approx(0.4, rel=0.02)
    assert found["hopper/gemm/bf16"].held_out[0] < 0.02
    whole = found["gemm/bf16"]
    assert whole.pool.samples.seconds.size == 2 * len(list(products()))
    assert residuals(whole.curve, whole.pool.samples)[1] == whole.residual_p90_frac > 0.1


def test_a_fit_does_not_depend_on_chance() -> None:
    first, second = ([fit.curve for fit in fits()] for _ in range(2))
    assert first == second


def test_families_on_fallback_kernels_are_no_witness() -> None:
    shapes = [
        attention_shape(batch, 1, step, num_heads=16)
        for batch, step in product((1, 8, 64), range(1, 999, 50))
    ]
    a100, h100 = (
        operations.operations("generation_mla_perf", timed(EXPERTS, shapes, "generation_mla_perf", device))
        for device in (catalog.device("a100-sxm-80"), H100)
    )
    names = [pool.name for pool in pools.pools([("a100_sxm", a100), ("h100_sxm", h100)])]
    assert names == ["latent_decode/bf16", "hopper/latent_decode/bf16"]


def test_the_document_keeps_what_no_table_covers() -> None:
    mine = {"compute_frac": 0.5, "memory_frac": 0.5, "launch_s": 1e-6, "half_rows": 1, "kind": "measured"}
    stale = {**mine, "kind": "fitted", "source": document.KEY}
    present = {
        **PRESENT,
        "references": {**PRESENT["references"], "mine": "a bench", "nobody": "no row has it"},
        "kernels": {
            **PRESENT["kernels"],
            "ada/vector/bf16": {**mine, "source": "mine"},
            "cdna3/gemm/bf16": stale,
        },
    }
    reduced = links_fit.fit_reduce(links_fit.reduce_samples(reduce_rows(5e-6, 6e-7, 3e11), 3e11))
    found = document.document(present, fits(), {"ampere": reduced})
    rows = found["kernels"]
    unlike = {name for name, row in PRESENT["kernels"].items() if row["source"] != document.KEY}
    assert {name: rows[name] for name in unlike} == {name: PRESENT["kernels"][name] for name in unlike}
    assert rows["ada/vector/bf16"] == present["kernels"]["ada/vector/bf16"]
    assert "cdna3/gemm/bf16" not in rows
    assert rows["hopper/gemm/bf16"]["rows_range"] == [1.0, 16400.0]
    assert rows["hopper/gemm/bf16"]["source"] == document.KEY
    assert Curve.of_row(rows["hopper/gemm/bf16"]).launch_s == pytest.approx(4e-6, rel=0.02)
    assert {key: found[key] for key in ("hosts", "error_band_frac", "schema")} == {
        key: PRESENT[key] for key in ("hosts", "error_band_frac", "schema")
    }
    assert found["links"]["blackwell"] == PRESENT["links"]["blackwell"]
    assert found["links"]["ampere"]["up_frac"] == PRESENT["links"]["default"]["up_frac"]
    assert found["links"]["ampere"]["reduce_base_s"] == document.rounded(reduced.base_s)
    assert found["references"]["mine"] == "a bench"
    assert "nobody" not in found["references"]
    assert json.loads(json.dumps(found)) == found


def test_a_broken_family_falls_back_to_the_row_of_all() -> None:
    whole, broken, sound = fits()
    found = document.document(PRESENT, [whole, replace(broken, residual_p90_frac=2.0), sound], {})
    assert {"gemm/bf16", "hopper/gemm/bf16"} <= set(found["kernels"])
    assert "blackwell/gemm/bf16" not in found["kernels"]
