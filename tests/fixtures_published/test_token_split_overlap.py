"""TokenWeave (Gond et al., 2025): all-reduce times and prefill passes on 8 x H100, bf16.

Microbenchmark: repository microsoft/tokenweave, artifacts_results/csvs/figure_4.csv, hidden 8,192.
Passes: artifact/csvs/figure_11a.csv and figure_qwen3moe_summary.csv. Milliseconds as published.

The line through the multimem points has a mean relative error of 0.54 % on the published three
decimals, and of 0.59 % on figures rounded to 0.1 us.

Communication: 2 L t_AR is above baseline - no-AllReduce by up to 21 % for Llama (1-32 K) as stated;
for Mixtral by up to 25 % but at 16,384 tokens, where it is 27.1 % with the fitted line and 26.4 %
with the micro-benchmark interpolated, so the stated 26 % is met to rounding only.

Threshold rule: nothing of the overlapped column is used. What a half pass cannot save is taken
from the compute times of the two smallest passes, communication from the fitted line.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cost.all_reduce_fit import AlphaBeta, fit_alpha_beta, relative_errors
from models.cost.token_split_overlap import (
    fixed_pass_s,
    pass_s,
    split_threshold_tokens,
    tensor_parallel_comm_s,
)
from models.errors import InvalidInput
from models.units import GB, MS, US

TOKENS = np.array([64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768])
BYTES = TOKENS * 8192 * 2.0
MULTIMEM_S = US * np.array(
    [16.544, 20.192, 28.064, 43.680, 74.784, 135.872, 257.248, 500.160, 985.952, 1956.608]
)
DEFAULT_S = US * np.array(
    [36.000, 54.880, 66.528, 94.688, 137.184, 219.712, 347.616, 646.112, 1232.032, 2402.464]
)

LLAMA = ("Llama-3.3-70B", 80, 8192)
QWEN = ("Qwen2.5-72B", 80, 8192)
MIXTRAL = ("Mixtral-8x22B", 56, 6144)
QWEN_MOE = ("Qwen3-235B-A22B", 94, 4096)

# model, tokens: baseline, no all-reduce, overlapped [ms]
PUBLISHED = {
    (LLAMA, 1024): (53.66, 41.94, 46.16),
    (LLAMA, 2048): (94.23, 74.92, 76.73),
    (LLAMA, 4096): (179.48, 144.90, 142.23),
    (LLAMA, 8192): (356.02, 289.55, 279.76),
    (LLAMA, 16384): (744.11, 610.22, 585.34),
    (LLAMA, 32768): (1639.86, 1371.36, 1326.04),
    (LLAMA, 65536): (3917.74, 3338.34, 3282.36),
    (MIXTRAL, 1024): (42.94, 36.42, 69.14),
    (MIXTRAL, 2048): (68.16, 57.12, 69.89),
    (MIXTRAL, 4096): (121.36, 102.21, 107.71),
    (MIXTRAL, 16384): (470.99, 405.14, 399.22),
    (MIXTRAL, 65536): (2383.09, 2109.83, 2104.19),
}
# The other rows of the same artifact; they were seen before the law was written, so they confirm
# its reach over models and are no blind test.
FURTHER = {
    (MIXTRAL, 8192): (230.65, 195.63, 199.44),
    (MIXTRAL, 32768): (1024.03, 891.27, 874.91),
    (QWEN, 1024): (54.27, 42.47, 47.64),
    (QWEN, 2048): (97.05, 77.77, 79.01),
    (QWEN, 4096): (183.34, 149.09, 146.70),
    (QWEN, 8192): (358.48, 292.64, 288.43),
    (QWEN, 16384): (754.61, 624.04, 607.88),
    (QWEN, 32768): (1656.13, 1393.44, 1368.79),
    (QWEN, 65536): (3977.56, 3410.28, 3219.79),
    (QWEN_MOE, 1024): (62.10, 58.17, 60.89),
    (QWEN_MOE, 2048): (92.44, 80.89, 128.61),
    (QWEN_MOE, 4096): (150.90, 126.10, 157.69),
    (QWEN_MOE, 8192): (283.36, 235.28, 254.98),
    (QWEN_MOE, 16384): (577.15, 480.51, 500.30),
    (QWEN_MOE, 32768): (1293.79, 1104.45, 1124.13),
    (QWEN_MOE, 65536): (3289.23, 2906.52, 2937.64),
}
ALL_ROWS = PUBLISHED | FURTHER
MULTIMEM = fit_alpha_beta(BYTES, MULTIMEM_S)


def fixed_s(model):
    smallest = (1024.0, 2048.0)
    compute_s = tuple(MS * ALL_ROWS[model, int(n)][1] for n in smallest)
    return fixed_pass_s(smallest, compute_s)


def threshold(model):
    _, layers, hidden = model
    return split_threshold_tokens(fixed_s(model), layers=layers, hidden=hidden, fit=MULTIMEM)


def right_decisions(rows):
    return [(n > threshold(model)) == (over < base) for (model, n), (base, _, over) in rows.items()]


@pytest.mark.parametrize(
    ("measured_s", "latency_us", "gb_per_s", "mean_error", "worst"),
    [
        pytest.param(MULTIMEM_S, 12.7, 274, 0.0054, 0.012, id="multimem"),
        pytest.param(DEFAULT_S, 39.3, 210, 0.106, 0.25, id="default"),
    ],
)
def test_all_reduce_line(measured_s, latency_us, gb_per_s, mean_error, worst):
    fit = fit_alpha_beta(BYTES, measured_s)
    errors = np.abs(relative_errors(fit, BYTES, measured_s))
    assert fit.latency_s / US == pytest.approx(latency_us, abs=0.05)
    assert fit.bytes_per_s / GB == pytest.approx(gb_per_s, abs=0.5)
    assert errors.mean() == pytest.approx(mean_error, abs=0.0005)
    assert errors.max() <= worst


@given(
    latency_us=st.floats(0.1, 1000.0),
    gb_per_s=st.floats(0.1, 2000.0),
    sizes=st.lists(st.integers(1, 10**10), min_size=2, max_size=12, unique=True),
)
def test_fit_recovers_an_exact_line(latency_us, gb_per_s, sizes):
    line = AlphaBeta(latency_s=latency_us * US, bytes_per_s=gb_per_s * GB)
    x = np.array(sizes, dtype=np.float64)
    fit = fit_alpha_beta(x, line.seconds(x))
    assert np.abs(relative_errors(fit, x, line.seconds(x))).max() < 1e-4


def test_no_line_near_it_is_better():
    """The fit minimises the sum of squared relative errors."""

    def loss(fit):
        return float((relative_errors(fit, BYTES, DEFAULT_S) ** 2).sum())

    fit = fit_alpha_beta(BYTES, DEFAULT_S)
    for latency, speed in ((0.99, 1.0), (1.01, 1.0), (1.0, 0.99), (1.0, 1.01)):
        moved = AlphaBeta(latency_s=fit.latency_s * latency, bytes_per_s=fit.bytes_per_s * speed)
        assert loss(moved) > loss(fit)


def test_start_up_is_never_negative():
    """Points on y = 2 x - 1: the best line through the origin has slope sum(x/y) / sum(x^2/y^2)."""
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0])
    fit = fit_alpha_beta(x, y)
    assert fit.latency_s == 0.0
    assert fit.bytes_per_s == pytest.approx(((x / y) ** 2).sum() / (x / y).sum())


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0, 1.0], [1.0, 2.0], "two different sizes"),
        ([1.0, 2.0], [1.0], "shape"),
        ([1.0, 2.0], [1.0, 0.0], "positive"),
        ([1.0, 1000.0], [1000.0, 1.0], "do not grow"),
    ],
)
def test_unusable_points_are_refused(x, y, message):
    with pytest.raises(InvalidInput, match=message):
        fit_alpha_beta(x, y)


@pytest.mark.parametrize(
    ("model", "rows", "tolerance"),
    [
        (LLAMA, [1024, 2048, 4096, 8192, 16384, 32768], 0.21),
        (MIXTRAL, [1024, 2048, 4096, 65536], 0.26),
        (MIXTRAL, [16384], 0.271),
    ],
    ids=["Llama", "Mixtral", "Mixtral-16K"],
)
def test_communication_is_two_all_reduces_per_layer(model, rows, tolerance):
    _, layers, hidden = model
    predicted_s = tensor_parallel_comm_s(np.array(rows, float), layers=layers, hidden=hidden, fit=MULTIMEM)
    measured_ms = np.array([PUBLISHED[model, n][0] - PUBLISHED[model, n][1] for n in rows])
    assert np.abs(predicted_s / MS / measured_ms - 1).max() <= tolerance


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [(LLAMA, 0, 1024), (MIXTRAL, 2048, 4096), (QWEN, 0, 1024), (QWEN_MOE, 4096, 8192)],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_threshold_lies_where_the_split_starts_to_pay(model, low, high):
    assert low <= threshold(model) < high


def test_split_always_pays_when_half_passes_are_free():
    assert split_threshold_tokens(0.0, layers=80, hidden=8192, fit=MULTIMEM) == 0


def test_known_floor_bounds_the_fixed_part():
    assert fixed_pass_s((1.0, 2.0), (1.0, 2.0), at_least_s=0.3) == 0.3


def test_on_or_off_is_right_in_the_published_rows():
    """At least 11 of 12 asked; off for Mixtral at 1 K and 2 K."""
    assert sum(right_decisions(PUBLISHED)) >= 11
    assert threshold(MIXTRAL) > 2048


def test_on_or_off_is_right_in_the_further_rows():
    """Wrong only for Qwen3 MoE at 1 K, where the split wins 2 % but fusing without it wins 5 %."""
    assert sum(right_decisions(FURTHER)) == len(FURTHER) - 1
    wrong = [row for row, ok in zip(FURTHER, right_decisions(FURTHER), strict=True) if not ok]
    assert wrong == [(QWEN_MOE, 1024)]


@pytest.mark.parametrize(
    ("row", "measured"), ALL_ROWS.items(), ids=lambda v: f"{v[0][0]}-{v[1]}" if len(v) == 2 else None
)
def test_time_of_the_better_schedule(row, measured):
    """Predicted time of the chosen schedule, within 12 % of the faster measured one."""
    (model, tokens), (base, compute, overlapped) = row, measured
    _, layers, hidden = model
    predicted = pass_s(
        float(tokens),
        compute_s=compute * MS,
        comm_s=tensor_parallel_comm_s(float(tokens), layers=layers, hidden=hidden, fit=MULTIMEM),
        fixed_s=fixed_s(model),
        threshold_tokens=threshold(model),
    )
    assert predicted / MS == pytest.approx(min(base, overlapped), rel=0.12)
