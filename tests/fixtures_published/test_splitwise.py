"""Splitwise's eight iso-power and iso-cost designs, and its coding cluster, from its own per-machine figures.

What is fed and what comes out is told in docs/published-cases.md. Five of eight designs land within three
machines per pool; what keeps the others away is tested too.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pytest

from solvers.fleet import column_bounds, max_goodput, min_cost
from solvers.ranked import k_best
from tests.fixtures_published.splitwise import (
    DESIGNS,
    PUBLISHED,
    Rates,
    fleet,
    interpolated,
    limit,
    rates,
    shared_per_s,
)

CASES = [(budget, design) for budget in ("power", "cost") for design in DESIGNS]
WITHIN = {("power", "AA"), ("power", "HH"), ("power", "HA"), ("power", "HHcap"), ("cost", "HH")}
NEAR = 3
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/published-cases.md"


def planned(budget: str, design: str, priced: Rates) -> tuple[int, int]:
    """Prefill and decode machines that serve most requests; of equal ones the fewest."""
    ranking = k_best(fleet(design, budget, priced), (max_goodput(),), gap=1e-9)
    prefill, decode = ranking.solutions[0].x.tolist()
    return prefill, decode


def enumerated(budget: str, design: str, priced: Rates) -> tuple[int, int]:
    """The same by trying every number of prefill machines."""
    (first, second), rows = DESIGNS[design], PUBLISHED["machines"]["rows"]
    best = (0.0, 0, 0, 0)
    for prefill in range(int(limit(budget) / rows[first][budget] + 1e-9) + 1):
        decode = int((limit(budget) - prefill * rows[first][budget]) / rows[second][budget] + 1e-9)
        rate = min(prefill / priced.prefill_s[first], decode / priced.decode_s[second])
        needed = ceil(rate * priced.prefill_s[first] - 1e-9), ceil(rate * priced.decode_s[second] - 1e-9)
        best = max(best, (round(rate, 9), -sum(needed), *needed))
    return best[2], best[3]


def off(budget: str, design: str, counts: tuple[int, int]) -> int:
    """Machines by which the worse pool differs from the published design."""
    published = PUBLISHED["designs"]["rows"][budget][design]
    return max(abs(ours - theirs) for ours, theirs in zip(counts, published, strict=True))


def scaled(priced: Rates, factor: float) -> Rates:
    """Prefill machines slower by a factor: what any common head-room amounts to."""
    return replace(priced, prefill_s={m: factor * s for m, s in priced.prefill_s.items()})


def within(priced: Rates, cases: Iterable[tuple[str, str]] = CASES) -> set[tuple[str, str]]:
    return {(b, d) for b, d in cases if off(b, d, enumerated(b, d, priced)) <= NEAR}


@pytest.mark.parametrize(
    ("machine", "budget", "count"), [("a100", "power", 70), ("a100", "cost", 86), ("h100cap", "power", 57)]
)
def test_forty_h100_hold_as_many_other_machines_as_published(machine: str, budget: str, count: int) -> None:
    design = {"a100": "AA", "h100cap": "HHcap"}[machine]
    assert column_bounds(fleet(design, budget, rates()), capped_by_demand=False)[1] == count
    if machine == "a100":
        assert sum(PUBLISHED["designs"]["rows"][budget]["AA"]) == count


def test_ten_h100_are_seventeen_a100_or_fourteen_capped_ones_in_power() -> None:
    rows = PUBLISHED["machines"]["rows"]
    ten = 10 * rows["h100"]["power"]
    assert (ten // rows["a100"]["power"], ten // rows["h100cap"]["power"]) == (17, 14)


@pytest.mark.parametrize(("budget", "design"), CASES)
def test_published_designs_use_their_budget_up(budget: str, design: str) -> None:
    rows, counts = PUBLISHED["machines"]["rows"], PUBLISHED["designs"]["rows"][budget][design]
    held = [rows[machine][budget] for machine in DESIGNS[design]]
    left = limit(budget) - float(np.dot(held, counts))
    assert -1e-9 <= left < min(held)


@pytest.mark.parametrize(("budget", "design"), CASES)
def test_designs_of_the_planner(budget: str, design: str) -> None:
    counts = planned(budget, design, rates())
    assert counts == enumerated(budget, design, rates())
    assert (off(budget, design, counts) <= NEAR) == ((budget, design) in WITHIN)
    row = rf"^\| iso-{budget} \| {design} \| (\d+) \+ (\d+) \| (\d+) \+ (\d+) \|"
    told = re.search(row, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert told is not None
    published = PUBLISHED["designs"]["rows"][budget][design]
    assert [int(n) for n in told.groups()] == [*published, *counts]


def test_no_common_head_room_lands_on_more_designs() -> None:
    """Five is the most that any ratio between prefill and decode head-room reaches: nothing was tuned."""
    counts = [len(within(scaled(rates(), factor))) for factor in np.geomspace(0.3, 3.0, 231)]
    assert max(counts) == len(WITHIN)


def test_two_published_designs_fit_no_rates_at_all() -> None:
    """HHcap, 25 + 21 in power and 30 + 10 in cost: no ratio of rates is within three machines of both."""
    both = [("power", "HHcap"), ("cost", "HHcap")]
    found = [
        within(Rates(prefill_s={"h100": factor}, decode_s={"h100cap": 1.0}, batch=1), both)
        for factor in np.geomspace(0.05, 20.0, 1201)
    ]
    assert {case for landed in found for case in landed} == set(both)
    assert all(len(landed) <= 1 for landed in found)


def test_published_splits_are_nearly_as_good_when_pools_share_work() -> None:
    """Their scheduler lets pools help each other out: throughput hardly tells one split from another."""
    shares = [
        shared_per_s(design, budget, rates(), tuple(PUBLISHED["designs"]["rows"][budget][design]))
        / shared_per_s(design, budget, rates())
        for budget, design in CASES
    ]
    assert max(shares) <= 1 + 1e-6
    assert min(shares) >= 0.94
    assert sum(share >= 0.98 for share in shares) == 7


def test_coding_at_seventy_requests() -> None:
    """The published fluid bound is 17.7 prefill machines, the published optimum 27 and 3."""
    priced = rates(traffic="coding")
    assert 70 * priced.prefill_s["h100"] == pytest.approx(17.7, abs=0.1)
    coding = fleet("HH", "cost", priced, demand_per_s=70.0, limited=False)
    cost = np.full(2, PUBLISHED["machines"]["rows"]["h100"]["cost"])
    prefill, decode = k_best(coding, (min_cost(cost),), gap=1e-9).solutions[0].x.tolist()
    assert (prefill, decode) == (18, 2)
    assert 18 <= prefill <= 30
    assert 2 <= decode <= 4


def test_decode_steps_meet_the_published_slow_down() -> None:
    """At the memory's batch a token takes at most 1.25 times an idle A100's."""
    figures, batch = PUBLISHED["models"]["bloom-176b"], rates().batch
    assert batch == 65
    slowest = interpolated(figures["decode_step_s"]["a100"], batch)
    assert slowest <= 1.25 * figures["measured_batch_s"]["a100"]["1"]


def measured_rates() -> Rates:
    """Read decoding from steps measured at that batch, as far as memory and the slow-down allow."""
    figures, priced = PUBLISHED["models"]["bloom-176b"], rates()
    tokens = PUBLISHED["traffic"]["conversation"]["output_tokens"] - 1.0
    most_s = 1.25 * figures["measured_batch_s"]["a100"]["1"]
    decode = {}
    for machine, points in figures["measured_batch_s"].items():
        batch = max(b for b in range(1, priced.batch + 1) if interpolated(points, b) <= most_s)
        decode[machine] = tokens * interpolated(points, batch) / batch
    return replace(priced, decode_s=decode | {"h100cap": decode["h100"]})


def test_other_readings_of_the_figures_land_on_fewer() -> None:
    """Said in the documentation: batches as measured reach none, the smaller model's rows three."""
    assert within(measured_rates()) == set()
    assert within(rates("llama2-70b")) == {("power", "HH"), ("cost", "HH"), ("cost", "HA")}


@pytest.mark.shared_data
def test_figures_are_those_of_the_reference_rows(data_dir: Path) -> None:
    with (data_dir / "calibration/serving_measured.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["source"] == "splitwise_sim_perf_model"
            and row["model"] == "llama2-70b"
            and row["tp"] == "8"
        ]
    figures: dict[str, Any] = PUBLISHED["models"]["llama2-70b"]
    for gpu, machine in (("H100-SXM-80GB", "h100"), ("A100-SXM4-80GB", "a100")):
        for metric, key in (("ttft_prompt_phase", "prompt_step_s"), ("tpot_token_phase", "decode_step_s")):
            for tokens, seconds in figures[key][machine].items():
                at = [
                    float(row["value"]) / 1e3
                    for row in rows
                    if (row["gpu"], row["metric"]) == (gpu, metric)
                    and int(row["isl"]) * int(row["concurrency_or_batch"]) == int(tokens)
                ]
                assert median(at) == pytest.approx(seconds, abs=2e-6)


@pytest.mark.shared_data
@pytest.mark.parametrize(("traffic", "name"), [("conversation", "conv"), ("coding", "code")])
def test_lengths_are_those_of_the_trace(data_dir: Path, traffic: str, name: str) -> None:
    with (data_dir / f"traces/azure2023_{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for column, key in (("ContextTokens", "input_tokens"), ("GeneratedTokens", "output_tokens")):
        assert mean(int(row[column]) for row in rows) == pytest.approx(
            PUBLISHED["traffic"][traffic][key], abs=1e-4
        )
