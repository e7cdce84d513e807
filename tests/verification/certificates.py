"""Answers with certificates: of small scenarios, and of programs small enough to prove by hand."""

import copy
import json
import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from models import codec
from models.scenario import Scenario
from planner import answering, pipeline
from planner.fleet_program import Translated
from solvers.backends.registry import default_backend
from solvers.certificate import program_arrays, program_sha256
from solvers.csr import Csr
from solvers.dual_bound import exact_dual_bound
from solvers.fleet import build
from solvers.program import Program, Sense
from solvers.ranked import RankedSolution, Ranking
from tests.planner.scenes import deployment, pool, scenario

Document = dict[str, Any]


def outward(value: Fraction, sense: Sense) -> float:
    """Nearest double that a bound still implies."""
    near = float(value)
    if Fraction(near) == value or (Fraction(near) > value) == (sense is Sense.MAX):
        return near
    return math.nextafter(near, math.inf if sense is Sense.MAX else -math.inf)


def pairs(numbers: Any) -> list[list[Any]]:
    """What is not zero, with its index."""
    return [[int(i), float(numbers[i])] for i in np.flatnonzero(numbers)]


def duals(program: Program) -> Any:
    """Multipliers of the linear relaxation; None where it is infeasible."""
    return default_backend().solve_lp(program, time_limit_s=10.0).row_duals


def farkas(program: Program) -> Any:
    """Multipliers that show that no point exists: duals of the least violation."""
    n, m = program.n_cols, program.n_rows
    dense = np.zeros((m, n + 2 * m))
    for row in range(m):
        span = slice(program.rows.indptr[row], program.rows.indptr[row + 1])
        dense[row, program.rows.indices[span]] = program.rows.data[span]
    dense[:, n : n + m], dense[:, n + m :] = np.eye(m), -np.eye(m)
    slack = replace(
        program,
        sense=Sense.MIN,
        obj=np.concatenate((np.zeros(n), np.ones(2 * m))),
        obj_offset=0.0,
        lb=np.concatenate((program.lb, np.zeros(2 * m))),
        ub=np.concatenate((program.ub, np.full(2 * m, np.inf))),
        integer=np.zeros(n + 2 * m, dtype=bool),
        rows=Csr.from_dense(dense),
    )
    return duals(slack)


def prove(program: Program, enough: float) -> Document:
    """Branch until every leaf proves ``enough``, or holds no point, or has no column left to branch on."""
    nodes: list[Document] = []
    leaves: list[Document] = []
    bounds: list[Fraction] = []

    def add(box: Program) -> int:
        number = len(nodes)
        nodes.append({})
        found = default_backend().solve_lp(box, time_limit_s=10.0)
        if found.x is None:
            nodes[number] = {"leaf": len(leaves)}
            leaves.append({"kind": "infeasible", "multipliers": pairs(farkas(box))})
            return number
        proven = exact_dual_bound(box, found.row_duals)
        assert proven is not None
        broken = np.where(program.integer, np.abs(found.x - np.round(found.x)), 0.0)
        reached = proven <= enough if program.sense is Sense.MAX else proven >= enough
        if reached or broken.max() < 1e-6:
            nodes[number] = {"leaf": len(leaves)}
            leaves.append({"kind": "bound", "multipliers": pairs(found.row_duals)})
            bounds.append(proven)
            return number
        j = int(broken.argmax())
        k = math.floor(found.x[j])
        below, above = box.ub.copy(), box.lb.copy()
        below[j], above[j] = min(below[j], k), max(above[j], k + 1)
        nodes[number] = {"column": j, "at_most": k}
        nodes[number]["below"] = add(replace(box, ub=below))
        nodes[number]["above"] = add(replace(box, lb=above))
        return number

    add(program)
    weakest = max if program.sense is Sense.MAX else min
    bound = outward(weakest(bounds), program.sense) if bounds else None
    return {"bound": bound, "nodes": nodes, "leaves": leaves}


def point_of(program: Program, translated: Translated, solution: RankedSolution) -> Any:
    """Values of all columns at a plan; those that are neither replicas nor flows follow from a solve."""
    fixed = np.zeros(program.n_cols, dtype=bool)
    values = np.zeros(program.n_cols)
    _, v = build(translated.fleet, translated.objectives)
    fixed[v.x], values[v.x] = True, solution.x
    fixed[v.f], values[v.f] = True, solution.flow_per_s
    if v.y is not None:
        # a column without replicas carries nothing, up to the solver's rounding
        fixed[v.y], values[v.y] = True, np.where(solution.x > 0, solution.carried_per_s, 0.0)
    if v.alpha is not None:
        fixed[v.alpha] = True
        values[v.alpha] = solution.objective / translated.fleet.offered_per_s
    if not fixed.all():
        solved = default_backend().solve(program.fixed(fixed, values), time_limit_s=10.0, gap=1e-9)
        assert solved.x is not None
        rest = np.where(program.integer, np.round(solved.x), solved.x)
        values = np.where(fixed, values, np.clip(rest, program.lb, program.ub))
    return values


def descriptors(translated: Translated, asked: Scenario) -> Document:
    """What a replica of every column is."""
    found = {}
    for column in range(len(translated.fleet.rate_per_s)):
        here = column % len(translated.columns)
        priced = translated.columns.priced[translated.columns.block[here]]
        parallelism = priced.layouts.parallelism(int(translated.columns.row[here]))
        precision = priced.setting.precision
        shown = replace(precision, moe_weights=precision.experts)
        found[str(column)] = {
            "deployment": priced.setting.deployment.name,
            "role": priced.role,
            "pool": priced.setting.site.pool.name,
            "devices": parallelism.devices,
            "parallelism": codec.to_plain(parallelism),
            "precision": codec.to_plain(shown),
            "power_level": priced.setting.site.power_level,
        }
    return found


def certificate_of(
    answer: Document, ranking: Ranking, translated: Translated, asked: Scenario, *, tree: bool
) -> Document:
    """The certificate of an answer; states the bound that is proven in both."""
    program = ranking.program
    columns = descriptors(translated, asked)
    lp = {"bound": ranking.lp_bound, "multipliers": pairs(ranking.lp_row_duals)}
    proof = prove(program, ranking.bound) if tree else None
    bound = proof["bound"] if proof else lp["bound"]
    state_bound(answer, bound)
    plans = []
    for plan, solution in zip(answer["plans"], ranking.solutions, strict=True):
        values = point_of(program, translated, solution)
        of_group = [columns_of(plan, i, columns, values, translated) for i in range(len(plan["groups"]))]
        plans.append(
            {
                "id": plan["id"],
                "objective": solution.objective,
                "point": pairs(values),
                "groups": of_group,
            }
        )
    return {
        "schema": "shardwright.certificate/1",
        "scenario_sha256": answer["scenario_sha256"],
        "program_sha256": program_sha256(program),
        "program": program_arrays(program),
        "groups": columns,
        "plans": plans,
        "lp": lp,
        "bound": bound,
        "tree": proof,
    }


def columns_of(
    plan: Document, index: int, columns: Document, values: Any, translated: Translated
) -> int | list[int]:
    """Column of a group; in a plan over periods its column in each."""
    n, group = len(translated.columns), plan["groups"][index]
    counts = [period["replicas"][index] for period in plan["periods"]] or [group["replicas"]]
    words = ("deployment", "role", "pool", "parallelism", "precision", "power_level")
    for first in range(n):
        mine = [first + n * t for t in range(len(counts))]
        alike = all(group[w] == columns[str(first)][w] for w in words)
        if alike and [values[j] for j in mine] == counts:
            return mine if plan["periods"] else first
    raise AssertionError(f"no column for group {index}")


def state_bound(answer: Document, bound: float | None) -> None:
    """Write a bound, and the gaps and the status that follow, into an answer."""
    answer["bound"] = bound
    for plan in answer["plans"]:
        value = plan["objective_value"]
        plan["gap"] = None if bound is None else abs(bound - value) / max(abs(value), 1e-12)
    if answer["plans"]:
        answer["gap"] = answer["plans"][0]["gap"]
        allowed = max(answer["scenario"]["options"]["gap"], 1e-8)
        answer["status"] = "optimal" if (answer["gap"] or 0.0) <= allowed else "feasible"


def planned(asked: Scenario, *, tree: bool = True) -> tuple[Document, Document]:
    """Answer and certificate of a scenario, as they stand in files."""
    question = pipeline._price(asked, pipeline._silent)
    translated, needed = pipeline._translate(question)
    ranking, ranked, translated = pipeline._solve(question, translated, asked.options.time_limit_s)
    plans = [one.plan for one in ranked]
    answer = answering.answer_of(
        question, answering.Clock(), ranking=ranking, plans=plans, undominated=needed, translated=translated
    )
    document = json.loads(codec.to_json(answer))
    certificate = certificate_of(document, ranking, translated, asked, tree=tree)
    return document, json.loads(json.dumps(certificate))


SCENES: dict[str, Any] = {
    "goodput": lambda: scenario(),
    "three pools": lambda: scenario(
        pools=[pool(), pool("far", "a100-sxm-80gb", each=3), pool("small", "l40s", each=2)],
        options={"top_k": 3},
    ),
    "cost": lambda: scenario(
        deployment(rate=20.0), pools=[pool(nodes=2, price_usd_per_device_hour=2.9)], objective="min_cost"
    ),
    "devices": lambda: scenario(
        deployment(rate=10.0), pools=[pool(nodes=None)], objective="min_devices", options={"top_k": 2}
    ),
    "power": lambda: scenario(deployment(rate=9.0), pools=[pool(nodes=2, each=3)], objective="min_power"),
    "two formats": lambda: scenario(
        deployment(precisions=[{"weights": "fp8", "kv": "fp8"}, {"weights": "bf16"}]),
        options={"top_k": 2},
    ),
    "day": lambda: scenario(
        deployment(rate=30.0),
        pools=[pool(nodes=2)],
        objective="min_cost",
        periods=[
            {"name": "day", "hours": 10, "rate_scale": 1.0},
            {"name": "evening", "hours": 4, "rate_scale": 0.6},
            {"name": "night", "hours": 10, "rate_scale": 0.1},
        ],
        options={"top_k": 2},
    ),
    "classes": lambda: scenario(
        deployment(
            rate=20.0,
            classes=[
                {"name": "short", "share": 3, "input_tokens": 500, "output_tokens": 200},
                {"name": "long", "share": 1, "input_tokens": 6000, "output_tokens": 300, "slo": {}},
            ],
        ),
        pools=[pool(nodes=2), pool("small", "l40s", each=2)],
        options={"top_k": 2, "roles": ["aggregated"]},
    ),
    "reserve": lambda: scenario(
        deployment(rate=5.0),
        pools=[pool(nodes=3, each=2)],
        objective="min_devices",
        reserve={"failure": "node"},
        options={"top_k": 2},
    ),
}
"""Scenarios that are solved in a second."""
WITHOUT_TREE = ("day", "reserve")
"""Scenes whose trees are large: they state what the relaxation proves."""


@cache
def _scene(name: str) -> tuple[Document, Document]:
    return planned(SCENES[name](), tree=name not in WITHOUT_TREE)


def scene(name: str) -> tuple[Document, Document]:
    """Answer and certificate of one of the scenes, free to be changed."""
    return copy.deepcopy(_scene(name))
