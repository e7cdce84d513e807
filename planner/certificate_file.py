"""The program and its proof as files, for those who want to check it elsewhere."""

import json
from pathlib import Path
from typing import Any

from solvers.certificate import program_arrays, program_sha256
from solvers.ranked import Ranking

SCHEMA = "shardwright.certificate/1"


def write(ranking: Ranking, certificate_path: Path | None, lp_path: Path | None) -> None:
    """Write what was asked for: the program as plain arrays with duals and plans, or as an LP file."""
    if certificate_path is not None:
        _save(document(ranking), certificate_path)
    if lp_path is not None:
        from solvers.backends.pulp_cbc import write_lp

        write_lp(ranking.program, lp_path)


def write_frontier(rankings: list[Ranking], certificate_path: Path | None) -> None:
    """Write one certificate for every point of a trade-off, if asked for."""
    if certificate_path is not None:
        _save({"schema": SCHEMA, "frontier": [document(r) for r in rankings]}, certificate_path)


def document(ranking: Ranking) -> dict[str, Any]:
    """Program, multipliers, bounds and plans of one ranking."""
    duals = ranking.lp_row_duals
    return {
        "schema": SCHEMA,
        "program_sha256": program_sha256(ranking.program),
        "program": program_arrays(ranking.program),
        "lp_row_duals": None if duals is None else [float(d) for d in duals],
        "lp_bound": ranking.lp_bound,
        "bound": ranking.bound,
        "solutions": [
            {
                "x": [int(n) for n in s.x],
                "flow_per_s": [float(f) for f in s.flow_per_s],
                "objective": s.objective,
            }
            for s in ranking.solutions
        ],
    }


def _save(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
