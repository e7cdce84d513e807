"""Every answer of the gallery is accepted with its certificate, and no part of a proof may be touched."""

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from models import codec
from planner import pipeline, scenario_file
from solvers.verification.report import Report
from solvers.verification.several import verify_all

SCENARIOS = sorted((Path(__file__).parents[2] / "benchmarks/scenarios").glob("*.yaml"))
Documents = tuple[dict[str, Any], dict[str, Any]]


@cache
def proven(path: Path) -> Documents:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "certificate.json"
        scenario = scenario_file.read(path.read_text(), base=path.parent)
        answer = pipeline.plan(scenario, certificate_path=file)
        return json.loads(codec.to_json(answer)), json.loads(file.read_text())


def verdict(documents: Documents) -> Report:
    return verify_all(*documents)[0]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_the_gallery_is_accepted(path: Path) -> None:
    answer, certificate = proven(path)
    report = verdict((answer, certificate))
    assert report.accepted, report.failures()
    if answer["plans"]:
        assert (report.status, report.proven_by) in (("accepted", "tree"), ("accepted", "lp"))
        assert report.leaves < 200


def plan_replicas(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    answer["plans"][0]["groups"][0]["replicas"] += 1


def better_bound(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    answer["bound"] = certificate["bound"] = answer["bound"] * (1 - 1e-6)


def one_dual(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    certificate["lp"]["multipliers"][0][1] *= 1.01


def one_leaf(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    leaf = next(leaf for leaf in certificate["tree"]["leaves"] if leaf["multipliers"])
    leaf["multipliers"][0][1] *= 0.9


def no_leaf(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    certificate["tree"]["leaves"].pop()


def one_branch(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    branch = next(node for node in certificate["tree"]["nodes"] if "column" in node)
    branch["above"], branch["below"] = branch["below"], branch["above"]


def one_column(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    certificate["program"]["rows"]["value"][0] *= 0.5


def two_columns(answer: dict[str, Any], certificate: dict[str, Any]) -> None:
    certificate["program"]["columns"]["upper"][0] += 1.0


TOUCHES = (
    plan_replicas, better_bound, one_dual, one_leaf, no_leaf, one_branch, one_column, two_columns,
)  # fmt: skip


@pytest.mark.parametrize("touch", TOUCHES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("stem", ["llama-70b-fp8-16xh100", "mixed-h100-l40s", "qwen3-235b-32xh200"])
def test_a_touched_proof_is_rejected(stem: str, touch: Callable[..., None]) -> None:
    answer, certificate = copy.deepcopy(proven(next(p for p in SCENARIOS if p.stem == stem)))
    touch(answer, certificate)
    try:
        accepted = verdict((answer, certificate)).accepted
    except ValueError:
        accepted = False  # not even readable any more
    assert not accepted
