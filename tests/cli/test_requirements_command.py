"""``shardwright requirements``: table, JSON, exit codes, figures in the reader's units."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console
from typer.testing import Result

from api.render import progress
from api.render.progress import parts_bar
from api.render.quantities import scaled
from api.render.requirements_table import print_requirements, shortfall_words
from api.schemas import schema
from models.requirements import LeastFigure, RequirementsAnswer, Shortfall
from planner.requirements import requirements
from tests.planner.scenes import deployment, pool, scenario

Run = Callable[..., Result]
OPTIONS = {"roles": ["aggregated"]}
DOCUMENT = """
schema: shardwright.scenario/1
name: "[bold]small"
deployments:
  - name: chat
    model: meta-llama/Meta-Llama-3.1-8B
    workload: {arrival: {rate_per_s: 0.5}, input_tokens: 3000, output_tokens: 300}
    slo: {ttft_s: {limit_s: 2.0}, tpot_s: {limit_s: TPOT}}
cluster:
  pools: [{name: h100, device: h100-sxm, nodes: 1, devices_per_node: 1}]
options: {roles: [aggregated]}
"""


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[float], Path]:
    def write(tpot_s: float) -> Path:
        path = tmp_path / "small.yaml"
        path.write_text(DOCUMENT.replace("TPOT", str(tpot_s)))
        return path

    return write


def test_the_table_has_counts_least_figures_and_floors(run: Run, asked: Callable[[float], Path]) -> None:
    result = run("requirements", asked(0.008), "--devices", "h100,l40s")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("[bold]small")
    assert any("h100-sxm" in line and "1 × tp1 aggregated" in line for line in lines)
    assert any("l40s" in line for line in lines)
    assert any("memory bandwidth" in line and "3.35 TB/s" in line for line in lines)
    assert any(line.startswith("HBM:") and "1.93 TB/s in one replica" in line for line in lines)
    assert not result.stderr


def test_json_follows_the_schema(run: Run, asked: Callable[[float], Path]) -> None:
    result = run("requirements", asked(0.0001), "--format", "json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert answer["schema"] == "shardwright.requirements/1"
    Draft202012Validator(schema("requirements")).validate(answer)


def test_infeasible_requirements_say_the_nearest_value(run: Run, asked: Callable[[float], Path]) -> None:
    result = run("requirements", asked(0.0001))
    assert result.exit_code == 3
    assert "none of these devices serves this at any number" in result.stdout
    assert "at best, limit 0.1 ms" in result.stdout
    assert "not enough alone" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--devices", "abacus"], "abacus"),
        (["--devices", ","], "no device is named"),
        (["--format", "xml"], "xml"),
    ],
)
def test_a_bad_option_ends_with_2(
    run: Run, asked: Callable[[float], Path], arguments: list[str], words: str
) -> None:
    result = run("requirements", asked(0.008), *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_missing_file_ends_with_2(run: Run, tmp_path: Path) -> None:
    assert run("requirements", tmp_path / "none.yaml").exit_code == 2


def test_progress_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=StringIO(), force_terminal=True, width=100, color_system=None)
    with parts_bar("small") as silent:
        assert silent is None
    monkeypatch.setattr(progress, "terminal", lambda **more: screen)
    with parts_bar("small") as tell:
        assert tell is not None
        tell("[b]chat on h100-sxm", 2, 7)
        assert isinstance(screen.file, StringIO)
    assert "small: [b]chat on h100-sxm" in screen.file.getvalue()
    assert "2/7" in screen.file.getvalue()


@pytest.fixture(scope="module")
def answer() -> RequirementsAnswer:
    limits = {"ttft_s": {"limit_s": 2.0}, "tpot_s": {"limit_s": 0.0001}}
    return requirements(scenario(deployment(slo=limits), pools=[pool(each=1)], options=OPTIONS))


def printed(answer: RequirementsAnswer) -> str:
    console = Console(file=StringIO(), width=132, color_system=None, highlight=False)
    print_requirements(answer, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_counts_that_are_not_proven_say_so(answer: RequirementsAnswer) -> None:
    first = answer.deployments[0]
    row = replace(first.fewest[0], status="feasible", devices=9, bound_devices=7, nodes=2, shortfalls=())
    other = replace(row, pool="b")
    text = printed(replace(answer, deployments=(replace(first, fewest=(row, other)),), status="feasible"))
    assert "9, at least 7" in text
    assert "h100-sxm (h100)" in text
    assert "h100-sxm (b)" in text


def test_a_bracket_is_printed_as_such(answer: RequirementsAnswer) -> None:
    row = replace(answer.least[2], status="bracketed", least=1.675e12, factor=0.5, failing_factor=0.25)
    text = printed(replace(answer, least=(row,)))
    assert "at most 1.68 TB/s" in text
    assert "0.25 – 0.5" in text


def test_what_was_not_in_time_is_printed(answer: RequirementsAnswer) -> None:
    first = answer.deployments[0]
    row = replace(first.fewest[0], status="time_limit", shortfalls=())
    least: tuple[LeastFigure, ...] = tuple(replace(r, status="not_computed") for r in answer.least)
    late = replace(
        answer, deployments=(replace(first, fewest=(row,)),), least=least, scenario_feasible=None,
        not_computed=("fewest devices for chat of h100-sxm",), status="time_limit",
    )  # fmt: skip
    text = printed(late)
    assert "no plan in time" in text
    assert "not computed" in text
    assert "Not in time: fewest devices for chat of h100-sxm" in text


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Shortfall(cause="rules"), "no layout obeys the rules of engine and model"),
        (
            Shortfall(cause="memory", missing_bytes_per_device=1.5e9),
            "memory: at least 1.50 GB short on every device",
        ),
        (
            Shortfall(cause="memory", missing_bytes_per_device=0.0),
            "memory: no room for the caches beside the weights",
        ),
        (Shortfall(cause="ttft", limit_s=0.5, nearest_s=2.0), "TTFT: 2.00 s at best, limit 500 ms"),
        (
            Shortfall(cause="tpot", limit_s=0.05),
            "TPOT: no layout that meets the other limits, limit 50 ms",
        ),
    ],
)
def test_shortfalls_in_words(found: Shortfall, words: str) -> None:
    assert shortfall_words(found) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0.00 B/s"),
        (0.5, "0.50 B/s"),
        (12.0, "12.0 B/s"),
        (999.4, "999 B/s"),
        (999.6, "1.00 kB/s"),
        (2.8e12, "2.80 TB/s"),
        (99.96e9, "100 GB/s"),
        (1.978e15, "1.98 PB/s"),
        (1e30, "1000000000000 EB/s"),
    ],
)
def test_three_digits_under_a_prefix(value: Any, text: str) -> None:
    assert scaled(value, "B/s") == text
