"""Degrees of a replica."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import codec
from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.precision import KV_BYTES, WEIGHT_BYTES, Precision

DEGREE = st.sampled_from([1, 2, 3, 4, 8])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tp=DEGREE, pp=DEGREE, cp=DEGREE, dp=DEGREE, ep=DEGREE, dcp=DEGREE)
def test_degrees_multiply_and_divide(tp: int, pp: int, cp: int, dp: int, ep: int, dcp: int) -> None:
    stage = tp * cp * dp
    if stage % ep or (tp * cp) % dcp:
        with pytest.raises(InvalidInput):
            Parallelism(tp=tp, pp=pp, cp=cp, dp=dp, ep=ep, dcp=dcp)
        return
    found = Parallelism(tp=tp, pp=pp, cp=cp, dp=dp, ep=ep, dcp=dcp)
    assert found.devices == tp * pp * cp * dp
    assert found.stage_devices == stage
    assert found.moe_tp * found.ep == stage
    assert codec.from_plain(Parallelism, codec.to_plain(found)) == found


@pytest.mark.parametrize(
    ("degrees", "text"),
    [({}, "tp1"), ({"tp": 8}, "tp8"), ({"tp": 2, "pp": 4}, "tp2 pp4"), ({"dp": 8, "ep": 8}, "dp8 ep8"),
     ({"tp": 4, "sequence_parallel": True}, "tp4 sp")],
)  # fmt: skip
def test_short_text_names_degrees_above_one(degrees: dict[str, Any], text: str) -> None:
    assert Parallelism(**degrees).short() == text


@pytest.mark.parametrize(("degrees", "pointer"), [({"tp": 4, "ep": 3}, "/ep"), ({"tp": 2, "dcp": 4}, "/dcp")])
def test_errors_name_the_degree_and_its_value(degrees: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Parallelism(**degrees)
    assert error.value.pointer == pointer
    assert str(degrees[pointer[1:]]) in error.value.message
    assert error.value.hint.startswith("Maybe")


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True, None])
def test_degrees_are_whole_numbers_from_one(value: object) -> None:
    with pytest.raises(InvalidInput):
        codec.from_plain(Parallelism, {"tp": value})


@pytest.mark.parametrize(
    ("fmt", "bits"),
    [
        ("bf16", 16),
        ("fp8", 8),
        ("int8", 8),
        ("mxfp4", 4.25),
        ("nvfp4", 4.5),
        ("int4", 4.125),
        ("fp8_block", 8.002),
    ],
)
def test_formats_take_their_bits_and_scales(fmt: str, bits: float) -> None:
    assert 8 * WEIGHT_BYTES[fmt] == pytest.approx(bits, rel=1e-4)


def test_experts_and_cache_default_to_weights_and_engine() -> None:
    assert Precision(weights="fp8").experts == "fp8"
    assert Precision(weights="bf16", moe_weights="mxfp4").experts == "mxfp4"
    assert Precision().cache == "bf16"
    assert Precision(kv="fp8").cache == "fp8"
    assert KV_BYTES["bf16"] == 2 * KV_BYTES["fp8"]
