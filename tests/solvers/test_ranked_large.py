"""Fleets of several deployments, ranked by way of the search for large programs."""

import numpy as np
import pytest

from solvers import ranked
from solvers.blocks import split
from solvers.csr import Csr
from solvers.fleet import Fleet, Objective, build, min_cost
from solvers.ranked import k_best
from solvers.result import Status


def deployments(seed: int, count: int = 4, columns: int = 24) -> tuple[Fleet, Objective]:
    """Deployments of three roles each on shared pools, and the cost of their replicas."""
    rng = np.random.default_rng(seed)
    n, pools = count * columns, 3
    pool, size = rng.integers(0, pools, n), rng.choice([1, 2, 4, 8], n)
    uses = np.zeros((pools, n))
    uses[pool, np.arange(n)] = size
    fleet = Fleet(
        rate_per_s=size ** rng.uniform(0.85, 1.0, n) * rng.uniform(0.5, 1.0, n) * (1 + 0.3 * pool),
        supply_of=3 * np.repeat(np.arange(count), columns) + rng.integers(0, 3, n),
        max_replicas=np.full(n, np.inf),
        identity_of=np.arange(n),
        uses=Csr.from_dense(uses),
        limit=np.full(pools, 24.0),
        channel_supplies=tuple(c for d in range(count) for c in ((3 * d,), (3 * d + 1, 3 * d + 2))),
        channel_demand=np.repeat(np.arange(count), 2),
        demand_per_s=rng.uniform(4.0, 12.0, count),
        link_bytes_per_request=Csr.empty(0, 2 * count),
        link_bytes_per_s=np.zeros(0),
        tie_break=size.astype(np.float64),
    )
    return fleet, min_cost(np.round(size * (1 + 0.28 * pool) * rng.uniform(0.9, 1.1, n), 3))


def test_deployments_are_the_parts_of_a_fleet() -> None:
    fleet, cost = deployments(0)
    program, _ = build(fleet, (cost,))
    blocks = split(program)
    assert blocks is not None
    assert len(blocks.parts) == 4
    assert {program.row_name(int(row)).split("[")[0] for row in blocks.linking} == {"inventory"}


@pytest.mark.parametrize("seed", range(3))
def test_the_search_ranks_the_plans_that_the_solver_alone_does(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, cost = deployments(seed)
    alone = k_best(fleet, (cost,), k=2, time_limit_s=20.0)
    monkeypatch.setattr(ranked, "SMALL_COLUMNS", 0)
    monkeypatch.setattr(ranked, "PLAIN_SHARE", 0.0)
    found = k_best(fleet, (cost,), k=2, time_limit_s=20.0)
    assert alone.status is found.status is Status.OPTIMAL
    assert found.bound <= alone.solutions[0].objective * (1 + 1e-9)
    assert alone.bound <= found.solutions[0].objective * (1 + 1e-9)
    for one, other in zip(alone.solutions, found.solutions, strict=True):
        assert other.objective == pytest.approx(one.objective, rel=3e-4)
