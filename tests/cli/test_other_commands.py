"""The other commands: catalogue, schemas, problems, predictions, and what is not built yet."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import Result

from api.commands.not_built import COMMANDS
from api.schemas import DOCUMENTS
from solvers.problems import PROBLEMS
from tests.api.sample_answer import EXAMPLE, scenario_document

Run = Callable[..., Result]
MIX = {
    "gpus": [
        {"name": "small", "cost_per_h": 1.0, "max_rate_per_bucket": [2.0]},
        {"name": "large", "cost_per_h": 3.0, "max_rate_per_bucket": [10.0]},
    ],
    "workload_share": [1.0],
    "rate_req_s": 12.0,
}


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.startswith("shardwright 0.")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_not_built_says_so(run: Run, name: str) -> None:
    result = run(name, "anything", "--at", "all")
    assert result.exit_code == 5
    assert f"{name} is not built yet" in result.stderr


@pytest.mark.parametrize(
    ("kind", "known"), [("models", "Llama-3.1-70B"), ("devices", "h100-sxm"), ("engines", "vllm")]
)
def test_the_catalogue_is_listed(run: Run, kind: str, known: str) -> None:
    assert known in run("catalog", kind).stdout
    rows = json.loads(run("catalog", kind, "--format", "json").stdout)
    assert any(known in str(row) for row in rows)
    assert run("catalog", "animals").exit_code == 2


@pytest.mark.parametrize("name", [*DOCUMENTS, *(f"solve.{problem}" for problem in PROBLEMS)])
def test_schemas_are_valid_schemas(run: Run, name: str) -> None:
    schema = json.loads(run("schema", name).stdout)
    Draft202012Validator.check_schema(schema)


def test_the_example_agrees_with_the_schema(run: Run) -> None:
    schema = json.loads(run("schema", "scenario").stdout)
    Draft202012Validator(schema).validate(scenario_document())
    assert not Draft202012Validator(schema).is_valid(scenario_document(objective="max_fun"))


def test_an_unknown_schema_names_the_known_ones(run: Run) -> None:
    result = run("schema", "scenary")
    assert result.exit_code == 2
    assert "solve.replica-mix" in result.stderr


def test_a_problem_is_solved(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mix.json"
    path.write_text(json.dumps(MIX))
    result = run("solve", "replica-mix", path)
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["status"] == "optimal"
    assert answer["objective"] == pytest.approx(4.0)  # one large (10/s, 3) and one small (2/s, 1)
    assert set(answer) >= {"status", "objective", "bound", "gap", "solution", "wall_s"}


def test_an_impossible_problem_ends_with_3(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mix.json"
    columns = [{"id": "a", "cost": 1, "uses": {"gpu": 1}, "serves": {"chat": 1}}]
    path.write_text(
        json.dumps(
            {
                "resources": [{"name": "gpu", "limit": 2}],
                "demands": [{"name": "chat", "amount": 5}],
                "columns": columns,
            }
        )
    )
    result = run("solve", "replica-mix", path)
    assert result.exit_code == 3, result.stdout + result.stderr
    assert json.loads(result.stdout)["status"] == "infeasible"


@pytest.mark.parametrize(
    ("problem", "content", "words"),
    [
        ("replica-mix", "{}", "gpus"),
        ("replica-mix", "[]", "object"),
        ("replica-mix", "{", "JSON"),
        ("sudoku", "{}", "worker-mix"),
    ],
)
def test_a_bad_instance_ends_with_2(run: Run, tmp_path: Path, problem: str, content: str, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    result = run("solve", problem, path)
    assert result.exit_code == 2
    assert words in result.stderr


def test_one_of_several_instances_is_chosen_by_name(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_text(
        json.dumps({"instances": [{**MIX, "name": "a"}, {**MIX, "name": "b", "rate_req_s": 2.0}]})
    )
    assert json.loads(run("solve", "replica-mix", path, "--name", "b").stdout)["objective"] == pytest.approx(
        1.0
    )
    result = run("solve", "replica-mix", path)
    assert result.exit_code == 2
    assert "a, b" in result.stderr


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replaces the pricing of rows by an echo; gives the size of each batch."""
    import sys
    from types import ModuleType

    import planner

    batches: list[int] = []

    def predict(rows: list[Any], *corrections: Any) -> list[dict[str, Any]]:
        batches.append(len(rows))
        return [{"id": row.get("id"), "status": "ok"} for row in rows]

    fake = ModuleType("planner.predict")
    fake.predict = predict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "planner.predict", fake)
    monkeypatch.setattr(planner, "predict", fake, raising=False)
    return batches


def test_rows_are_streamed_in_batches(run: Run, priced: list[int], tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text("".join(json.dumps({"id": i}) + "\n\n" for i in range(5000)))
    assert run("predict", "--in", rows, "--out", out).exit_code == 0
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == list(range(5000))
    assert priced == [4096, 904]


def test_rows_come_from_standard_input(run: Run, priced: list[int]) -> None:
    result = run("predict", input='{"id": "a"}\n{"id": "b"}')
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a", "b"]
    assert run("predict", input="").exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "nonsense",
        '"text"',
        '{"a": NaN}',
        '{"a": 1e999}',
        "[" * 100_000,
        '{"a": ' + "1" * 5000 + "}",
        "\udcff",
    ],
)
def test_a_line_that_is_no_object_ends_with_2_and_its_number(
    run: Run, priced: list[int], tmp_path: Path, line: str
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(f'{{"id": 1}}\n\n{line}\n{{"id": 2}}\n'.encode(errors="surrogateescape"))
    result = run("predict", "--in", rows)
    assert result.exit_code == 2, result.exception
    assert "line 3" in result.stderr
    assert [json.loads(text)["id"] for text in result.stdout.splitlines()] == [1]


def test_answers_never_overwrite_the_rows(run: Run, priced: list[int], tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text('{"id": 1}\n')
    assert run("predict", "--in", rows, "--out", rows).exit_code == 2
    assert rows.read_text() == '{"id": 1}\n'
    out.write_text("kept")
    rows.write_text("nonsense\n")
    assert run("predict", "--in", rows, "--out", out).exit_code == 2
    assert run("predict", "--in", tmp_path / "none", "--out", out).exit_code == 2
    assert run("predict", "--in", tmp_path, "--out", out).exit_code == 2


COMMAND_LINES = (
    "vllm serve meta-llama/Meta-Llama-3.1-70B -tp 8",
    "python3 -m sglang.launch_server --model-path x --tp 8",
    "CUDA_VISIBLE_DEVICES=0 trtllm-serve x",
    "# how we start it\n/usr/bin/vllm serve x \\\n  --tensor-parallel-size 8",
)


@pytest.mark.parametrize("text", COMMAND_LINES)
def test_a_pasted_engine_command_line_is_not_built(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "start.sh"
    path.write_text(text)
    result = run("check", EXAMPLE, "--config", path)
    assert result.exit_code == 5, result.stderr
    assert "engine command line is not built yet" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[{role: aggregated", "not YAML or JSON"),
        ("- role: aggregated\n replicas: 2", "not YAML or JSON"),
        ("hello", "list of groups"),
        ("", "list of groups"),
        ("7", "list of groups"),
        ("[]", "list of groups"),
        ("[{role: aggregated, replicas: -1, parallelism: {tp: 8}}]", "/0/replicas"),
    ],
)
def test_what_is_no_configuration_ends_with_2(run: Run, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    result = run("check", EXAMPLE, "--config", path)
    assert result.exit_code == 2, result.stderr
    assert words in result.stderr
