"""Closed forms of waiting against what queueing theory says of simple queues."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.queueing import length_factor, mean_wait_s, met_batch, peak_batch, wait_s

QUICK = settings(max_examples=50, deadline=None, derandomize=True)
BUSY = st.floats(0.01, 0.99)
SERVICE = st.floats(1e-4, 10.0)


@QUICK
@given(busy=BUSY, service_s=SERVICE)
def test_poisson_arrivals_and_exponential_service_wait_as_in_m_m_1(busy: float, service_s: float) -> None:
    wait = mean_wait_s(np.array([busy]), np.array([service_s]), 1.0, 1.0)[0]
    assert wait == pytest.approx(busy / (1 - busy) * service_s)


@QUICK
@given(busy=BUSY, service_s=SERVICE)
def test_constant_service_waits_half_as_long(busy: float, service_s: float) -> None:
    constant = mean_wait_s(np.array([busy]), np.array([service_s]), 1.0, 0.0)[0]
    assert constant == pytest.approx(busy / (1 - busy) * service_s / 2)


def test_a_regular_stream_does_not_wait_and_a_full_server_waits_for_ever() -> None:
    assert mean_wait_s(np.array([0.9]), np.array([1.0]), 0.0, 0.0)[0] == 0.0
    assert np.isinf(mean_wait_s(np.array([1.0]), np.array([1.0]), 1.0, 0.0)[0])


@QUICK
@given(busy=BUSY, low=st.floats(0.01, 0.98))
def test_percentiles_of_a_wait_grow_and_average_to_its_mean(busy: float, low: float) -> None:
    mean_s = np.array([2.0])
    at = [wait_s(p, mean_s, np.array([busy]))[0] for p in (low, (1 + low) / 2)]
    assert 0.0 <= at[0] <= at[1]
    # only the share that is busy waits at all: integrate over the tail of that mass
    tail = busy * (np.arange(400) + 0.5) / 400
    waits = [wait_s(float(1.0 - q), mean_s, np.array([busy]))[0] for q in tail]
    average = busy * float(np.mean(waits))
    assert average == pytest.approx(2.0, rel=0.01)
    assert wait_s("mean", mean_s, np.array([busy]))[0] == 2.0


@QUICK
@given(cv=st.floats(0.05, 3.0))
def test_log_normal_lengths_have_their_median_below_the_mean(cv: float) -> None:
    assert length_factor("mean", cv) == 1.0
    assert length_factor(0.5, cv) == pytest.approx((1 + cv**2) ** -0.5)
    assert length_factor(0.5, cv) < length_factor(0.9, cv) < length_factor(0.99, cv)
    assert length_factor(0.9, 0.0) == 1.0


@QUICK
@given(batch=st.floats(0.1, 500.0), cv=st.floats(0.0, 3.0))
def test_batches_met_and_peaks_are_at_least_what_they_should_be(batch: float, cv: float) -> None:
    b = np.array([batch])
    assert met_batch("mean", b, cv)[0] == batch
    assert met_batch(0.95, b, cv)[0] >= batch
    assert met_batch(0.5, b, cv)[0] == pytest.approx(batch)
    assert peak_batch(b, cv)[0] >= batch
    assert peak_batch(b, 0.0)[0] == batch
