"""What a formulation says in its docstring is what it builds."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from solvers import exclusion, fleet, kv_flow, kv_routing, replica_covering, replica_slices
from solvers.backends.pulp_cbc import write_lp
from solvers.csr import Csr
from solvers.fleet import Level, build, max_goodput, min_cost, min_latency, start
from solvers.program import Program, Sense
from solvers.replica_covering import ReplicaCovering
from solvers.replica_slices import ReplicaSlices
from tests.solvers.tiny_fleets import fleet_of

GOLDEN = r"""\* fleet *\
Minimize
OBJ: 0 f_0_ + 0 f_1_ + x_0_ + 2 x_1_ + x_2_
Subject To
demand_0_: f_0_ + f_1_ = 3
inventory_0_: x_0_ + 2 x_1_ + x_2_ <= 4
supply_0_: - f_0_ + 1.5 x_0_ >= 0
supply_1_: - f_1_ + 2 x_1_ >= 0
supply_2_: - f_1_ + 3 x_2_ >= 0
Bounds
 f_0_ <= 6
 f_1_ <= 6
 0 <= x_0_ <= 2
 0 <= x_1_ <= 2
Generals
x_0_
x_1_
Binaries
x_2_
End
"""
ROW = re.compile(r"\((\w+?)(?:_[a-z]{1,2})?\)\s*$", re.MULTILINE)
VARIABLE = re.compile(r"^(?:Variables)?\s+(\w+?)(?:_[a-z]{1,2})? (?:in|>=) .*\S {2,}\w", re.MULTILINE)


def documented(module: ModuleType) -> tuple[set[str], set[str]]:
    """Families of variables and rows named in a module's docstring."""
    text = module.__doc__ or ""
    variables = text[text.index("Variables") :].split("\n\n")[0]
    return set(VARIABLE.findall(variables)), set(ROW.findall(text))


def built(*programs: Program) -> tuple[set[str], set[str]]:
    """Families of variables and rows of these programs."""
    columns = {p.column_name(j).split("[")[0] for p in programs for j in range(p.n_cols)}
    rows = {p.row_name(i).split("[")[0] for p in programs for i in range(p.n_rows)}
    return columns, rows


def fleet_programs() -> list[Program]:
    linked = fleet_of([1, 2, 1], [0, 1, 2], [1.0, 2.0, 3.0])
    linked = fleet.Fleet(
        **{name: getattr(linked, name) for name in fleet.Fleet.__slots__}
        | {"link_bytes_per_request": Csr.from_dense([[0.0, 1.0]]), "link_bytes_per_s": np.ones(1)}
    )
    first = max_goodput()
    return [
        build(linked, (first,))[0],
        build(linked, (first,), (Level(objective=first, value=2.0),))[0],
        build(linked, (min_latency(np.ones(3)),))[0],
        build(linked, (first,), within=(Level(objective=min_cost(np.ones(3)), value=2.0),))[0],
    ]


def covering() -> ReplicaCovering:
    return ReplicaCovering(
        ids=("a", "b"),
        cost=np.array([3.0, 2.0]),
        uses=Csr.from_dense([[2.0, 1.0]]),
        limit=np.array([4.0]),
        serves=Csr.from_dense([[5.0, 2.0]]),
        amount=np.array([7.0]),
        max_replicas=np.array([np.inf, 3.0]),
    )


def slices() -> ReplicaSlices:
    return ReplicaSlices(
        names=("small", "large"),
        cost_per_h=np.array([1.0, 3.0]),
        max_rate_per_s=np.array([[2.0, 0.0], [8.0, 4.0]]),
        rate_per_s=np.array([3.0, 1.0]),
        splittable=True,
    )


def one_path() -> kv_flow.KvFlow:
    return kv_routing.parse(
        {
            "sources": [{"name": "p", "model": "m", "rate_per_s": 2}],
            "sinks": [{"name": "d", "model": "m", "capacity_per_s": 3}],
            "links": [{"name": "e", "bytes_per_s": 4}],
            "paths": [{"from": "p", "to": "d", "links": ["e"], "seconds": 1}],
            "kv_bytes": {"m": 1},
        }
    ).flow


@pytest.mark.parametrize(
    ("module", "programs"),
    [
        (fleet, fleet_programs()),
        (replica_covering, [replica_covering.build(covering())]),
        (replica_slices, [replica_slices.build(slices())]),
        (kv_flow, [kv_flow.build(one_path()), kv_flow.build(one_path(), 1.0)]),
    ],
    ids=["fleet", "replica_covering", "replica_slices", "kv_flow"],
)
def test_docstring_and_program_name_the_same_things(module: ModuleType, programs: list[Program]) -> None:
    assert documented(module) == built(*programs)


def test_exclusion_names_its_variables_and_rows() -> None:
    tiny = fleet_of([1, 2], [0, 0], [1.0, 2.0])
    m, v = start(tiny, (max_goodput(),))
    plain = built(m.finish(Sense.MIN, np.zeros(0), name="plain"))
    exclusion.exclude_same(m, v.x, tiny, np.array([1.0, 0.0]), np.array([4.0, 2.0]))
    columns, rows = built(m.finish(Sense.MIN, np.zeros(0), name="excluded"))
    assert (columns - plain[0], rows - plain[1]) == documented(exclusion)


def test_golden_text_of_a_tiny_fleet(tmp_path: Path) -> None:
    tiny = fleet_of([1, 2, 1], [0, 1, 2], [1.5, 2.0, 3.0], limit=4, demand=3.0)
    program, _ = build(tiny, (min_cost(tiny.tie_break),))
    write_lp(program, tmp_path / "tiny.lp")
    assert (tmp_path / "tiny.lp").read_text().splitlines() == GOLDEN.splitlines()
