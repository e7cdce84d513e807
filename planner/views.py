"""Orders in which a person may want to read ranked plans; none of them changes the plans."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from models.plan import Plan

View = Literal["ranked", "cheapest", "fastest", "goodput", "fewest", "simplest"]
VIEWS: tuple[View, ...] = get_args(View)
RULES: dict[View, str] = {
    "ranked": "by the objective that was asked",
    "cheapest": "least money per hour; without prices, fewest devices",
    "fastest": "shortest mean time to first token of the slowest deployment",
    "goodput": "most requests per second, all deployments together",
    "fewest": "fewest devices in use",
    "simplest": "fewest different groups, then fewest parallel dimensions in use, then fewest replicas",
}
Key = tuple[float, ...]


def ordered(plans: Sequence[Plan], view: View) -> list[Plan]:
    """Plans in the order of a view; equal ones stay in the order of their ranks."""
    return sorted(plans, key=lambda plan: (*_KEYS[view](plan), plan.rank))


def simplicity(plan: Plan) -> Key:
    """How much there is to run and to understand: groups, degrees above one in them, replicas.

    Every group is an engine command line of its own, every degree above one a kind of communication that
    can fail or be slow, every replica a process to watch.
    """
    degrees = sum(
        getattr(g.parallelism, name) > 1
        for g in plan.groups
        for name in ("tp", "pp", "cp", "dcp", "dp", "ep")
    )
    return float(len(plan.groups)), float(degrees), float(sum(g.replicas for g in plan.groups))


def _money(plan: Plan) -> Key:
    usd = plan.cost.usd_per_hour
    return (float("inf") if usd is None else usd, float(plan.devices_used))


def _first_token(plan: Plan) -> Key:
    return (max((p.ttft_s.get("mean", float("inf")) for p in plan.predicted.values()), default=float("inf")),)


def _goodput(plan: Plan) -> Key:
    return (-sum(p.request_per_s for p in plan.predicted.values()),)


_KEYS: dict[View, Callable[[Plan], Key]] = {
    "ranked": lambda plan: (),
    "cheapest": _money,
    "fastest": _first_token,
    "goodput": _goodput,
    "fewest": lambda plan: (float(plan.devices_used),),
    "simplest": simplicity,
}
