"""Lengths and arrivals as the few numbers that prices need."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput, NotBuilt
from models.workload import Arrival, LengthDistribution, Slo, SloLimit, Trace, Workload, length_moments
from planner.traffic import traffic_of

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
ROWS = st.lists(st.tuples(st.floats(1, 1e5), st.floats(0.01, 100)), min_size=1, max_size=8)


def workload(**more: object) -> Workload:
    plain: dict[str, object] = {
        "arrival": Arrival(rate_per_s=2.0), "input_tokens": 1000.0, "output_tokens": 100.0, **more
    }  # fmt: skip
    return Workload(**plain)  # type: ignore[arg-type]


def test_a_number_is_a_constant_length() -> None:
    assert length_moments(300.0) == (300.0, 0.0)
    assert length_moments(LengthDistribution(mean=300.0, cv=0.5)) == (300.0, 0.5)


@QUICK
@given(rows=ROWS)
def test_a_histogram_has_its_weighted_moments(rows: list[tuple[float, float]]) -> None:
    tokens, weights = (np.array(column) for column in zip(*rows, strict=True))
    mean, cv = length_moments(LengthDistribution(histogram=tuple(rows)))
    assert mean == pytest.approx(np.average(tokens, weights=weights))
    spread = np.average((tokens - mean) ** 2, weights=weights) ** 0.5
    assert cv == pytest.approx(spread / mean, abs=1e-9)
    assert tokens.min() * (1 - 1e-9) <= mean <= tokens.max() * (1 + 1e-9)


@QUICK
@given(rows=ROWS, factor=st.floats(0.01, 100))
def test_weights_of_a_histogram_are_relative(rows: list[tuple[float, float]], factor: float) -> None:
    scaled = tuple((t, w * factor) for t, w in rows)
    one, two = (length_moments(LengthDistribution(histogram=h)) for h in (tuple(rows), scaled))
    assert one == pytest.approx(two)


@pytest.mark.parametrize("both", [{}, {"mean": 3.0, "histogram": ((1.0, 1.0),)}])
def test_lengths_are_given_one_way(both: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="exactly one"):
        LengthDistribution(**both)  # type: ignore[arg-type]


@pytest.mark.parametrize("both", [{}, {"rate_per_s": 1.0, "concurrency": 2}])
def test_arrivals_are_given_one_way(both: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="exactly one"):
        Arrival(**both)  # type: ignore[arg-type]


def test_traces_are_not_built_yet() -> None:
    with pytest.raises(NotBuilt):
        Arrival(trace=Trace(id="x"))


def test_only_limits_that_are_set_count() -> None:
    limit = SloLimit(limit_s=1.0, percentile=0.9)
    assert Slo().limits() == {}
    assert Slo(tpot_s=limit).limits() == {"tpot_s": limit}


@pytest.mark.parametrize(("hit", "new"), [(0.0, 1000.0), (0.25, 750.0), (1.0, 1.0)])
def test_a_prefix_cache_leaves_at_least_the_last_token(hit: float, new: float) -> None:
    traffic = traffic_of(workload(prefix_hit_frac=hit))
    assert traffic.new_tokens == new
    assert traffic.input_tokens == 1000.0
    assert traffic.context_tokens == 1050.0


def test_a_closed_loop_has_no_bursts() -> None:
    assert traffic_of(workload(arrival=Arrival(concurrency=8))).arrival_cv == 0.0
    assert traffic_of(workload(arrival=Arrival(rate_per_s=1.0, cv=2.0))).arrival_cv == 2.0


def test_the_longest_request_is_planned_for() -> None:
    assert traffic_of(workload()).max_model_len == 1100
    spread = workload(input_tokens=LengthDistribution(mean=1000.0, cv=1.0))
    assert traffic_of(spread).max_model_len > 3000
    rows = LengthDistribution(histogram=((10.0, 0.99), (7000.0, 0.01)))
    assert traffic_of(workload(input_tokens=rows)).max_model_len == 7100
