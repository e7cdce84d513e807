"""``shardwright verify``: exit codes, the lines it prints, and what it refuses to read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from api.commands.verify import domains_of_devices
from tests.verification.certificates import Document, scene

Run = Callable[..., Result]


@pytest.fixture
def files(tmp_path: Path) -> Callable[[Document, Document], tuple[Path, str, Path]]:
    """Writes answer and certificate; gives the arguments of the command."""

    def write(answer: Document, certificate: Document) -> tuple[Path, str, Path]:
        paths = (tmp_path / "a.plans.json", tmp_path / "a.certificate.json")
        for path, document in zip(paths, (answer, certificate), strict=True):
            path.write_text(json.dumps(document))
        return paths[0], "--certificate", paths[1]

    return write


Files = Callable[[Document, Document], tuple[Path, str, Path]]


def test_an_accepted_answer_ends_with_0(run: Run, files: Files) -> None:
    result = run("verify", *files(*scene("three pools")))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "accepted: every plan (3) is feasible in the program, and the bound is proven"
    assert "by a tree of" in lines[1]
    assert all(line.startswith("  ok ") for line in lines[2:])


def test_the_relaxation_alone_is_said_plainly(run: Run, files: Files) -> None:
    answer, certificate = scene("three pools")
    result = run("verify", *files(answer, {**certificate, "tree": None}))
    assert result.exit_code == 0
    assert result.stdout.startswith("accepted as far as proven: only lp_bound is proven")


def test_a_rejected_answer_ends_with_1_and_a_line_per_fault(run: Run, files: Files) -> None:
    answer, certificate = scene("goodput")
    answer["plans"][0]["groups"][0]["replicas"] += 1
    answer["bound"] += 1.0
    result = run("verify", *files(answer, certificate))
    assert result.exit_code == 1
    assert result.stdout.startswith("rejected: ")
    faults = [line for line in result.stdout.splitlines() if line.startswith("  FAILED")]
    assert any("replicas: claimed 5, found 4.0" in line for line in faults)
    assert any("bound: bound: claimed 30.4" in line for line in faults)


def test_many_faults_of_one_check_are_counted(run: Run, files: Files) -> None:
    answer, certificate = scene("devices")
    for plan in answer["plans"]:
        plan["placement"] = [{**plan["placement"][0], "replica": i} for i in range(40)]
    result = run("verify", *files(answer, certificate))
    assert result.exit_code == 1
    assert sum("FAILED  placed_replicas" in line for line in result.stdout.splitlines()) == 11
    assert " more" in result.stdout


def test_json_holds_every_check_and_fault(run: Run, files: Files) -> None:
    answer, certificate = scene("goodput")
    arguments = files(answer, certificate)
    report = json.loads(run("verify", *arguments, "--format", "json").stdout)
    assert report["status"] == "accepted"
    assert all(check["passed"] and not check["faults"] for check in report["checks"])
    answer["gap"] = 0.5
    result = run("verify", *files(answer, certificate), "--format", "json")
    assert result.exit_code == 1
    failed = [check for check in json.loads(result.stdout)["checks"] if not check["passed"]]
    assert [check["name"] for check in failed] == ["gap"]
    assert failed[0]["faults"][0].startswith("gap: claimed 0.5, found ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "is no JSON object"),
        ("{", "not JSON"),
        ('{"bound": NaN}', "NaN is not a finite number"),
        ('{"a": 1, "a": 2}', "duplicate key 'a'"),
        ('{"schema": "shardwright.certificate/1"}', "/program: missing"),
        ("[" * 100_000, "not JSON"),
        ('{"bound": 1' + "0" * 5000 + "}", "not JSON"),
    ],
)
def test_what_cannot_be_read_ends_with_2_and_names_file_and_field(
    run: Run, files: Files, text: str, told: str
) -> None:
    plans, option, certificate = files(*scene("goodput"))
    certificate.write_text(text)
    result = run("verify", plans, option, certificate)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {certificate}: ")
    assert told in result.stderr


def test_the_answer_is_named_where_it_is_at_fault(run: Run, files: Files) -> None:
    answer, certificate = scene("goodput")
    del answer["plans"][0]["groups"][0]["replicas"]
    result = run("verify", *files(answer, certificate))
    assert result.exit_code == 2
    assert "a.plans.json: /plans/0/groups/0/replicas: missing" in result.stderr
    assert run("verify", "nowhere.json", "--certificate", "nowhere.json").exit_code == 2


def test_domains_are_those_of_the_catalogue() -> None:
    found = domains_of_devices()
    assert found["gb200"] == 72
    assert "h100-sxm" not in found or found["h100-sxm"] >= 8
