"""The smallest value of one figure of a device, the others unchanged, with which a scenario is still served.

More of a figure never hurts but for steps in an engine's or a kernel's rules, so bisection finds a value
that works, a small step above one that does not.
"""

from collections.abc import Callable
from dataclasses import replace
from math import exp, log, log1p
from typing import Literal

from models import catalog
from models.device_factors import DeviceFactors, Figure
from models.hardware import Device
from models.precision import COMPUTE_FORMAT
from models.requirements import LeastFigure
from models.scenario import Scenario
from planner.infeasibility import OutOfTime
from planner.served_precision import served_precision
from planner.setting import resolve_model, resolve_site

STEP_FRAC = 0.01
"""Relative precision of a least value."""
WIDEST_RATIO = 1.0 + STEP_FRAC + 1e-9
SMALLEST, LARGEST = 2.0**-10, 2.0**10
"""Factors tried."""

Serves = Callable[[Scenario], bool]


def least_figure(
    scenario: Scenario, pool: int, figure: Figure, serves: Serves, is_served: bool
) -> LeastFigure:
    """Least value of a figure of the device of one pool; ``is_served``: whether its own value is enough."""
    device, own, unit = own_figure(scenario, pool, figure)
    told = LeastFigure(
        pool=scenario.cluster.pools[pool].name, device=device.id, figure=figure, unit=unit, own=own,
        status="not_computed",
    )  # fmt: skip

    def works(factor: float) -> bool:
        return serves(with_factor(scenario, pool, figure, factor))

    try:
        if is_served and works(SMALLEST):
            return replace(told, status="not_needed")
        if not is_served and not works(LARGEST):
            return replace(told, status="not_enough_alone")
    except OutOfTime:
        return told
    low, high = (SMALLEST, 1.0) if is_served else (1.0, LARGEST)
    failing, factor = narrowed(low, high, works)
    status: Literal["found", "bracketed"] = "found" if factor <= failing * WIDEST_RATIO else "bracketed"
    return replace(told, status=status, least=own * factor, factor=factor, failing_factor=failing)


def narrowed(low: float, high: float, works: Callable[[float], bool]) -> tuple[float, float]:
    """A factor that fails and one that works, a step apart, or further where the time is up.

    ``high`` works, ``low`` does not.
    """
    below, above = log(low), log(high)
    try:
        while above - below > log1p(STEP_FRAC):
            middle = (below + above) / 2.0
            below, above = (below, middle) if works(exp(middle)) else (middle, above)
    except OutOfTime:
        pass
    return exp(below), exp(above)


def with_factor(scenario: Scenario, pool: int, figure: Figure, factor: float) -> Scenario:
    """The scenario with a figure of one pool's device multiplied once more."""
    old = scenario.cluster.pools[pool]
    factors = old.device_factors or DeviceFactors()
    changed = replace(factors, **{figure: getattr(factors, figure) * factor})
    pools = tuple(
        replace(p, device_factors=changed) if i == pool else p for i, p in enumerate(scenario.cluster.pools)
    )
    return replace(scenario, cluster=replace(scenario.cluster, pools=pools))


def own_figure(scenario: Scenario, pool: int, figure: Figure) -> tuple[Device, float, str]:
    """The device of a pool, its own value of a figure, and the unit of that."""
    site = resolve_site(
        scenario.cluster.pools[pool], catalog.price_book(scenario.price_book), f"/cluster/pools/{pool}"
    )
    device = site.device
    if figure != "peak_flop_per_s":
        return device, float(getattr(device, figure)), "B" if figure == "memory_bytes" else "B/s"
    deployment = scenario.deployments[0]
    spec, engine = resolve_model(deployment, "/deployments/0"), catalog.engine(deployment.engine.name)
    asked = (deployment.precisions or (spec.precision,))[0]
    fmt = COMPUTE_FORMAT[served_precision(spec, asked, engine).weights]
    fmt = fmt if fmt in device.peak_flop_per_s else "bf16"
    return device, device.peak_flop_per_s[fmt], f"FLOP/s in {fmt}"
