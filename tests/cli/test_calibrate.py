"""``shardwright calibrate``: from result files to a table and a file, which predict and plan then use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from api.commands.calibrate import read_precision
from models import codec
from models.errors import InvalidInput
from models.precision import Precision
from planner import calibration_file
from tests.api.sample_answer import scenario_document

Run = Callable[..., Result]
LOADS = [(1, 1000, 200), (8, 1000, 200), (32, 1000, 200), (64, 500, 500), (4, 8000, 100), (16, 200, 1000)]
ROW = {
    "id": "a",
    "model": "meta-llama/Meta-Llama-3.1-8B",
    "device": "h100-sxm",
    "engine": {"name": "vllm", "version": "0.19.0"},
    "input_tokens": 1000,
    "output_tokens": 200,
    "concurrency": 16,
    "groups": [{"role": "aggregated", "replicas": 1, "parallelism": {"tp": 1}}],
}


def result(load: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    """What ``vllm bench serve`` writes; a machine far slower than predicted."""
    seats, tokens, answer = load
    requests = 20 * seats
    return {
        "backend": "vllm",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "gpu": "h100-sxm",
        "tensor_parallel_size": "1",
        "vllm_version": "0.19.0",
        "num_prompts": requests,
        "request_rate": "inf",
        "max_concurrency": seats,
        "completed": requests,
        "failed": 0,
        "total_input_tokens": requests * tokens,
        "total_output_tokens": requests * answer,
        "request_throughput": 1.0,
        "output_throughput": 1.0,
        "mean_ttft_ms": 60.0 + 5.0 * seats + tokens / 20,
        "mean_tpot_ms": 14.0 + 0.25 * seats + tokens / 1000,
        **more,
    }


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    path = tmp_path / "bench.jsonl"
    open_loop = result(LOADS[0], request_rate=3.0, max_concurrency=None)
    lines = [json.dumps(each) for each in [*map(result, LOADS), open_loop]]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def out(run: Run, bench: Path, tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    assert run("calibrate", "--from", bench, "--out", path, "--name", "mine").exit_code == 0
    return path


def test_the_table_tells_errors_points_and_what_was_not_used(run: Run, bench: Path) -> None:
    found = run("calibrate", "--from", bench)
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0] == "bench  6 points of 1 file used, 1 not"
    (tpot,) = [line for line in lines if line.startswith("TPOT ")]
    before, after = (float(text) for text in tpot.split()[1:4:2])
    assert after < before / 2
    assert len([line for line in lines if line.startswith("Meta-Llama-3.1-8B on 1 × tp1 h100-sxm")]) == 6
    assert "Holds for: h100-sxm under vllm 0.19.0 (6 points of meta-llama/Meta-Llama-3.1-8B)" in found.stdout
    assert "Not used:  bench.jsonl point 7 is an open loop" in found.stdout


def test_the_file_is_a_calibration(out: Path) -> None:
    own = calibration_file.read(out.read_text())
    assert (own.name, own.points) == ("mine", 6)
    assert own.sources == ("bench.jsonl (vllm-bench, 6 points)",)


def test_standard_output_holds_the_document_alone(run: Run, bench: Path, out: Path) -> None:
    found = run("calibrate", "--from", bench, "--name", "mine", "--out", "-")
    assert found.stdout == out.read_text()


def test_results_come_from_standard_input(run: Run, bench: Path) -> None:
    found = run("calibrate", "--from", "-", input=bench.read_text())
    assert found.exit_code == 0
    assert found.stdout.startswith("stdin  6 points")


def test_predictions_are_corrected(run: Run, out: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(ROW))
    shipped = json.loads(run("predict", "--in", rows).stdout)
    found = json.loads(run("predict", "--in", rows, "--calibration", out).stdout)
    assert (shipped["evidence"]["kind"], found["evidence"]["kind"]) == ("fitted", "calibrated")
    assert found["tpot_s"]["mean"] == pytest.approx(0.014 + 0.25e-3 * 16 + 1e-3, rel=0.15)
    assert found["tpot_s"]["mean"] > 1.3 * shipped["tpot_s"]["mean"]


def test_plans_are_made_under_it(run: Run, asked: list[dict[str, Any]], out: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps(scenario_document()))
    assert run("plan", scenario, "--calibration", out, "--top", "2").exit_code == 0
    given = asked[0]["scenario"]
    assert codec.to_plain(given.calibration) == json.loads(out.read_text())
    assert given.options.top_k == 2


def test_a_scenario_names_its_calibration_by_file(run: Run, asked: list[dict[str, Any]], out: Path) -> None:
    scenario = out.parent / "scenario.json"
    scenario.write_text(json.dumps(scenario_document(calibration="mine.json")))
    assert run("plan", scenario).exit_code == 0
    assert asked[0]["scenario"].calibration.name == "mine"
    scenario.write_text(json.dumps(scenario_document(calibration="none.json")))
    found = run("plan", scenario)
    assert found.exit_code == 2
    assert "/calibration" in found.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ('{"a": 1}', "no known benchmark result"),
        (json.dumps(result(LOADS[0], request_rate=2.0)), "open loop"),
        (json.dumps(result(LOADS[0], mean_ttft_ms=float("nan"))), "mean_ttft_ms"),
        (json.dumps(result(LOADS[0], model_id="mine")), "unknown model 'mine'"),
    ],
)
def test_a_bad_file_ends_with_2_and_leaves_the_old_calibration(
    run: Run, out: Path, tmp_path: Path, text: str, words: str
) -> None:
    before = out.read_text()
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    found = run("calibrate", "--from", bad, "--out", out)
    assert found.exit_code == 2
    assert words in found.stderr
    assert "bad.json" in found.stderr
    assert out.read_text() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--device", "abacus"], "--device"),
        (["--model", "no/such"], "--model"),
        (["--engine", "no"], "--engine"),
        (["--tp", "0"], "--tp"),
        (["--precision", "fp7"], "--precision"),
        (["--device", "b200-sxm"], "not b200-sxm"),
    ],
)
def test_a_bad_option_is_named(run: Run, bench: Path, options: list[str], words: str) -> None:
    found = run("calibrate", "--from", bench, *options)
    assert found.exit_code == 2
    assert words in found.stderr


def test_a_result_is_never_overwritten(run: Run, bench: Path, tmp_path: Path) -> None:
    before = bench.read_text()
    assert run("calibrate", "--from", bench, "--out", bench).exit_code == 2
    assert run("calibrate", "--from", bench, "--out", tmp_path).exit_code == 2
    assert run("calibrate", "--from", tmp_path / "none").exit_code == 2
    assert bench.read_text() == before


@pytest.mark.parametrize("command", [["predict", "--in", "rows.jsonl"], ["plan", "scenario.json"]])
def test_what_is_no_calibration_is_refused_by_name(run: Run, tmp_path: Path, command: list[str]) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"name": "x"}')
    found = run(*command, "--calibration", bad)
    assert found.exit_code == 2
    assert "bad.json" in found.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("fp8", Precision(weights="fp8")),
        ("nvfp4, kv=fp8", Precision(weights="nvfp4", kv="fp8")),
        ("weights=fp8,moe_weights=mxfp4", Precision(weights="fp8", moe_weights="mxfp4")),
    ],
)
def test_formats_are_read(text: str | None, expected: Precision | None) -> None:
    assert read_precision(text) == expected


@pytest.mark.parametrize("text", ["", "fp8,fp8", "kv", "weights=", "colour=red", "kv=fp8=1"])
def test_formats_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Maybe fp8|twice"):
        read_precision(text)


def test_few_points_and_points_far_off_are_warned_of(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(result(LOADS[0], mean_tpot_ms=0.9)))
    found = run("calibrate", "--from", path).stdout
    assert "1 point can say little" in found
    assert "all points are one configuration" in found
    assert "TPOT was off by" in found


def test_measuring_is_a_command(run: Run) -> None:
    assert "Time kernels" in run("measure", "--help").stdout
