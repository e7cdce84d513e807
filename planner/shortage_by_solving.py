"""Why a day, or a cluster that must stand failures, cannot serve: every change is tried by solving again."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from models.periods import Reserve
from models.plan import Infeasibility, Relaxation
from models.scenario import Deployment, Scenario
from models.workload import Workload
from planner.candidates import Candidates
from planner.infeasibility import STEP_FRAC, OutOfTime, device_relaxations, in_time, slo_relaxations

Feasible = Callable[[Scenario], bool]


def explain_by_solving(scenario: Scenario, candidates: Candidates, feasible: Feasible) -> Infeasibility:
    """Periods that no plan serves, the failure that none stands, and relaxations of the whole question."""
    binding: list[str] = []
    try:
        alone = [p.name for t, p in enumerate(scenario.periods) if not _fits(scenario, t, feasible)]
        failure = scenario.reserve.failure
        room = "the cluster holds" if failure is None else f"any lost {failure} leaves"
        binding = [f"period {name}: its traffic alone exceeds what {room}" for name in alone]
        if scenario.periods and not alone:
            binding = ["every period fits alone: what starts finds no free devices beside what still serves"]
        if failure is not None and feasible(replace(scenario, reserve=Reserve())):
            binding.append(f"reserve.failure: what any lost {failure} leaves does not serve all traffic")
    except OutOfTime:
        pass
    relaxations = [*in_time(device_relaxations(scenario, feasible)), *in_time(_traffic(scenario, feasible))]
    for m in range(len(scenario.deployments)):
        relaxations += in_time(slo_relaxations(scenario, m, candidates, feasible))
    return Infeasibility(binding=tuple(binding), relaxations=tuple(relaxations))


def _fits(scenario: Scenario, period: int, feasible: Feasible) -> bool:
    """Whether one period fits alone; one in which every deployment is silent asks for nothing."""
    steady = at_period(scenario, period)
    return not steady.deployments or feasible(steady)


def at_period(scenario: Scenario, period: int) -> Scenario:
    """The scenario of one period as a steady state; deployments that are silent in it are left out."""
    now = scenario.periods[period]
    kept = tuple(_scaled(d, now.scale_of(d.name)) for d in scenario.deployments if now.scale_of(d.name) > 0)
    return replace(scenario, deployments=kept, periods=())


def _scaled(deployment: Deployment, scale: float) -> Deployment:
    arrival = deployment.workload.arrival
    if arrival.rate_per_s is not None:
        changed = replace(arrival, rate_per_s=arrival.rate_per_s * scale)
    else:
        changed = replace(arrival, concurrency=max(round((arrival.concurrency or 1) * scale), 1))
    workload: Workload = replace(deployment.workload, arrival=changed)
    return replace(deployment, workload=workload)


def _traffic(scenario: Scenario, feasible: Feasible) -> Iterator[Relaxation]:
    """The largest share of all traffic that can be served."""

    def with_share(share: float) -> Scenario:
        return replace(scenario, deployments=tuple(_scaled(d, share) for d in scenario.deployments))

    low, high = 0.0, 1.0
    while high - low > STEP_FRAC:
        middle = (low + high) / 2.0
        low, high = (middle, high) if feasible(with_share(middle)) else (low, middle)
    yield Relaxation(
        change="deployments.*.workload.arrival", from_=1.0, to=low or None, makes_feasible=low > 0
    )
