"""Measuring a device: counts, fits, timing, documents, and a whole run on a device made of formulas."""

import csv
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from api.commands import measure as command
from models import catalog, codec
from models.cost.base import Operation, Overheads, Span
from models.cost.collectives import VOLUME, LinkSpeeds, collective_seconds
from models.cost.fitted import Fitted
from models.cost.roofline import peak_flop_per_s
from models.errors import InvalidInput, NotBuilt
from models.precision import WEIGHT_BYTES
from planner.measurement import nvidia_smi, torch_device
from planner.measurement.device_row import as_device
from planner.measurement.document import DeviceMeasurement, Settings
from planner.measurement.grid import collective_shapes, local_shapes
from planner.measurement.kernel_curves import KernelCurve, KernelSamples, fit_curve
from planner.measurement.link_curves import LinkCurve, LinkSamples, fit_links
from planner.measurement.port import CannotTime, FoundDevice
from planner.measurement.run import measure
from planner.measurement.shapes import Attention, Collective, Copy, Elementwise, Gemm, LocalShape
from planner.measurement.timing import Limits, Timer, Timing, timed
from planner.measurement.torch_calls import sets_of
from planner.measurement.torch_collectives import Job, finished

QUICK = settings(max_examples=12, deadline=None, derandomize=True)
GEMMS = [s for s in local_shapes(("bf16",), quick=False) if isinstance(s, Gemm)]
PRIOR = KernelCurve(flop_per_s=3e14, bytes_per_s=2e12, launch_s=4e-6, half_rows=30.0, overlap_power=2.0)
LINK_PRIOR = LinkCurve(base_s=4e-6, step_s=4e-6, bytes_per_s=1e11)
SIZE = st.integers(1, 20_000)


# ---- counts


@given(rows=SIZE, inputs=SIZE, outputs=SIZE, fmt=st.sampled_from(["bf16", "fp8"]))
@QUICK
def test_a_product_is_counted_term_by_term(rows: int, inputs: int, outputs: int, fmt: Any) -> None:
    shape = Gemm(format=fmt, rows=rows, inputs=inputs, outputs=outputs)
    assert shape.flop == 2 * rows * inputs * outputs
    width = {"bf16": 2, "fp8": 1}[fmt]
    assert shape.bytes == width * inputs * outputs + 2 * rows * inputs + 2 * rows * outputs


@given(sequences=st.integers(1, 9), tokens=st.integers(1, 60), kv_heads=st.integers(1, 4))
@QUICK
def test_attention_is_counted_pair_by_pair(sequences: int, tokens: int, kv_heads: int) -> None:
    common = {"sequences": sequences, "context_tokens": tokens, "kv_heads": kv_heads, "head_dim": 16}
    prompt = Attention(operation="attention_prefill", heads=4 * kv_heads, **common)
    decode = Attention(operation="attention_decode", heads=4 * kv_heads, **common)
    seen = sum(key <= query for query in range(tokens) for key in range(tokens))
    # two products of 16 elements each, 2 FLOP an element
    assert prompt.flop == pytest.approx(sequences * 4 * kv_heads * seen * 2 * 16 * 2)
    assert decode.flop == pytest.approx(sequences * 4 * kv_heads * tokens * 2 * 16 * 2)
    cache = sequences * tokens * kv_heads * 16 * 2 * 2
    queries_and_results = 2 * sequences * tokens * 4 * kv_heads * 16 * 2
    assert (decode.bytes, prompt.bytes) == (cache, cache + queries_and_results)
    assert (prompt.rows, decode.rows) == (sequences * tokens, sequences)


@given(rows=SIZE, width=SIZE, size=SIZE)
@QUICK
def test_elementwise_work_and_copies_are_counted_by_what_they_touch(rows: int, width: int, size: int) -> None:
    assert Elementwise(mode="graph", rows=rows, width=width).bytes == rows * width * 2 + rows * width * 2
    assert Copy(operation="copy_device", size_bytes=size).bytes == 2 * size
    assert Copy(operation="copy_host_to_device", size_bytes=size).bytes == size


def test_kernels_are_counted_as_the_planner_counts_them() -> None:
    """A fitted constant means the same in a plan: both put the same operation before the cost source."""
    from models.blocks.base import Core, Projection
    from planner.block_operations import BlockPricer

    seen: list[Operation] = []

    @dataclass
    class Source:
        def seconds(self, device: Any, operation: Operation) -> Any:
            seen.append(operation)
            return operation.flop

        def overheads(self, device: Any) -> Overheads:
            return Overheads()

    one, none = np.array([1]), np.array([0.0])
    precision = _Anything(weights="fp8", cache="bf16")
    setting = _Anything(cost=Source(), site=_Anything(device=None), precision=precision)
    layouts = _Anything(tp=one, cp=one, dcp=one)
    decoding = _Anything(
        decode_sequences=np.array([7.0]), decode_context_tokens=np.array([500.0]), prefill_tokens=none
    )
    prompt = _Anything(
        decode_sequences=none,
        prefill_tokens=np.array([600.0]),
        prefill_context_tokens=np.array([300.5]),
        prefill_prior_tokens=none,
    )
    whole = Projection(kernel="up", inputs=4096, outputs=6144, split="column", units=6144)
    core = Core(
        heads=32,
        kv_heads=8,
        kv_elements_per_token=2048,
        prefill_flop_per_pair=16384,
        decode_flop_per_pair=16384,
    )
    BlockPricer(setting, layouts, decoding)._gemm([whole])  # type: ignore[arg-type]
    BlockPricer(setting, layouts, decoding)._attention_decode(core, np.ones(1))  # type: ignore[arg-type]
    BlockPricer(setting, layouts, prompt)._attention_prefill(core, np.ones(1))  # type: ignore[arg-type]
    heads = {"heads": 32, "kv_heads": 8, "head_dim": 128}
    shapes = (
        Gemm(format="fp8", rows=7, inputs=4096, outputs=6144),
        Attention(operation="attention_decode", sequences=7, context_tokens=500, **heads),
        Attention(operation="attention_prefill", sequences=1, context_tokens=600, **heads),
    )
    for operation, shape in zip(seen, shapes, strict=True):
        assert operation.kind == shape.operation
        counted = (operation.flop[0], operation.bytes[0], operation.rows[0])
        assert counted == pytest.approx((shape.flop, shape.bytes, shape.rows))


class _Anything:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


@pytest.mark.parametrize("devices", [1, 2, 3, 8])
def test_groups_double_up_to_all_devices_and_share_evenly(devices: int) -> None:
    shapes = collective_shapes(devices, quick=False)
    assert {s.members for s in shapes} == {1: set(), 2: {2}, 3: {2, 3}, 8: {2, 4, 8}}[devices]
    assert all(s.payload_bytes % (2 * s.members) == 0 for s in shapes)
    assert len(set(shapes)) == len(shapes)


def test_a_quick_run_times_a_part_of_the_whole_one() -> None:
    whole, quick = (set(local_shapes(("bf16", "fp8"), quick=q)) for q in (False, True))
    assert quick < whole
    assert {type(s) for s in quick} == {type(s) for s in whole}


# ---- fits


def samples_of(curve: KernelCurve, shapes: Sequence[Any], noise: float, seed: int) -> KernelSamples:
    exact = KernelSamples(
        launches=np.ones(len(shapes)),
        flop=np.array([s.flop for s in shapes]),
        bytes=np.array([s.bytes for s in shapes]),
        rows=np.array([float(s.rows) for s in shapes]),
        seconds=np.ones(len(shapes)),
    )
    scatter = np.exp(noise * np.random.default_rng(seed).standard_normal(len(shapes)))
    return replace(exact, seconds=curve.seconds(exact) * scatter)


@st.composite
def curves(draw: st.DrawFn) -> KernelCurve:
    memory = draw(st.floats(2e11, 8e12))
    ridge = draw(st.floats(60.0, 800.0))
    return KernelCurve(
        flop_per_s=memory * ridge,
        bytes_per_s=memory,
        launch_s=draw(st.floats(1e-6, 1e-5)),
        # near the ridge it would act as a second memory term and could not be told from the first
        half_rows=ridge * draw(st.floats(0.01, 0.3)),
        overlap_power=draw(st.floats(1.0, 10.0)),
    )


def off(found: float, true: float) -> float:
    return abs(found / true - 1.0)


@given(curve=curves(), seed=st.integers(0, 1000))
@QUICK
def test_a_fit_recovers_the_constants_of_noisy_points(curve: KernelCurve, seed: int) -> None:
    samples = samples_of(curve, GEMMS, 0.02, seed)
    fitted = fit_curve(samples, PRIOR)
    assert np.max(np.abs(fitted.curve.seconds(samples) / curve.seconds(samples) - 1.0)) < 0.06
    assert fitted.residual_median_frac < 0.025
    found = {
        "compute_frac": off(fitted.curve.flop_per_s, curve.flop_per_s),
        "memory_frac": off(fitted.curve.bytes_per_s, curve.bytes_per_s),
        "launch_s": off(fitted.curve.launch_s, curve.launch_s),
    }
    assert {name for name in found if found[name] > 0.3} <= set(fitted.undetermined)
    assert found["compute_frac"] < 0.06
    if curve.overlap_power >= 2.0:
        assert "memory_frac" not in fitted.undetermined
        assert found["memory_frac"] < 0.06


@given(seed=st.integers(0, 1000), slow=st.floats(1.5, 20.0))
@QUICK
def test_a_tenth_of_wild_points_hardly_moves_a_fit(seed: int, slow: float) -> None:
    true = KernelCurve(flop_per_s=7e14, bytes_per_s=2.6e12, launch_s=4e-6, half_rows=40.0, overlap_power=3.0)
    samples = samples_of(true, GEMMS, 0.01, seed)
    wild = np.random.default_rng(seed).permutation(len(GEMMS))[: len(GEMMS) // 10]
    seconds = samples.seconds.copy()
    seconds[wild] *= slow
    found = fit_curve(replace(samples, seconds=seconds), PRIOR).curve
    assert off(found.flop_per_s, true.flop_per_s) < 0.03
    assert off(found.bytes_per_s, true.bytes_per_s) < 0.03
    assert off(found.launch_s, true.launch_s) < 0.15
    assert np.median(np.abs(found.seconds(samples) / true.seconds(samples) - 1.0)) < 0.02


def test_what_points_leave_open_is_said_and_taken_from_the_prior() -> None:
    true = KernelCurve(flop_per_s=7e14, bytes_per_s=2.6e12, launch_s=4e-6, half_rows=40.0, overlap_power=3.0)
    few_rows = [s for s in GEMMS if s.rows <= 16]
    fitted = fit_curve(samples_of(true, few_rows, 0.0, 0), PRIOR)
    assert {"compute_frac", "half_rows"} <= set(fitted.undetermined)
    assert "memory_frac" not in fitted.undetermined
    assert off(fitted.curve.bytes_per_s, true.bytes_per_s) < 0.02
    vectors = [s for s in local_shapes(("bf16",), quick=False) if isinstance(s, Elementwise)]
    flat = fit_curve(samples_of(replace(true, half_rows=0.0), vectors, 0.0, 0), replace(PRIOR, half_rows=0.0))
    assert flat.curve.half_rows == 0.0
    assert flat.curve.flop_per_s == pytest.approx(PRIOR.flop_per_s)
    assert flat.undetermined == ("compute_frac", "overlap_power")


@given(
    base=st.floats(1e-6, 2e-5),
    step=st.floats(1e-6, 1e-5),
    speed=st.floats(5e9, 9e11),
    seed=st.integers(0, 99),
)
@QUICK
def test_a_fit_of_links_recovers_latency_and_speed(base: float, step: float, speed: float, seed: int) -> None:
    shapes = collective_shapes(8, quick=False)
    links = LinkSpeeds(
        up_bytes_per_s=speed,
        up_base_s=base,
        up_step_s=step,
        out_bytes_per_s=1.0,
        out_base_s=1.0,
        out_step_s=1.0,
    )
    exact = np.array([planner_collective_s(s, links) for s in shapes])
    scatter = np.exp(0.02 * np.random.default_rng(seed).standard_normal(len(shapes)))
    samples = LinkSamples(
        members=np.array([float(s.members) for s in shapes]),
        volume=np.array([VOLUME[s.operation] for s in shapes]),
        payload_bytes=np.array([s.bytes for s in shapes]),
        seconds=exact * scatter,
    )
    fitted = fit_links(samples, LINK_PRIOR)
    assert off(fitted.curve.bytes_per_s, speed) < 0.05
    assert np.max(np.abs(fitted.curve.seconds(samples) / exact - 1.0)) < 0.06
    assert fitted.undetermined == ()
    pairs = samples.members == 2
    only = LinkSamples(**{f: getattr(samples, f)[pairs] for f in LinkSamples.__slots__})
    assert fit_links(only, LINK_PRIOR).undetermined == ("base_s", "step_s")


def planner_collective_s(shape: Collective, links: LinkSpeeds) -> float:
    """What the planner's own formula takes."""
    n = np.array([float(shape.members)])
    payload = np.array([shape.bytes])
    return float(collective_seconds(shape.operation, payload, Span(members=n, inside=n), links)[0])


# ---- timing


@dataclass
class Stopwatch:
    """A clock that moves only when something runs."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_timer_is_warmed_up_repeated_and_judged_by_its_median() -> None:
    clock, asked = Stopwatch(), []
    true = iter([1.0, *[1e-4] * 8, 5e-3, *[1e-4] * 1000])

    def run(calls: int) -> float:
        asked.append(calls)
        seconds = next(true)
        clock.now_s += seconds * calls
        return seconds

    timing = timed(run, Limits(samples=15), clock)
    assert timing.median_s == 1e-4
    assert timing.spread_frac == 0.0
    assert timing.samples == 15
    assert asked[0] == 1
    assert timing.calls == asked[-1] == 40  # 4 ms of 0.1 ms calls
    assert sum(asked[:-15]) * 1e-4 + 1.0 >= Limits().warm_up_s


def test_a_slow_call_is_not_repeated_beyond_its_time() -> None:
    clock = Stopwatch()

    def run(calls: int) -> float:
        clock.now_s += 0.4 * calls
        return 0.4

    timing = timed(run, Limits(longest_s=1.0), clock)
    assert (timing.samples, timing.calls) == (3, 1)
    assert clock.now_s == pytest.approx(0.4 * 5)


def test_operands_outgrow_the_cache_but_not_the_memory() -> None:
    small = Gemm(format="bf16", rows=1, inputs=2048, outputs=2048)
    assert sets_of(small, 50e6) == np.ceil(150e6 / small.bytes)
    assert sets_of(Elementwise(mode="graph", rows=1, width=8), 50e6) == 64
    assert sets_of(Copy(operation="copy_device", size_bytes=2**30), 50e6) == 1
    assert sets_of(small, None) == 1


# ---- the whole run


KERNELS = {
    ("gemm", "bf16"): (6.9e14, 2.9e12, 3.5e-6, 30.0, 4.0),
    ("gemm", "fp8"): (1.2e15, 2.7e12, 5.0e-6, 60.0, 2.5),
    ("attention_prefill", "bf16"): (5.0e14, 2.5e12, 6.0e-6, 0.0, 1.5),
    ("attention_decode", "bf16"): (3.0e14, 2.4e12, 7.0e-6, 0.0, 1.5),
    ("vector", "bf16"): (1.0e14, 2.8e12, 2.0e-6, 0.0, 2.0),
}
"""FLOP/s, bytes/s, launch floor, half rows, overlap."""


def true_curve(operation: str, fmt: str) -> KernelCurve:
    flop, moved, launch, rows, power = KERNELS[operation, fmt]
    return KernelCurve(
        flop_per_s=flop, bytes_per_s=moved, launch_s=launch, half_rows=rows, overlap_power=power
    )


LINKS = LinkSpeeds(
    up_bytes_per_s=3.6e11, up_base_s=6e-6, up_step_s=3e-6, out_bytes_per_s=1.0, out_base_s=1.0, out_step_s=1.0
)
COPY_BYTES_PER_S = {"copy_device": 3.0e12, "copy_host_to_device": 5.5e10}
EAGER_S = 8e-6


@dataclass
class FormulaDevice:
    """A device whose every time follows from a formula, give or take ``noise``."""

    name: str = "NVIDIA H100 80GB HBM3"
    count: int = 8
    noise: float = 0.01
    refused: tuple[str, ...] = ()
    clock: Stopwatch = field(default_factory=Stopwatch)
    dice: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def found(self) -> FoundDevice:
        return FoundDevice(
            name=self.name, vendor="nvidia", index=0, count=self.count, memory_bytes=85e9,
            formats=("bf16", "fp8"), driver="570.1", libraries="formulas", power_limit_watt=700.0,
        )  # fmt: skip

    @contextmanager
    def prepared(self, shape: LocalShape) -> Iterator[Timer]:
        if shape.operation in self.refused:
            raise CannotTime(f"no kernel for {shape.operation}")

        def run(calls: int) -> float:
            seconds = self._exact_s(shape) * float(np.exp(self.noise * self.dice.standard_normal()))
            self.clock.now_s += seconds * calls
            return seconds

        yield run

    def collectives(
        self, shapes: Sequence[Collective], limits: Limits, longest_s: float
    ) -> Iterator[tuple[Collective, Timing | CannotTime]]:
        for shape in shapes:
            if shape.operation in self.refused:
                yield shape, CannotTime("no link")
            else:
                seconds = planner_collective_s(shape, LINKS)
                yield shape, Timing(median_s=seconds, spread_frac=0.0, samples=5, calls=10)

    def _exact_s(self, shape: LocalShape) -> float:
        if isinstance(shape, Copy):
            return 3e-6 + shape.bytes / COPY_BYTES_PER_S[shape.operation]
        one = samples_of(true_curve(shape.operation, shape.format), [shape], 0.0, 0).seconds[0]
        return float(one) + (EAGER_S if isinstance(shape, Elementwise) and shape.mode == "eager" else 0.0)


def run_on(device: FormulaDevice, **asked: Any) -> DeviceMeasurement:
    return measure(device, Settings(**asked), clock=device.clock)


@pytest.fixture(scope="module")
def measured() -> DeviceMeasurement:
    return run_on(FormulaDevice())


@pytest.mark.parametrize("quick", [False, True])
def test_a_run_recovers_bandwidth_and_peak_of_the_device(quick: bool) -> None:
    document = run_on(FormulaDevice(), quick=quick)
    device = as_device(document.row, document.references)
    assert off(device.memory_bytes_per_s, COPY_BYTES_PER_S["copy_device"]) < 0.03
    assert off(device.host_bytes_per_s, COPY_BYTES_PER_S["copy_host_to_device"]) < 0.03
    assert off(device.scale_up_bytes_per_s, LINKS.up_bytes_per_s) < 0.02
    assert off(device.scale_up_latency_s, LINKS.up_base_s + LINKS.up_step_s) < 0.05
    for fmt in ("bf16", "fp8"):
        assert off(device.peak_flop_per_s[fmt], true_curve("gemm", fmt).flop_per_s) < 0.04
    assert document.skipped == ()
    assert document.wall_s < 60.0 * document.settings.minutes


def test_rows_hold_the_constants_that_points_determine(measured: DeviceMeasurement) -> None:
    device = as_device(measured.row, measured.references)
    assert set(measured.kernels) == {f"{device.family}/{operation}/{fmt}" for operation, fmt in KERNELS}
    for operation, fmt in KERNELS:
        row, true = measured.kernels[f"{device.family}/{operation}/{fmt}"], true_curve(operation, fmt)
        peak = peak_flop_per_s(device, fmt if operation == "gemm" else "bf16")
        found = {
            "compute_frac": off(row.compute_frac * peak, true.flop_per_s),
            "memory_frac": off(row.memory_frac * device.memory_bytes_per_s, true.bytes_per_s),
            "launch_s": off(row.launch_s, true.launch_s),
        }
        assert {name for name in found if found[name] > 0.06} <= set(row.undetermined), operation
        assert row.residual_median_frac < 0.02
        assert row.residual_p90_frac < 0.04
    assert measured.kernels[f"{device.family}/gemm/bf16"].undetermined == ()
    assert "compute_frac" in measured.kernels[f"{device.family}/vector/bf16"].undetermined
    assert "compute_frac" in measured.kernels[f"{device.family}/attention_decode/bf16"].undetermined


def test_the_launch_floor_is_told_apart_by_who_launches(measured: DeviceMeasurement) -> None:
    floor = measured.launch_floor
    assert floor.graph_s is not None
    assert floor.eager_s is not None
    assert off(floor.graph_s, true_curve("vector", "bf16").launch_s) < 0.03
    assert off(floor.eager_s - floor.graph_s, EAGER_S) < 0.05


def test_rows_are_what_the_catalogue_reads(
    measured: DeviceMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue and the fitted cost source read the rows, and price as the device runs."""
    from models.cost import fitted
    from models.cost.serving_fit import ServingFit

    # what serving runs of other devices moved is no matter of this device
    bare = fitted.Fitted(fit=ServingFit(base={}, parameters={}, sources=()))
    plain = codec.to_plain(measured)
    device = catalog._device(plain["row"], plain["references"], None)
    assert device == as_device(measured.row, measured.references)
    assert device.id == "h100-sxm-measured"
    rows = {
        "kernels": plain["kernels"] | {"default": {}},
        "links": plain["links"] | {"default": {}},
    }
    monkeypatch.setattr(fitted, "_table", lambda: rows)
    fitted.curve.cache_clear()
    try:
        shape = Gemm(format="fp8", rows=48, inputs=4096, outputs=14336)
        one = {name: np.array([float(getattr(shape, name))]) for name in ("flop", "bytes", "rows")}
        priced = bare.seconds(device, Operation(kind="gemm", format="fp8", **one))
        assert off(priced[0], FormulaDevice()._exact_s(shape)) < 0.04
        group = Collective(operation="all_gather", members=4, payload_bytes=2**22)
        n, payload = np.array([4.0]), np.array([group.bytes])
        spent = bare.collective_s(device, "all_gather", payload, Span(members=n, inside=n))
        assert off(spent[0], planner_collective_s(group, LINKS)) < 0.03
    finally:
        fitted.curve.cache_clear()


def test_rows_for_the_catalogued_device_say_the_same_of_its_datasheet(measured: DeviceMeasurement) -> None:
    known, own = catalog.device("h100-sxm"), as_device(measured.row, measured.references)
    rows = measured.catalogue
    assert rows is not None
    assert (rows.id, rows.family) == (known.id, known.family)
    for name, row in measured.kernels.items():
        theirs = rows.kernels[name.replace(own.family, known.family)]
        assert theirs.memory_frac * known.memory_bytes_per_s == pytest.approx(
            row.memory_frac * own.memory_bytes_per_s, rel=2e-3
        )
    up = rows.links["hopper"].up_frac * known.scale_up_bytes_per_s
    assert up == pytest.approx(measured.links[own.family].up_frac * own.scale_up_bytes_per_s, rel=2e-3)
    # int8 was not timed: its datasheet, by the share of the datasheet that bf16 reached
    share = own.peak_flop_per_s["bf16"] / known.peak_flop_per_s["bf16"]
    assert own.peak_flop_per_s["int8"] == pytest.approx(known.peak_flop_per_s["int8"] * share, rel=2e-3)


def test_every_figure_has_a_source_and_a_kind(measured: DeviceMeasurement) -> None:
    labels = {"id", "name", "vendor", "family", "aliases", "sources"}
    for document in (measured, run_on(FormulaDevice(name="NVIDIA Unheard-of 9", count=1), quick=True)):
        assert set(document.row["sources"]) == set(document.row) - labels
        kinds = {f: document.references[key].kind for f, key in document.row["sources"].items()}
        assert {kinds[f] for f in ("peak_flop_per_s", "memory_bytes", "memory_bytes_per_s")} == {"measured"}
        assert all(len(source.source) >= 10 for source in document.references.values())


def test_a_device_that_the_catalogue_does_not_know_is_completed() -> None:
    document = run_on(FormulaDevice(name="NVIDIA Unheard-of 9", count=1), quick=True)
    device = as_device(document.row, document.references)
    assert (device.id, device.family) == ("nvidia-unheard-of-9-measured",) * 2
    assert document.links == {}
    assert document.catalogue is None
    assert device.sources["scale_up_bytes_per_s"].kind == "assumed"
    assert device.scale_up_bytes_per_s == device.host_bytes_per_s
    assert 0 < device.idle_watt < device.peak_watt == 700.0


def test_the_document_goes_out_and_comes_back(measured: DeviceMeasurement) -> None:
    plain = json.loads(codec.to_json(measured))
    assert plain["schema"] == "shardwright.device-measurement/1"
    assert codec.from_plain(DeviceMeasurement, plain) == measured


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/points/0/median_s", 0.0),
        ("/points/0/shape/size_bytes", -1),
        ("/points/0/shape/operation", "nap"),
        ("/schema", "shardwright.plans/1"),
        ("/row/sources/memory_bytes", "nowhere"),
        ("/device/count", "eight"),
    ],
)
def test_a_wrong_document_is_refused(measured: DeviceMeasurement, pointer: str, value: Any) -> None:
    plain = json.loads(codec.to_json(measured))
    *way, last = [int(key) if key.isdigit() else key for key in pointer.split("/")[1:]]
    place = plain
    for key in way:
        place = place[key]
    place[last] = value
    with pytest.raises(InvalidInput):
        codec.from_plain(DeviceMeasurement, plain)


def test_what_cannot_be_timed_is_listed_with_its_reason() -> None:
    refused = ("attention_decode", "all_to_all")
    document = run_on(FormulaDevice(refused=refused), quick=True)
    assert {s.shape.operation for s in document.skipped} == set(refused)
    assert {s.reason for s in document.skipped} == {"no kernel for attention_decode", "no link"}
    assert not any("attention_decode" in name for name in document.kernels)
    assert document.links


def test_a_spent_budget_ends_the_run_and_is_told() -> None:
    class Slow(FormulaDevice):
        def _exact_s(self, shape: LocalShape) -> float:
            return 1.0 + super()._exact_s(shape)

    device = Slow(count=1)
    with pytest.raises(CannotTime, match="no matrix product in bf16"):
        run_on(device, minutes=0.5)
    assert device.clock.now_s < 40.0


def test_collectives_that_the_time_did_not_reach_are_told() -> None:
    class Cut(FormulaDevice):
        def collectives(
            self, shapes: Sequence[Collective], limits: Limits, longest_s: float
        ) -> Iterator[tuple[Collective, Timing | CannotTime]]:
            return super().collectives(shapes[:7], limits, longest_s)

    document = run_on(Cut(count=4), quick=True)
    asked = collective_shapes(4, quick=True)
    assert [s.shape for s in document.skipped] == list(asked[7:])
    assert {s.reason for s in document.skipped} == {"the time was up"}


def test_nothing_is_concluded_without_a_copy() -> None:
    with pytest.raises(CannotTime, match="no copy inside device memory"):
        run_on(FormulaDevice(refused=("copy_device",)), quick=True)


def test_progress_counts_up_to_the_number_of_shapes() -> None:
    told: list[tuple[int, int]] = []
    device = FormulaDevice(count=2)
    measure(
        device,
        Settings(quick=True),
        on_progress=lambda done, total, what: told.append((done, total)),
        clock=device.clock,
    )
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


# ---- measured kernels of others


def published_gemms() -> dict[tuple[str, str], list[tuple[int, int, int, float]]]:
    """Rows, outputs, inputs and seconds of published GEMM timings by device and format."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    data = Path(os.environ.get("SHARDWRIGHT_DATA_DIR") or beside)
    path = data / "kernel_measured/aic_gemm_sample.csv"
    if not path.is_file():
        pytest.skip("reference data not found: set SHARDWRIGHT_DATA_DIR")
    families = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["system"], row["dtype"].replace("bfloat16", "bf16"))
            timing = (int(row["m"]), int(row["n"]), int(row["k"]), float(row["latency_ms"]) / 1e3)
            families[key].append(timing)
    return families


@pytest.mark.shared_data
def test_published_gemm_timings_are_met_as_well_as_by_the_committed_constants() -> None:
    families = published_gemms()
    assert len(families) == 14
    medians = []
    for (system, fmt), points in families.items():
        device = catalog.device(system)
        rows, outputs, inputs, seconds = (
            np.array(column, dtype=float) for column in zip(*points, strict=True)
        )
        work = {
            "flop": 2.0 * rows * outputs * inputs,
            "bytes": outputs * inputs * WEIGHT_BYTES[fmt] + 2.0 * rows * (outputs + inputs),
            "rows": rows,
        }
        peak = peak_flop_per_s(device, fmt)
        prior = replace(PRIOR, flop_per_s=0.6 * peak, bytes_per_s=0.8 * device.memory_bytes_per_s)
        samples = KernelSamples(launches=np.ones_like(rows), seconds=seconds, **work)
        fitted = fit_curve(samples, prior)
        committed_s = Fitted().seconds(device, Operation(kind="gemm", format=fmt, **work))
        committed = float(np.median(np.abs(committed_s / seconds - 1.0)))
        assert fitted.residual_median_frac <= committed + 0.01, (system, fmt)
        assert 0.1 < fitted.curve.flop_per_s / peak < 1.0, (system, fmt)
        assert 0.3 < fitted.curve.bytes_per_s / device.memory_bytes_per_s < 1.0, (system, fmt)
        medians.append(fitted.residual_median_frac)
    assert np.median(medians) < 0.045
    assert max(medians) < 0.11


# ---- hardware and the command


def test_what_the_driver_does_not_tell_is_left_out() -> None:
    told = nvidia_smi.read("570.86, 81559, 1980, 2619, 700.00, [N/A]\n")
    assert told["memory_bytes"] == 81559 * 2**20
    assert told["sm_clock_max_hz"] == 1.98e9
    assert told["power_limit_watt"] == 700.0
    assert "power_draw_watt" not in told
    assert nvidia_smi.read("No devices were found") == {}


def test_a_report_that_was_cut_off_keeps_its_whole_lines(tmp_path: Path) -> None:
    shapes = collective_shapes(2, quick=True)
    job = Job(devices=(0, 1), shapes=shapes, limits=Limits(), folder=str(tmp_path))
    assert finished(job) == []
    line = json.dumps(
        {"position": 1, "timing": {"median_s": 1e-5, "spread_frac": 0.1, "samples": 5, "calls": 20}}
    )
    job.results.write_text(f'{line}\n{{"position": 2, "tim')
    assert finished(job) == [
        (shapes[1], Timing(median_s=1e-5, spread_frac=0.1, samples=5, calls=20)),
    ]


def run_command(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(command.measure)
    return CliRunner().invoke(app, arguments)


def test_without_torch_the_command_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(torch_device, "import_module", missing)
    result = run_command()
    assert result.exit_code == 5
    assert "shardwright[device]" in result.stderr
    assert result.stdout == ""


def test_without_a_gpu_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = _Anything(cuda=_Anything(is_available=lambda: False))
    monkeypatch.setattr(torch_device, "import_module", lambda name: blind)
    result = run_command("--quick")
    assert result.exit_code == 5
    assert "no GPU was found" in result.stderr
    assert "shardwright[device]" in result.stderr
    lone = _Anything(cuda=_Anything(is_available=lambda: True, device_count=lambda: 1))
    monkeypatch.setattr(torch_device, "import_module", lambda name: lone)
    assert run_command("--gpu", "3").exit_code == 2


def test_the_command_writes_the_document_and_a_summary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch_device, "open_device", lambda index: FormulaDevice(refused=("all_to_all",)))
    path = tmp_path / "h100.json"
    result = run_command("--quick", "--out", str(path))
    assert result.exit_code == 0, result.stderr
    document = codec.from_plain(DeviceMeasurement, json.loads(path.read_text()))
    assert document.settings.quick
    assert "NVIDIA H100 80GB HBM3: 8 on this host" in result.stdout
    assert "no link: " in result.stdout
    printed = run_command("--quick")
    assert (
        codec.from_plain(DeviceMeasurement, json.loads(printed.stdout)).row["family"] == "h100-sxm-measured"
    )


def test_a_target_that_cannot_be_written_is_refused_before_anything_is_timed(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "none" / "x.json"):
        result = run_command("--out", str(target))
        assert result.exit_code == 2
        assert str(target) in result.stderr


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_real_gpu_is_measured() -> None:
    try:
        device = torch_device.open_device()
    except NotBuilt as missing:
        pytest.skip(missing.message)
    document = measure(device, Settings(minutes=2.0, quick=True))
    row = as_device(document.row, document.references)
    assert 1e12 < row.peak_flop_per_s["bf16"] < 1e16
    assert 5e10 < row.memory_bytes_per_s < 5e13
    assert document.launch_floor.graph_s is not None
    assert document.launch_floor.eager_s is not None
    assert 5e-7 < document.launch_floor.graph_s < document.launch_floor.eager_s < 1e-3
    assert all(kernel.residual_median_frac < 0.3 for kernel in document.kernels.values())
