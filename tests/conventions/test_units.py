"""A float says its unit in its name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_type_hints

import pytest
from annotated_types import Ge

from tests.conventions.modules import dataclasses_of

UNITS = re.compile(r"(^|_)(s|bytes|flop|usd|watt|joule|tokens|frac)(_|$)")
"""Unit words; compound ones follow from them (``_bytes_per_s``, ``_usd_per_hour``)."""
UNIT_CLASSES = ("Bytes", "Factors")
"""Endings of class names that say the unit of all their fields; factors have none."""
UNIT_FREE = {
    "cv": "a coefficient of variation",
    "percentile": "a percentile in (0, 1), or mean",
    "gap": "relative distance to the bound",
    "gap_to_best": "relative distance to the best plan",
    "traffic_share": "a share, by the answer's contract",
    "share": "relative to the sum over classes, by the scenario's contract",
    "objective_value": "in the unit of the objective beside it",
    "best_objective_value": "in the unit of the objective beside it",
    "bound": "in the unit of the objective beside it",
    "lp_bound": "in the unit of the objective beside it",
    "lp_duals": "objective per unit of each row",
    "from_": "in the unit of the field that is changed",
    "to": "in the unit of the field that is changed",
    "kv_elements_per_token": "a count of numbers",
    "index_elements_per_token": "a count of numbers",
    "visible_divisor": "tokens per cached entry",
    "launches": "a count of kernels",
    "steps": "a count of decode steps",
    "overlap_power": "an exponent",
    "parameters": "logarithms of factors",
    "base": "constants whose unit is that of the field of Overheads or ServingLoop they go into",
    "concurrency": "a count of requests",
    "per_request": "images per request, by the scenario's contract",
    "histogram": "pairs of tokens and weight, by the scenario's contract",
    "mean": "tokens, by the scenario's contract",
    "idle": "watt, named by the object it stands in",
    "peak": "watt, named by the object it stands in",
    "cap": "watt, named by the object it stands in",
    "hours": "hours, by the scenario's contract",
    "rate_scale": "a multiple of the traffic",
    "weighted": "worth of one unit of each objective",
    "values": "in the unit of each objective",
    "level": "in the unit of the second objective",
    "difference": "in the unit of each figure",
    "prefill": "share of the SMs, named by the object it stands in",
    "decode": "share of the SMs, named by the object it stands in",
    "own": "in the unit beside it",
    "least": "in the unit beside it",
    "factor": "a multiple of the device's own figure",
    "failing_factor": "a multiple of the device's own figure",
    "factors_tried": "multiples of the device's own figure",
}
"""Fields that may lack a unit word, and why."""


def holds_float(hint: Any) -> bool:
    """Whether a type is float or made of floats."""
    return hint is float or any(holds_float(part) for part in get_args(hint))


def bare_floats(kind: type) -> Iterator[str]:
    """Float fields without a unit in their name, or in that of a class such as ``MemoryBytes``."""
    if kind.__name__.endswith(UNIT_CLASSES):
        return
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        named = UNITS.search(field.name) or field.name in UNIT_FREE
        if holds_float(hints[field.name]) and not named:
            yield field.name


@pytest.mark.parametrize(
    "kind", dataclasses_of("models"), ids=lambda kind: f"{kind.__module__}.{kind.__name__}"
)
def test_every_float_of_the_domain_names_its_unit(kind: type) -> None:
    assert list(bare_floats(kind)) == []


def test_every_exception_is_still_needed() -> None:
    used = {
        field.name
        for kind in dataclasses_of("models")
        for field in fields(kind)
        if not kind.__name__.endswith(UNIT_CLASSES)
        and holds_float(get_type_hints(kind, include_extras=True)[field.name])
    }
    assert set(UNIT_FREE) <= used


@dataclass
class _Bare:
    speed: float
    wait_s: float
    sizes: tuple[Annotated[float, Ge(0)], ...]
    limit: float | None
    count: int


def test_the_check_finds_bare_floats() -> None:
    assert list(bare_floats(_Bare)) == ["speed", "sizes", "limit"]
