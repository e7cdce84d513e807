"""The inverse question: the least hardware that meets the SLO of a scenario.

Three answers side by side: closed forms that no hardware gets below, the fewest devices of each type by an
exact solve, and the least of one figure of a device with the rest unchanged, by bisection on exact solves.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from models import catalog, codec
from models.cluster import Pool
from models.device_factors import FIGURES
from models.errors import InvalidInput, UnknownName
from models.plan import AnswerStatus
from models.requirements import DeploymentRequirements, FewestDevices, LeastFigure, RequirementsAnswer
from models.scenario import Scenario
from planner import pipeline
from planner.fewest_devices import catalogue_pool, fewest_devices
from planner.hardware_floor import floors
from planner.infeasibility import OutOfTime
from planner.least_figure import LARGEST, SMALLEST, Serves, least_figure, own_figure
from planner.setting import resolve_model
from planner.streams import refuse_classes
from planner.time_budget import TimeBudget

LONGEST_SOLVE_S = 10.0
OPEN = ("not_computed", "bracketed")
Progress = Callable[[str, int, int], None]
"""Told what is being computed, how many parts are done, and how many there are."""


def requirements(
    scenario: Scenario,
    *,
    devices: str | tuple[str, ...] = "pools",
    on_progress: Progress | None = None,
) -> RequirementsAnswer:
    """Requirements of a scenario; ``options.time_limit_s`` bounds the whole call.

    Parameters
    ----------
    scenario : Scenario
        Its objective is left aside: every solve looks for the fewest devices.
    devices : "pools", "all" or ids
        Device types to count: those of the scenario's pools, or every one of the catalogue, or some.
    on_progress : callable, optional
        Told before each part.

    Raises
    ------
    InvalidInput
        What a plan would refuse too, or a device that the catalogue does not hold.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    scenario_asked, scenario = scenario, replace(scenario, objective="min_devices")
    refuse_classes(scenario, "requirements")
    pipeline.validate(scenario)
    budget = TimeBudget(scenario.options.time_limit_s)
    pools = _pools(scenario, devices)
    tell = _Counter(on_progress, len(pools) * len(scenario.deployments), scenario)
    fewest = _fewest(scenario, pools, budget, tell)
    served, least = _least(scenario, budget, tell)
    return RequirementsAnswer(
        scenario=scenario_asked,
        scenario_sha256=codec.sha256(scenario_asked),
        shardwright_version=version("shardwright"),
        status=_status(fewest, len(pools)),
        scenario_feasible=served,
        deployments=tuple(_deployment(scenario, m, rows) for m, rows in enumerate(fewest)),
        least=least,
        factors_tried=(SMALLEST, LARGEST),
        not_computed=tuple(_not_computed(scenario, pools, fewest, served, least)),
        wall_s=time.perf_counter() - wall,
        cpu_s=time.process_time() - cpu,
    )


def _pools(scenario: Scenario, devices: str | tuple[str, ...]) -> list[Pool]:
    """Pools to size, one after the other: the scenario's own where they have the device."""
    own = list(scenario.cluster.pools)
    if devices == "pools":
        return own
    asked = [d.id for d in catalog.devices()] if devices == "all" else _named(devices)
    chosen = [p for p in own if _device_id(p.device) in asked]
    had = {_device_id(p.device) for p in own}
    rest = [name for name in dict.fromkeys(asked) if name not in had]
    return chosen + [catalogue_pool(catalog.device(name), scenario) for name in rest]


def _named(devices: str | tuple[str, ...]) -> list[str]:
    """Ids of devices asked for by name."""
    names = (devices,) if isinstance(devices, str) else devices
    if not names:
        raise InvalidInput("no device is named", pointer="/devices", hint="Maybe pools, or all.")
    found = []
    for i, name in enumerate(names):
        try:
            found.append(_device_id(name))
        except InvalidInput as error:
            raise UnknownName(error.message, pointer=f"/devices/{i}", hint=error.hint) from None
    return found


def _device_id(name: str) -> str:
    return catalog.device(name).id


def _fewest(
    scenario: Scenario, pools: list[Pool], budget: TimeBudget, tell: "_Counter"
) -> list[tuple[FewestDevices, ...]]:
    """Rows of every deployment, as far as the time goes."""
    found: list[list[FewestDevices]] = [[] for _ in scenario.deployments]
    for pool in pools:
        for m, deployment in enumerate(scenario.deployments):
            tell(f"{deployment.name} on {pool.device}")
            if not budget.is_spent:
                found[m].append(fewest_devices(scenario, m, pool, budget))
    return [tuple(rows) for rows in found]


def _least(
    scenario: Scenario, budget: TimeBudget, tell: "_Counter"
) -> tuple[bool | None, tuple[LeastFigure, ...]]:
    """Whether the scenario is served as it stands, and the least of each figure of each pool's device."""
    tell("the cluster as it stands")
    served: bool | None
    try:
        served = _known(budget)(scenario)
    except OutOfTime:
        served = None
    parts = [(i, figure) for i in range(len(scenario.cluster.pools)) for figure in FIGURES]
    found = []
    for done, (i, figure) in enumerate(parts):
        tell(f"{figure} of {scenario.cluster.pools[i].name}")
        if served is None:
            found.append(_unknown(scenario, i, figure))
            continue
        # what one figure leaves is shared by those after it
        share = TimeBudget(budget.left_s / (len(parts) - done))
        found.append(least_figure(scenario, i, figure, _known(share), served))
    return served, tuple(found)


def _known(budget: TimeBudget) -> Serves:
    """Whether a scenario is served, for as long as there is time; a solve that does not tell ends it too."""

    def serves(scenario: Scenario) -> bool:
        if budget.is_spent:
            raise OutOfTime
        found = pipeline.feasibility(scenario, limit_s=min(budget.left_s, LONGEST_SOLVE_S))
        if found is None:
            raise OutOfTime
        return found

    return serves


def _unknown(scenario: Scenario, pool: int, figure: Any) -> LeastFigure:
    device, own, unit = own_figure(scenario, pool, figure)
    name = scenario.cluster.pools[pool].name
    return LeastFigure(pool=name, device=device.id, figure=figure, unit=unit, own=own, status="not_computed")


def _deployment(scenario: Scenario, m: int, fewest: tuple[FewestDevices, ...]) -> DeploymentRequirements:
    deployment = scenario.deployments[m]
    spec = resolve_model(deployment, f"/deployments/{m}")
    engine = catalog.engine(deployment.engine.name)
    return DeploymentRequirements(
        deployment=deployment.name, fewest=fewest, floors=floors(deployment, spec, engine, scenario.periods)
    )


def _status(fewest: list[tuple[FewestDevices, ...]], asked: int) -> AnswerStatus:
    """The gravest over deployments; each as good as its best device."""
    statuses = {row.status for rows in fewest for row in rows}
    served = [any(row.devices is not None for row in rows) for rows in fewest]
    known = all(len(rows) == asked for rows in fewest) and "time_limit" not in statuses
    if all(served):
        return "optimal" if known and "feasible" not in statuses else "feasible"
    refused = [len(rows) == asked and all(row.status == "infeasible" for row in rows) for rows in fewest]
    return "infeasible" if any(refused) else "time_limit"


def _not_computed(
    scenario: Scenario,
    pools: list[Pool],
    fewest: list[tuple[FewestDevices, ...]],
    served: bool | None,
    least: tuple[LeastFigure, ...],
) -> Iterator[str]:
    """What the time did not suffice for, in words."""
    for deployment, rows in zip(scenario.deployments, fewest, strict=True):
        done = {(row.device, row.pool) for row in rows if row.status != "time_limit"}
        keys = [(_device_id(p.device), p.name if p in scenario.cluster.pools else None) for p in pools]
        left = [device for device, pool in keys if (device, pool) not in done]
        if left:
            yield f"fewest devices for {deployment.name} of {', '.join(left)}"
    if served is None:
        yield "whether the cluster as it stands serves the traffic"
    for pool in scenario.cluster.pools:
        figures = [r.figure for r in least if r.pool == pool.name and r.status in OPEN]
        if figures:
            yield f"least {', '.join(figures)} of pool {pool.name} to 1 %"


class _Counter:
    """Tells how far the call is."""

    def __init__(self, on_progress: Progress | None, counts: int, scenario: Scenario) -> None:
        self._tell, self._done = on_progress, 0
        self._parts = counts + 1 + len(scenario.cluster.pools) * len(FIGURES)

    def __call__(self, what: str) -> None:
        if self._tell is not None:
            self._tell(what, self._done, self._parts)
        self._done += 1
