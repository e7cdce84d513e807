"""Fitted corrections: names of factors, their sums, and what the cost source makes of them."""

import json
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import catalog
from models.cost import serving_fit, terms
from models.cost.base import Operation, Overheads, ServingLoop
from models.cost.fitted import Fitted
from models.cost.serving_fit import KernelFactors, ServingFit

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
H100 = catalog.device("h100-sxm")
BASE = {
    "small_s": 1e-6, "eager_s": 2e-6, "host_step_s": 1e-4, "host_sequence_s": 1e-5,
    "fixed": 0.01, "own": 1.5, "steps": 4.0, "burst": 0.25,
}  # fmt: skip
NEUTRAL = ServingFit(base=BASE, parameters={}, sources=())
ONE = KernelFactors(compute=1.0, memory=1.0, launch=1.0, half_rows=1.0)


def fit(**parameters: float) -> ServingFit:
    return ServingFit(base=BASE, parameters=parameters, sources=())


def gemm(rows: float = 64.0, width: float = 4096.0) -> Operation:
    one = np.ones(1)
    return Operation(
        kind="gemm", format="fp8", flop=2.0 * rows * width**2 * one,
        bytes=(width**2 + 4.0 * rows * width) * one, rows=rows * one,
    )  # fmt: skip


# ---- names


@pytest.mark.parametrize(
    ("engine", "version", "key"),
    [
        ("vllm", "0.11.0", "vllm/0.11"),
        ("vllm", "0.11.2", "vllm/0.11"),
        ("vllm", "0.12.0rc1", "vllm/0.12"),
        ("trtllm", "1.2.0rc6.post2", "trtllm/1.2"),
        ("trtllm", "1.2", "trtllm/1.2"),
        ("sglang", "0.5.10", "sglang/0.5.10"),
        ("sglang", "0.5.1.post3", "sglang/0.5.1"),
        ("sglang", "0.5", "sglang/0.5.0"),
        ("vllm", None, "vllm/unstated"),
        ("vllm", "", "vllm/unstated"),
        ("vllm", "nightly", "vllm/other"),
    ],
)
def test_a_version_is_known_by_the_part_that_moves_its_speed(
    engine: str, version: str | None, key: str
) -> None:
    assert terms.version_key(engine, version) == key


def test_both_generations_of_one_family_are_fitted_together() -> None:
    assert terms.family_group("blackwell-ultra") == terms.family_group("blackwell")
    assert terms.family_group("hopper") != terms.family_group("ada")


def test_only_matrix_products_differ_by_number_format() -> None:
    assert "gemm/fp8" in terms.rate("memory", "gemm", "fp8", "hopper", "vllm")
    names = [terms.rate("memory", "attention_decode", f, "hopper", "vllm") for f in ("fp8", "bf16")]
    assert names[0] == names[1]


def test_every_shipped_parameter_is_one_that_the_source_asks_for() -> None:
    """A misspelt name would be fitted and never used."""
    asked: set[str] = set()

    class Recorder(dict[str, float]):
        def get(self, name: str, other: float = 0.0) -> float:  # type: ignore[override]
            asked.add(name)
            return other

    shipped = serving_fit.shipped()
    blank = ServingFit(base=shipped.base, parameters=Recorder(), sources=())
    versions = {name.partition("/")[2] for name in shipped.parameters if name.startswith("overhead/")}
    formats = ("bf16", "fp8", "fp8_block", "int8", "int4", "mxfp4", "nvfp4")
    kinds = (
        "gemm", "grouped_gemm", "attention_prefill", "attention_decode", "latent_prefill", "latent_decode",
        "recurrence", "vector",
    )  # fmt: skip
    devices = {device.family: device for device in catalog.devices()}
    for version in versions | {"vllm/unstated"}:
        engine = version.partition("/")[0]
        blank.loop(engine, version)
        for family, device in devices.items():
            blank.overheads(device, engine, version)
            for kind in kinds:
                for number_format in formats:
                    blank.kernel(kind, number_format, family, engine, version)
    assert set(shipped.parameters) <= asked


# ---- sums


@QUICK
@given(values=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4))
def test_a_factor_is_the_exponential_of_the_sum_of_its_names(values: list[float]) -> None:
    names = ("memory/gemm", "gemm/hopper", "gemm/vllm", "gemm/fp8")
    fitted = fit(**dict(zip(names, values, strict=True)))
    found = fitted.kernel("gemm", "fp8", "hopper", "vllm", "vllm/0.11")
    assert found.memory == pytest.approx(exp(sum(values)))
    # the share of the product itself is common to what is bound by computing
    assert found.compute == pytest.approx(exp(sum(values[1:])))
    assert (found.launch, found.half_rows) == (1.0, 1.0)


def test_what_was_never_seen_takes_what_is_common_to_the_others() -> None:
    fitted = fit(**{"memory/gemm": 0.2, "gemm/hopper": 0.1, "overhead/vllm": 0.3, "overhead/vllm/0.11": 0.4})
    unseen = fitted.kernel("gemm", "fp8", "some-family", "some-engine", "some-engine/9.9")
    assert unseen.memory == pytest.approx(exp(0.2))
    assert unseen.launch == 1.0
    newer = fitted.kernel("gemm", "fp8", "hopper", "vllm", "vllm/9.9")
    assert newer.memory == pytest.approx(exp(0.3))
    assert newer.launch == pytest.approx(exp(0.3))


def test_the_share_of_a_burst_stays_a_share() -> None:
    for value in (-9.0, -1.0, 0.0, 1.0, 9.0):
        assert 0.0 < fit(burst=value).loop("vllm", "vllm/0.11").burst_frac < 1.0
    even = fit(burst=log(1.0 / BASE["burst"])).loop("vllm", "vllm/0.11")
    assert even.burst_frac == pytest.approx(0.5)


def test_overheads_are_the_base_times_their_factors() -> None:
    fitted = fit(**{"small": 0.5, "eager/vllm": 0.25, "host_step/vllm": -0.5, "step/vllm/0.11": 0.1})
    found = fitted.overheads(H100, "vllm", "vllm/0.11")
    assert found.small_kernel_s == pytest.approx(1e-6 * exp(0.5))
    assert found.eager_kernel_s == pytest.approx(2e-6 * exp(0.25))
    assert found.host_step_s == pytest.approx(1e-4 * exp(-0.5))
    assert found.host_sequence_s == pytest.approx(1e-5)
    assert found.step_frac == pytest.approx(exp(0.1))
    other = fitted.overheads(H100, "sglang", "sglang/0.5.9")
    assert (other.eager_kernel_s, other.step_frac) == (2e-6, 1.0)


# ---- the cost source


def test_a_neutral_fit_gives_the_bare_curves() -> None:
    bare = Fitted(fit=NEUTRAL).serving("vllm", "0.11.0")
    assert NEUTRAL.kernel("gemm", "fp8", "hopper", "vllm", "vllm/0.11") == ONE
    for operation in (gemm(), gemm(1.0), gemm(8192.0)):
        pieces = bare.times(H100, operation)
        power = pieces.overlap_power
        together = ((pieces.compute_s + pieces.thin_s) ** power + pieces.memory_s**power) ** (1.0 / power)
        assert bare.seconds(H100, operation) == pytest.approx(pieces.floor_s + together)
    assert bare.loop() == ServingLoop(fixed_s=0.01, own_frac=1.5, steps=4.0, burst_frac=0.2)
    ones = dict.fromkeys(serving_fit.PARTS, 1.0)
    assert bare.overheads(H100) == Overheads(
        small_kernel_s=1e-6, eager_kernel_s=2e-6, host_step_s=1e-4, host_sequence_s=1e-5,
        step_frac=1.0, part_frac=ones,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows"), [("memory/gemm", 1.0), ("compute/gemm", 16384.0), ("launch/gemm", 1.0)]
)
def test_a_correction_moves_the_kernels_it_names(name: str, rows: float) -> None:
    bare, moved = Fitted(fit=NEUTRAL), Fitted(fit=fit(**{name: log(2.0)}))
    before, after = (float(s.seconds(H100, gemm(rows))[0]) for s in (bare, moved))
    assert before < after <= 2.0 * before * (1 + 1e-12)
    vector = Operation(kind="vector", format="bf16", flop=np.zeros(1), bytes=np.full(1, 1e8), rows=np.ones(1))
    assert moved.seconds(H100, vector) == bare.seconds(H100, vector)


def test_a_source_is_bound_to_its_engine_and_version() -> None:
    fitted = Fitted(fit=fit(**{"gemm/vllm": 0.7, "overhead/vllm/0.11": 0.7}))
    assert fitted.serving("vllm", "0.11.2").version == "vllm/0.11"
    times = {
        (engine, version): float(fitted.serving(engine, version).seconds(H100, gemm())[0])
        for engine, version in (("sglang", "0.5.9"), ("vllm", None), ("vllm", "0.11.0"), ("vllm", "0.11.3"))
    }
    assert times["sglang", "0.5.9"] < times["vllm", None] < times["vllm", "0.11.0"]
    assert times["vllm", "0.11.0"] == times["vllm", "0.11.3"]


def test_an_engine_launches_its_experts_as_often_as_it_was_timed() -> None:
    one = np.ones(1)
    operation = Operation(
        kind="grouped_gemm", format="mxfp4", flop=one, bytes=one, rows=one, launches=4.0, unit_bytes=one
    )

    def floor_s(engine: str, device: str = "h200-sxm") -> float:
        source = Fitted(fit=NEUTRAL).serving(engine, None)
        return float(source.times(catalog.device(device), operation).floor_s)

    rows = json.loads((catalog.DATA / "kernel_efficiency.json").read_text(encoding="utf-8"))
    timed = rows["engine_launches"]["trtllm/hopper/grouped_gemm/mxfp4"]["launch_frac"]
    assert timed > 1.0
    assert floor_s("trtllm") == pytest.approx(timed * floor_s("some-engine"))
    assert floor_s("trtllm", "mi300x") == pytest.approx(floor_s("some-engine", "mi300x"))


def test_few_experts_in_flight_load_slower_than_many() -> None:
    """Memory runs at full speed once several parts are in flight, so the time per byte falls with them."""
    one = np.ones(1)

    def per_byte_s(parts: float) -> float:
        unit = 1e7
        operation = Operation(
            kind="grouped_gemm", format="bf16", flop=0.0 * one, bytes=parts * unit * one, rows=one,
            unit_bytes=unit * one,
        )  # fmt: skip
        floor_s = Fitted(fit=NEUTRAL).times(H100, operation).floor_s
        return float((Fitted(fit=NEUTRAL).seconds(H100, operation)[0] - floor_s) / (parts * unit))

    assert per_byte_s(1.0) > per_byte_s(4.0) > per_byte_s(64.0)


def test_the_shipped_fit_names_its_source_beside_that_of_the_curves() -> None:
    assert set(serving_fit.shipped().sources) <= set(Fitted().sources)
    assert Fitted(fit=NEUTRAL).sources == tuple(
        s for s in Fitted().sources if s not in serving_fit.shipped().sources
    )
