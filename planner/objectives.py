"""Objectives of a scenario as coefficients of the fleet program's columns."""

from dataclasses import dataclass, field

import numpy as np

from models.cost.base import Array
from models.objective import GOODPUT, LATENCY, Weights
from models.scenario import Scenario
from models.units import HOUR_S
from planner.columns import Columns
from planner.traffic import Traffic
from solvers import fleet as program

MILLION = 1e6


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Traffic that ratios refer to: requests and output tokens per second, in the mean over all periods."""

    request_per_s: float
    output_tokens_per_s: float


def offered(scenario: Scenario, traffic: list[Traffic], demand_per_s: Array) -> Offered:
    """What the scenario asks for, all deployments together."""
    hours = np.array([p.hours for p in scenario.periods]) if scenario.periods else np.ones(1)
    scale = np.array(
        [[p.scale_of(d.name) for d in scenario.deployments] for p in scenario.periods]
        or [[1.0] * len(demand_per_s)]
    )
    mean = demand_per_s * (hours @ scale) / hours.sum()
    tokens = np.array([t.output_tokens for t in traffic])
    return Offered(request_per_s=float(mean.sum()), output_tokens_per_s=float(mean @ tokens))


@dataclass(kw_only=True)
class _Sum:
    """A weighted sum in the making: per replica, per carried request, per start [columns]."""

    fixed: Array
    per_request: Array
    starting: Array
    carries: bool = field(default=False)


def objective(weights: Weights, columns: Columns, what: Offered) -> program.Objective:
    """One level of the objective."""
    name, weight = next(iter(weights.items()))
    if name in GOODPUT:
        return program.max_attainment() if name == "max_attainment" else program.max_goodput()
    if name in LATENCY and len(weights) == 1:
        return program.min_latency(weight * _latency_s(name, columns))
    total = _Sum(fixed=_none(columns), per_request=_none(columns), starting=_none(columns))
    for term, factor in weights.items():
        _add(total, term, factor, columns, what)
    if total.carries:
        return program.min_running(total.fixed, total.per_request, total.starting)
    return program.min_cost(total.fixed, total.starting)


def _add(total: _Sum, name: str, weight: float, columns: Columns, what: Offered) -> None:
    """Add one objective to a sum."""
    if name in LATENCY:
        total.per_request = total.per_request + weight * _latency_s(name, columns) / what.request_per_s
        total.carries = True
        return
    if name in ("min_power", "min_joule_per_token"):
        weight = weight / (what.output_tokens_per_s if name == "min_joule_per_token" else 1.0)
        per_replica = weight * columns.base_watt
        total.per_request = total.per_request + weight * columns.joule_per_request
        total.carries = True
    elif name == "min_devices":
        per_replica = weight * columns.devices.astype(float)
    else:
        ratio = name == "min_usd_per_million_tokens"
        weight = weight * (MILLION / (HOUR_S * what.output_tokens_per_s) if ratio else 1.0)
        per_replica = weight * columns.usd_per_hour
    total.fixed = total.fixed + per_replica
    total.starting = total.starting + per_replica * columns.start_s / HOUR_S


def _latency_s(name: str, columns: Columns) -> Array:
    return columns.latency_s[name.removeprefix("min_") + "_s"]


def _none(columns: Columns) -> Array:
    return np.zeros(len(columns))
