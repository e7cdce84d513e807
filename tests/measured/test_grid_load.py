"""Steps of a grid: decode, prefill, and both together."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.cost_sources.grid_load import GridTables
from planner.step_load import StepLoad, decode_load, prefill_load
from tests.measured.formulas import close, decode_s, prefill_s

ONE = np.ones(1)
sequences, contexts = st.floats(0.01, 64.0), st.floats(1.0, 16000.0)
chunks = st.floats(1.0, 4000.0)


def seconds(tables: GridTables, load: StepLoad, place: int = 0) -> float:
    return float(tables.seconds(np.full(1, place), load)[0])


def test_decode_is_read_off(tables: GridTables) -> None:
    assert seconds(tables, decode_load(8.0 * ONE, 1000.0 * ONE)) == pytest.approx(decode_s(1, 8, 1000))
    assert seconds(tables, decode_load(64.0 * ONE, 16000.0 * ONE), 1) == pytest.approx(decode_s(4, 64, 16000))


def test_a_whole_prompt_is_read_off(tables: GridTables) -> None:
    assert seconds(tables, prefill_load(8000.0 * ONE, 8000.0 * ONE)) == pytest.approx(prefill_s(1, 1, 8000))


def test_prompts_side_by_side_share_the_weights(tables: GridTables) -> None:
    """As the prefill replica forms its steps: one prompt's load, its tokens multiplied."""
    one = prefill_load(500.0 * ONE, 500.0 * ONE)
    four = replace(one, prefill_tokens=2000.0 * ONE, prefill_prior_tokens=4.0 * one.prefill_prior_tokens)
    assert seconds(tables, four) == pytest.approx(prefill_s(1, 4, 500))


def test_a_chunk_sees_the_chunks_before_it(tables: GridTables) -> None:
    """The average chunk of 500 of a prompt of 4500 finds 2000 tokens cached."""
    found = seconds(tables, prefill_load(500.0 * ONE, 4500.0 * ONE))
    # a chunk after one cached token stands for one after none
    assert found == pytest.approx(prefill_s(1, 1, 500, 2000), rel=1e-4)


def test_prompts_with_a_cached_prefix_each_pay_for_it(tables: GridTables) -> None:
    load = StepLoad(
        decode_sequences=0.0 * ONE,
        decode_context_tokens=0.0 * ONE,
        prefill_tokens=4.0 * 500.0 * ONE,
        prefill_context_tokens=(2000.0 + 250.0) * ONE,
        prefill_prior_tokens=4.0 * 2000.0 * ONE,
    )
    assert seconds(tables, load) == pytest.approx(prefill_s(1, 4, 500, 2000), rel=1e-3)


def test_an_empty_step_takes_no_time(tables: GridTables) -> None:
    assert seconds(tables, decode_load(0.0 * ONE, 0.0 * ONE)) == 0.0


def test_a_mixed_step_reads_the_weights_once(tables: GridTables) -> None:
    """Against the formula the tables were made of, where that is known."""
    prompt, running, context = 492.0, 8.0, 16000.0
    found = seconds(tables, prefill_load(prompt * ONE, prompt * ONE, running * ONE, context * ONE))
    attention = decode_s(1, running, context) - decode_s(1, running, 1)
    assert found == pytest.approx(prefill_s(1, 1, prompt + running) + attention, rel=1e-6)
    apart = prefill_s(1, 1, prompt) + decode_s(1, running, context)
    assert found < apart - 0.015  # 20 ms of reading the weights, less the decodes' share of the products


def test_a_sequence_that_is_there_now_and_then_pays_now_and_then(tables: GridTables) -> None:
    prompt, context = 499.75, 16000.0
    rare = seconds(tables, prefill_load(prompt * ONE, prompt * ONE, 0.25 * ONE, context * ONE))
    attention = decode_s(1, 1, context) - decode_s(1, 1, 1)
    assert rare == pytest.approx(prefill_s(1, 1, 500) + 0.25 * attention, rel=1e-6)


@given(b=sequences, s=contexts, c=chunks)
def test_a_mixed_step_is_no_faster_than_its_parts(tables: GridTables, b: float, s: float, c: float) -> None:
    alone = seconds(tables, prefill_load(c * ONE, c * ONE))
    decode = seconds(tables, decode_load(b * ONE, s * ONE))
    mixed = seconds(tables, prefill_load(c * ONE, c * ONE, b * ONE, s * ONE))
    assert mixed >= max(alone, decode) * (1 - 1e-12)
    assert np.isfinite(mixed)


@given(b=sequences, s=contexts, c=chunks, more=st.floats(1.0, 3.0))
def test_more_of_anything_takes_longer(tables: GridTables, b: float, s: float, c: float, more: float) -> None:
    base = seconds(tables, prefill_load(c * ONE, c * ONE, b * ONE, s * ONE))
    for load in (
        prefill_load(c * more * ONE, c * more * ONE, b * ONE, s * ONE),
        prefill_load(c * ONE, c * more * ONE, b * ONE, s * ONE),
        prefill_load(c * ONE, c * ONE, b * ONE, min(s * more, 16000.0) * ONE),
    ):
        assert seconds(tables, load) >= base * (1 - 1e-9)


@pytest.mark.parametrize(
    ("load", "outside"),
    [
        (decode_load(8.0 * ONE, 1000.0 * ONE), False),
        (decode_load(0.2 * ONE, 1000.0 * ONE), False),
        (decode_load(65.0 * ONE, 1000.0 * ONE), True),
        (decode_load(8.0 * ONE, 16001.0 * ONE), True),
        (prefill_load(8000.0 * ONE, 8000.0 * ONE), False),
        (prefill_load(8001.0 * ONE, 8001.0 * ONE), True),
        (prefill_load(7999.0 * ONE, 7999.0 * ONE, 8.0 * ONE, 1000.0 * ONE), True),
        (prefill_load(500.0 * ONE, 60500.0 * ONE), False),
        (prefill_load(500.0 * ONE, 61500.0 * ONE), True),
    ],
)
def test_it_knows_where_it_is_left(tables: GridTables, load: StepLoad, outside: bool) -> None:
    near, left = tables.inside(load)
    assert bool(left[0]) is outside
    again, still = tables.inside(near)
    assert not still[0]
    assert close(again.prefill_tokens, near.prefill_tokens)
