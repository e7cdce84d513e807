"""``shardwright plan``: formats, folders, exit codes, messages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from models import codec
from models.plan import RankedPlans

Run = Callable[..., Result]
Write = Callable[[str], Path]


def test_a_table_says_what_was_found_and_how_sure_that_is(run: Run, asked: Any, scenario_file: Write) -> None:
    result = run("plan", scenario_file("one"))
    assert result.exit_code == 0
    for words in (
        "optimal",
        "12.31",
        "gap 0.00 %",
        "3 × tp2 prefill ",
        "5 × tp2 decode ",
        "All groups: h100, fp8, kv fp8",
        "  why not 2 × tp8 aggregated",
        "TTFT p95 1.38 s ≤ 2.00 s",
        "met, 31 % room",
        "near miss",
        "$40.00",
        "16 of 16",
        "dropped".title(),
        "memory 4,120",
        "410 ms",
    ):
        assert words in result.stdout, words


def test_one_scenario_as_json_is_one_document(run: Run, asked: Any, scenario_file: Write) -> None:
    result = run("plan", scenario_file("one"), "--format", "json")
    assert codec.from_plain(RankedPlans, json.loads(result.stdout)).scenario.name == "one"


def test_several_scenarios_as_json_are_json_lines(run: Run, asked: Any, scenario_file: Write) -> None:
    result = run("plan", scenario_file("one"), scenario_file("two"), "--format", "json")
    assert [json.loads(line)["scenario"]["name"] for line in result.stdout.splitlines()] == ["one", "two"]


def test_a_folder_gets_one_file_per_scenario(
    run: Run, asked: Any, scenario_file: Write, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    result = run("plan", scenario_file("one"), scenario_file("infeasible"), "--out", out)
    assert result.exit_code == 3
    assert sorted(p.name for p in out.iterdir()) == ["infeasible.plans.json", "one.plans.json"]
    assert json.loads((out / "infeasible.plans.json").read_text())["status"] == "infeasible"
    assert len(result.stdout.splitlines()) == 2


def test_two_inputs_of_one_stem_are_refused_before_anything_is_solved(
    run: Run, asked: list[Any], scenario_file: Write, tmp_path: Path
) -> None:
    first = scenario_file("one")
    (tmp_path / "b").mkdir()
    second = tmp_path / "b" / "one.json"
    second.write_text(first.read_text())
    result = run("plan", first, second, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "one.plans.json" in result.stderr
    assert asked == []


def test_top_replaces_the_number_of_plans(run: Run, asked: list[Any], scenario_file: Write) -> None:
    run("plan", scenario_file("one"), "--top", "2")
    assert asked[0]["scenario"].options.top_k == 2
    assert run("plan", scenario_file("one"), "--top", "0").exit_code == 2


def test_certificate_and_program_are_handed_to_the_pipeline(
    run: Run, asked: list[Any], scenario_file: Write, tmp_path: Path
) -> None:
    run("plan", scenario_file("one"), "--certificate", tmp_path / "c.json", "--write-lp", tmp_path / "p.lp")
    assert asked[0]["certificate_path"] == tmp_path / "c.json"
    assert asked[0]["lp_path"] == tmp_path / "p.lp"
    assert run("plan", scenario_file("a"), scenario_file("b"), "--write-lp", "x").exit_code == 2


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["one"], 0),
        (["infeasible"], 3),
        (["slow"], 4),
        (["later"], 5),
        (["one", "infeasible"], 3),
        (["slow", "infeasible", "one"], 4),
        (["infeasible", "slow", "broken"], 2),
        (["broken", "one"], 2),
    ],
)
def test_exit_codes(run: Run, asked: list[Any], scenario_file: Write, names: list[str], code: int) -> None:
    paths = [scenario_file(name) for name in names]
    for path in paths:
        if path.stem == "broken":
            path.write_text("schema: shardwright.scenario/1")
    result = run("plan", *paths)
    assert result.exit_code == code
    assert len(asked) == len([n for n in names if n != "broken"]), "all are tried"


def test_every_fault_is_told_with_pointer_and_hint(run: Run, tmp_path: Path, scenario_file: Write) -> None:
    path = scenario_file("one")
    path.write_text(path.read_text().replace("8.0", "-8").replace("nodes: 2", "nodes: 0"))
    result = run("plan", path)
    assert result.exit_code == 2
    assert f"{path}: /deployments/0/workload/arrival/rate_per_s" in result.stderr
    assert "/cluster/pools/0/nodes" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"", "scenario"),
        (b"[1, 2]", "object"),
        (b"a: 1\na: 2\n", "duplicate"),
        (b"a: &x [*x]\n", ""),
        (b"\x00", ""),
        (b"x" * 8_000_001, "8000000"),
    ],
)
def test_what_is_no_scenario_ends_with_2(run: Run, tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    result = run("plan", path)
    assert result.exit_code == 2, result.exception
    assert "error: " in result.stderr
    assert words in result.stderr


def test_a_missing_file_and_a_folder_end_with_2(run: Run, tmp_path: Path) -> None:
    assert "does not exist" in run("plan", tmp_path / "nothing.yaml").stderr
    assert "is a directory" in run("plan", tmp_path).stderr
    (tmp_path / "file").write_text("")
    assert run("plan", tmp_path / "x", "--out", tmp_path / "file").exit_code == 2


def test_a_scenario_is_read_from_standard_input(run: Run, asked: list[Any], scenario_file: Write) -> None:
    result = run("plan", "-", input=scenario_file("piped").read_text())
    assert result.exit_code == 0
    assert asked[0]["scenario"].name == "piped"


def test_named_factors_reach_every_scenario(
    run: Run, asked: list[dict[str, Any]], scenario_file: Write
) -> None:
    assert run("plan", scenario_file("one"), "--rate-factors", "aiconfigurator").exit_code == 0
    assert asked[0]["scenario"].options.rate_factors.prefill_rate_frac == 0.9
    refused = run("plan", scenario_file("one"), "--rate-factors", "mine")
    assert refused.exit_code == 2
    assert "no rate factors are named 'mine'" in refused.stderr
    assert len(asked) == 1


def test_step_grids_are_handed_to_the_search(
    run: Run, asked: list[dict[str, Any]], scenario_file: Write, tmp_path: Path
) -> None:
    assert run("plan", scenario_file("one")).exit_code == 0
    assert run("plan", scenario_file("one"), "--step-grids", tmp_path / "grids").exit_code == 0
    assert "steps" not in asked[0]
    assert asked[1]["steps"].directory == tmp_path / "grids"
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "one.steps.json").write_text("{}")
    refused = run("plan", scenario_file("one"), "--step-grids", tmp_path / "bad")
    assert refused.exit_code == 2
    assert "one.steps.json" in refused.stderr
    assert len(asked) == 2
