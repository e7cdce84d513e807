"""The fit: its formulas are those of ``predict``, its derivatives are right, and it finds what is there."""

from dataclasses import replace

import numpy as np
import pytest

from models import codec
from models.cost.serving_fit import ServingFit
from models.prediction import PredictRow
from planner import predict
from planner.calibration import design, evaluate, folds, left_out_prices, regret, robust_fit
from planner.calibration.figures import figures, rank_correlation
from planner.calibration.fit_bands import band
from planner.calibration.left_out_prices import Prices
from planner.calibration.measured_rows import MeasuredRow, read
from planner.calibration.priors import BASE, DEVIATION, deviations


def row(
    model: str, device: str, engine: str, version: str | None, concurrency: float, **degrees: int
) -> PredictRow:
    parallelism = {"tp": 1, "pp": 1, "cp": 1, "dcp": 1, "dp": 1, "ep": 1} | degrees
    return codec.from_plain(
        PredictRow,
        {
            "id": f"{model}-{device}-{engine}-{concurrency}-{parallelism}",
            "model": model,
            "device": device,
            "engine": {"name": engine, "version": version},
            "precision": {"weights": "bf16"},
            "input_tokens": 1024,
            "output_tokens": 256,
            "concurrency": concurrency,
            "groups": [{"role": "aggregated", "replicas": 1, "parallelism": parallelism}],
        },
    )


QUESTIONS = [
    row(model, device, engine, version, concurrency, tp=tp)
    for model, family_tp in (("meta-llama/Meta-Llama-3.1-8B", (1, 2)), ("Qwen/Qwen3-30B-A3B", (2, 4)))
    for device in ("h100-sxm", "b200-sxm")
    for engine, version in (("vllm", "0.19.0"), ("trtllm", None))
    for concurrency in (4, 32, 128)
    for tp in family_tp
] + [row("Qwen/Qwen3-30B-A3B", "h200-sxm", "sglang", "0.5.9", 64, dp=4, ep=4)]


def truth(parameters: dict[str, float]) -> tuple[MeasuredRow, ...]:
    """Rows measured on a world in which these corrections hold."""
    fit = ServingFit(base=dict(BASE), parameters=parameters, sources=())
    blank = [
        MeasuredRow(row=q, ttft_s=1.0, tpot_s=1.0, family=str(q.model), suspected=False) for q in QUESTIONS
    ]
    prices = left_out_prices.priced(blank, fit)
    return tuple(
        replace(m, ttft_s=float(f), tpot_s=float(t))
        for m, t, f in zip(blank, prices.tpot_s, prices.ttft_s, strict=True)
    )


def test_the_fit_and_predict_are_the_same_model() -> None:
    rows = truth({})
    arrays = design.build(rows)
    rng = np.random.default_rng(3)
    theta = rng.normal(0.0, 0.2, len(arrays.names))
    theta[0] = 0.0
    tpot, ttft = evaluate.closed_loop(arrays, BASE, theta)
    fit = ServingFit(base=dict(BASE), parameters=dict(zip(arrays.names, theta, strict=True)), sources=())
    prices = left_out_prices.priced(arrays.rows, fit)
    np.testing.assert_allclose(tpot.of, prices.tpot_s, rtol=1e-9)
    np.testing.assert_allclose(ttft.of, prices.ttft_s, rtol=1e-9)


def test_the_shipped_fit_prices_rows_as_predict_does() -> None:
    answers = predict.predict([codec.to_plain(q) for q in QUESTIONS])
    from models.cost.serving_fit import shipped

    blank = [MeasuredRow(row=q, ttft_s=1.0, tpot_s=1.0, family="", suspected=False) for q in QUESTIONS]
    prices = left_out_prices.priced(blank, shipped())
    np.testing.assert_allclose([a["tpot_s"]["mean"] for a in answers], prices.tpot_s, rtol=1e-9)
    np.testing.assert_allclose([a["ttft_s"]["mean"] for a in answers], prices.ttft_s, rtol=1e-9)


def test_derivatives_agree_with_differences() -> None:
    arrays = design.build(truth({}))
    rng = np.random.default_rng(4)
    theta = rng.normal(0.0, 0.1, len(arrays.names))
    theta[0] = 0.0
    here = evaluate.closed_loop(arrays, BASE, theta)
    for j in range(1, len(theta), 7):
        there = theta.copy()
        there[j] += 1e-6
        for value, moved in zip(here, evaluate.closed_loop(arrays, BASE, there), strict=True):
            slope = (moved.of - value.of) / 1e-6
            np.testing.assert_allclose(value.by[:, j], slope, rtol=2e-3, atol=1e-6 * value.of.max())


def test_what_is_true_of_a_world_is_found() -> None:
    """Launches of one engine and a serving loop twice as slow are found from a few rows."""
    wanted = {"overhead/vllm": 0.5, "fixed/vllm": 1.0, "steps": 0.8, "small": 0.7}
    rows = truth(wanted)
    arrays = design.build(rows)
    everything = np.ones(len(rows), dtype=bool)
    before = robust_fit.residuals(arrays, np.zeros(len(arrays.names)))
    found = robust_fit.residuals(arrays, robust_fit.fit(arrays, everything))
    for old, new in ((before.tpot, found.tpot), (before.ttft, found.ttft)):
        assert np.mean(np.abs(new)) < 0.4 * np.mean(np.abs(old))


def test_a_row_that_nothing_explains_hardly_pulls() -> None:
    rows = truth({})
    broken = (replace(rows[0], tpot_s=rows[0].tpot_s * 8.0, ttft_s=rows[0].ttft_s * 50.0), *rows[1:])
    theta = robust_fit.fit(design.build(broken), np.ones(len(rows), dtype=bool))
    left = robust_fit.residuals(design.build(rows), theta)
    assert np.abs(left.tpot[1:]).max() < 0.05


def test_a_fold_never_sees_its_own_rows() -> None:
    rows = truth({})
    arrays = design.build(rows)
    seen: list[str] = []
    prices = left_out_prices.left_out(rows, arrays, lambda m: m.family, on_fold=seen.append)
    assert seen == sorted({m.family for m in rows})
    # the measured values of one family do not reach its own predictions
    family = rows[0].family
    lied = tuple(replace(m, tpot_s=m.tpot_s * 3.0) if m.family == family else m for m in rows)
    again = left_out_prices.left_out(lied, design.build(lied), lambda m: m.family)
    own = np.array([m.family == family for m in rows])
    np.testing.assert_allclose(again.tpot_s[own], prices.tpot_s[own], rtol=1e-12)
    assert [f.name for f in folds.folds(["b", "a", "b"])] == ["a", "b"]


def test_every_parameter_has_a_width() -> None:
    names = design.build(truth({})).names
    width = deviations(names)
    assert np.all(width > 0)
    assert width[0] < 1e-6
    assert len({pattern for pattern, _ in DEVIATION}) == len(DEVIATION)


def test_figures_of_a_hand_made_table() -> None:
    measured = np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    predicted = np.array([1.1, 0.8, 1.0, np.nan, 2.0])
    found = figures(predicted, measured, np.tile([0.85, 1.3], (5, 1)))
    assert found.coverage_frac == pytest.approx(0.8)
    assert found.median_frac == pytest.approx(0.05)
    assert found.bias_frac == pytest.approx(0.0)
    # measured/predicted: 0.909, 1.25, 1, 1: all inside
    assert found.in_band_frac == 1.0
    assert found.band_width == pytest.approx(0.45)


def test_a_band_holds_about_eighty_per_cent() -> None:
    rng = np.random.default_rng(0)
    residual = rng.normal(0.1, 0.2, 4000)
    low, high = band(residual)["range"]
    inside = (np.exp(-residual) >= low) & (np.exp(-residual) <= high)
    assert 0.8 <= inside.mean() <= 0.9


def test_regret_of_a_known_choice() -> None:
    rows = truth({})[:4]
    rows = tuple(
        replace(m, row=replace(m.row, id=str(i), concurrency=8.0, groups=rows[0].row.groups))
        for i, m in enumerate(replace(rows[0], tpot_s=t, ttft_s=1e-9) for t in (0.010, 0.012, 0.020, 0.030))
    )
    thought = np.array([0.012, 0.010, 0.020, 0.030])
    found = regret.choices(rows, Prices(thought, np.full(4, 1e-9)))
    assert found.questions == 1
    assert found.median_frac == pytest.approx(1 - 10 / 12)
    assert rank_correlation(np.arange(4), np.arange(4)) == pytest.approx(1.0)


def test_lines_that_are_no_rows_are_named() -> None:
    from models.errors import InvalidInput

    with pytest.raises(InvalidInput, match="line 2"):
        read(['{"row": null}'][:0] + ["", '{"measured": {}}'])
