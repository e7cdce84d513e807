"""The program, its plans and what proves its bound as a file, for those who check it elsewhere.

The format is explained in docs/certificates.md.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from models import codec
from models.scenario import Scenario
from planner.fleet_program import Translated
from planner.proving import MAX_COLUMNS, MAX_LEAVES, Proof
from planner.ranking import RankedPlan
from solvers.certificate import program_arrays, program_sha256
from solvers.ranked import RankedSolution, Ranking
from solvers.result import Status

SCHEMA = "shardwright.certificate/1"
ROUNDING = 1e-12
"""Share of the largest entry of a point below which another one is what rounding in doubles left."""


def document(
    scenario: Scenario, translated: Translated, ranking: Ranking, plans: list[RankedPlan], proof: Proof
) -> dict[str, Any]:
    """Certificate of one ranking."""
    duals = ranking.lp_row_duals
    return {
        "schema": SCHEMA,
        "scenario_sha256": codec.sha256(scenario),
        "program_sha256": program_sha256(ranking.program),
        "program": program_arrays(ranking.program),
        "groups": {
            str(c): _descriptor(translated, c) for c in range(translated.fleet.n_columns)
        },
        "plans": [
            {
                "id": ranked.plan.id,
                "objective": ranked.solution.objective,
                "point": _pairs(_point(ranked.solution, proof)),
                "groups": [_columns(translated, c) for c in ranked.columns],
            }
            for ranked in plans
        ],
        "lp": {
            "bound": ranking.lp_bound if np.isfinite(ranking.lp_bound) else None,
            "multipliers": [] if duals is None else _pairs(duals),
        },
        "bound": _bound(ranking),
        "tree": None if proof.tree is None else proof.tree.document(),
        # larger programs are left to their linear bound, whatever a tree would need
        **({"max_leaves": MAX_LEAVES} if ranking.program.n_cols <= MAX_COLUMNS else {}),
    }  # fmt: skip


def _bound(ranking: Ranking) -> float | None:
    """The bound the answer states: none where no plan exists, whatever the relaxation says."""
    stated = np.isfinite(ranking.bound) and ranking.status is not Status.INFEASIBLE
    return ranking.bound if stated else None


def without_program(scenario: Scenario) -> dict[str, Any]:
    """Certificate of an answer that came before any program: no configuration meets its limits."""
    return {
        "schema": SCHEMA,
        "scenario_sha256": codec.sha256(scenario),
        "program_sha256": None, "program": None, "groups": {}, "plans": [],
        "lp": {"bound": None, "multipliers": []}, "bound": None, "tree": None,
    }  # fmt: skip


def frontier(points: list[dict[str, Any]]) -> dict[str, Any]:
    """One certificate for every point of a trade-off, in its order."""
    return {"schema": SCHEMA, "frontier": points}


def save(content: dict[str, Any], path: Path) -> None:
    """Write a certificate."""
    path.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


def write_lp(ranking: Ranking, path: Path) -> None:
    """Write the program as an LP file, or as MPS where the name ends so."""
    from solvers.backends.pulp_cbc import write_lp, write_mps

    write = write_mps if path.suffix.lower() == ".mps" else write_lp
    write(ranking.program, path)


def _descriptor(translated: Translated, column: int) -> dict[str, Any]:
    """What one replica of a column is."""
    base = len(translated.columns)
    period, own = divmod(column, base)
    columns = translated.columns
    priced = columns.priced[int(columns.block[own])]
    setting, row = priced.setting, int(columns.row[own])
    told = {
        "deployment": setting.deployment.name,
        "role": priced.role,
        "pool": setting.site.pool.name,
        "devices": int(columns.devices[own]),
        "parallelism": codec.to_plain(priced.layouts.parallelism(row)),
        "precision": {
            "weights": setting.precision.weights,
            "moe_weights": setting.precision.experts,
            "kv": setting.precision.kv,
        },
        "power_level": setting.site.power_level,
    }
    if translated.periods:
        told["period"] = translated.periods[period]
    return told


def _columns(translated: Translated, own: int) -> int | list[int]:
    """Column of a group; over several periods one for each."""
    base = len(translated.columns)
    return [own + t * base for t in range(len(translated.periods))] if translated.periods else own


def _point(solution: RankedSolution, proof: Proof) -> np.ndarray:
    """The whole point of a plan, with the sums the proof has added; what rounding left over is zero."""
    point = np.where(np.abs(solution.point) > ROUNDING * np.abs(solution.point).max(), solution.point, 0.0)
    sums = proof.tree.sums if proof.tree is not None else ()
    added = [float(part.weights @ point[part.columns]) for part in sums]
    return np.concatenate((point, added))


def _pairs(values: np.ndarray) -> list[list[float]]:
    return [[int(i), float(values[i])] for i in np.flatnonzero(values)]
