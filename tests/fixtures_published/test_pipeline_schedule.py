"""GPipe's measured speed-up (Huang et al., 2019) and Megatron's interleaving (Narayanan et al., 2021)."""

import numpy as np
import pytest

from models.cost.pipeline_schedule import (
    idle_frac,
    idle_to_work,
    is_amortised,
    iteration_s,
    relative_throughput,
    rematerialised_activation_samples,
)
from models.cost.stage_traffic import stage_boundary_bytes, tensor_parallel_bytes
from models.errors import InvalidInput

# Transformer-48 on TPU: throughput relative to K = 2 stages with M = 1 micro-batch.
GPIPE = {(2, 32): 1.8, (4, 32): 3.4, (2, 4): 1.7, (4, 4): 3.2, (2, 1): 1.0, (4, 1): 1.07}


def speed_up(stages, microbatches):
    return relative_throughput(stages, microbatches) / relative_throughput(2, 1)


@pytest.mark.parametrize(("stages", "predicted"), [(2, 1.94), (4, 3.66)])
def test_32_microbatches(stages, predicted):
    law = speed_up(stages, 32)
    assert law == pytest.approx(predicted, rel=0.005)
    assert law == pytest.approx(GPIPE[stages, 32], rel=0.08)
    assert is_amortised(stages, 32)


def test_amortised_from_four_microbatches_per_stage():
    assert is_amortised(4, [15, 16, 17]).tolist() == [False, True, True]


@pytest.mark.parametrize("stages", [2, 4])
def test_one_microbatch_is_flat(stages):
    """Without micro-batches only one stage works at a time; published 1 and 1.07."""
    assert speed_up(stages, 1) == pytest.approx(1.0)
    assert speed_up(stages, 1) == pytest.approx(GPIPE[stages, 1], rel=0.07)


def test_the_law_declares_itself_out_of_range_at_4_microbatches():
    """The law is 28 % below the measured K = 4, M = 4, so it must not be used there."""
    assert not is_amortised(4, 4)
    assert not is_amortised(2, 4)
    assert speed_up(4, 4) / GPIPE[4, 4] - 1 == pytest.approx(-0.286, abs=0.005)


@pytest.mark.parametrize(
    ("stages", "microbatches", "interleave"), [(8, 8, 1), (8, 8, 2), (8, 32, 4), (64, 512, 2)]
)
def test_interleaving_divides_the_bubble(stages, microbatches, interleave):
    """Counted on a slot grid: v m busy slots, p - 1 idle ones."""
    busy, idle = interleave * microbatches, stages - 1
    assert idle_to_work(stages, microbatches, interleave=interleave) == pytest.approx(idle / busy)
    assert idle_frac(stages, microbatches, interleave=interleave) == pytest.approx(idle / (busy + idle))


def test_plain_schedule_unless_asked():
    assert idle_to_work(5, 8) == 4 / 8
    assert idle_frac(5, 8) == 4 / 12


def test_iteration_time():
    """(m + p - 1)(t_f + t_b) for the plain schedule."""
    assert iteration_s(0.1, 0.2, stages=4, microbatches=16) == pytest.approx(19 * 0.3)
    assert iteration_s(0.1, 0.2, stages=4, microbatches=16, interleave=3) == pytest.approx(17 * 0.3)


def test_arrays_broadcast():
    grid = idle_frac(np.array([1, 2, 4])[:, None], np.array([1, 32]))
    assert grid.shape == (3, 2)
    assert (grid[0] == 0).all()


def test_rematerialisation_needs_less_than_the_whole_batch():
    """O(N + (L / K)(N / M)): 128 samples, 48 layers, 4 stages, 32 micro-batches."""
    peak = rematerialised_activation_samples(128, layers=48, stages=4, microbatches=32)
    assert peak == 128 + 12 * 4
    assert peak < 128 * 48 / 4


def test_no_microbatch_is_refused():
    with pytest.raises(InvalidInput, match="microbatches = 0"):
        idle_frac(4, 0)


# 1 T parameters: batch 1 x 2,048 tokens, h 25,600, 128 layers over 64 stages, t = 8.
TERA = {"batch_tokens": 2048, "hidden": 25_600}


def test_tensor_parallel_traffic_counts_four_ring_all_reduces_a_layer():
    message_bytes = 2048 * 25_600 * 2
    ring = 2 * 7 / 8 * message_bytes
    assert tensor_parallel_bytes(2, tp=8, **TERA) == pytest.approx(2 * 4 * ring)
    assert tensor_parallel_bytes(2, tp=1, **TERA) == 0


def test_scatter_gather_divides_the_boundary_by_t():
    plain = stage_boundary_bytes(2048, hidden=25_600, tp=8, scatter_gather=False)
    split = stage_boundary_bytes(2048, hidden=25_600, tp=8, scatter_gather=True)
    assert plain == 2048 * 25_600 * 2
    assert split == plain / 8
    assert stage_boundary_bytes(2048, hidden=25_600, tp=1, scatter_gather=True) == plain


def test_tp_below_one_is_refused():
    with pytest.raises(InvalidInput, match="tp = 0"):
        stage_boundary_bytes(1, hidden=1, tp=0, scatter_gather=True)
