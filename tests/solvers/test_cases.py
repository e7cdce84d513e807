"""The published instances have their published answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from solvers import replica_covering, replica_mix, worker_mix
from solvers.backends.registry import default_backend
from solvers.problems import pick
from solvers.replica_covering import ReplicaCovering

pytestmark = pytest.mark.shared_data
Reader = Callable[[str], dict[str, Any]]

WORKER_MIXES = ("q32-6", "q32-20", "q32-32", "q32t-20", "q32t-24", "l70-12", "l70-20", "l70-28")


@pytest.mark.parametrize("name", WORKER_MIXES)
def test_worker_mix_reaches_the_proven_optimum(case_file: Reader, name: str) -> None:
    instance = pick(case_file("worker_mix.json"), name)
    answer = worker_mix.solve(worker_mix.parse(instance))
    assert answer["status"] == "optimal"
    assert answer["objective"] == pytest.approx(instance["expected"]["optimum_request_per_s"], abs=5e-5)


@pytest.mark.parametrize(
    ("splittable", "cost", "mix"),
    [(True, 4.68, {"A10G": 1, "A100-80GB": 1}), (False, 6.70, {"A10G": 3, "A100-80GB": 1})],
)
def test_melange_readme_mix(case_file: Reader, splittable: bool, cost: float, mix: dict[str, int]) -> None:
    instance = case_file("melange_readme.json") | {"splittable": splittable}
    answer = replica_mix.solve(replica_mix.parse(instance))
    assert answer["objective"] == pytest.approx(cost)
    assert answer["solution"] == mix


@pytest.mark.parametrize("name", ["gpus8", "gpus64"])
def test_configuration_program_reaches_the_published_optima(case_file: Reader, name: str) -> None:
    instance = pick(case_file("config_mip_small.json"), name)
    problem = replica_mix.parse(instance)
    assert isinstance(problem, ReplicaCovering)
    expected = instance["expected"]
    answer = replica_mix.solve(problem)
    assert answer["status"] == "optimal"
    assert answer["objective"] == pytest.approx(expected["integer_optimum"], rel=1e-4)
    assert answer["bound"] <= expected["integer_optimum"] * (1 + 1e-7)
    free = replica_covering.build(problem, np.full(len(problem.ids), np.inf))
    bounded = replica_covering.build(problem)
    for program, key in ((free, "lp_optimum"), (bounded, "lp_optimum_with_column_bounds")):
        relaxation = default_backend().solve_lp(program, time_limit_s=5.0)
        assert relaxation.objective == pytest.approx(expected[key], abs=1e-5)
