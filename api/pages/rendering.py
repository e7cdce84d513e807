"""Templates: everything is escaped, a missing value is a defect, numbers read as on the command line."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.pages.axis import si
from api.pages.plotly_script import plotly_style_ids
from api.render import quantities
from api.render.infeasible import relaxation_words
from api.render.plan_table import precision_words
from models.objective import OBJECTIVES

TEMPLATES = Path(__file__).parents[1] / "templates"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        quantities.amount,
        quantities.count,
        quantities.dollars,
        quantities.duration,
        quantities.gibibytes,
        quantities.percent,
        objective_unit,
        objective_words,
        precision_words,
        relaxation_words,
        plain,
        si,
        signed,
        flops,
        layer_words,
    ):
        made.filters[function.__name__] = function
    made.globals["plotly_style_ids"] = plotly_style_ids
    return made


def objective_words(scenario: Any) -> str:
    """Objectives of a stored scenario, the most important first."""
    asked = scenario.get("objective", "")
    names = asked.get("minimize") or [] if isinstance(asked, dict) else [asked]
    return ", then ".join(str(name).replace("_", " ") for name in names)


def plain(value: float) -> str:
    """A number as a form field takes it."""
    return f"{value:.10g}"


def signed(value: float | None) -> str:
    """A difference with its sign."""
    if not value:
        return quantities.NOTHING if value is None else "0"
    return f"{'+' if value > 0 else '−'}{quantities.amount(abs(value))}"


def flops(value: float) -> str:
    """Speed of an operator."""
    return quantities.scaled(value, "FLOP/s")


def layer_words(partition: Sequence[int]) -> str:
    """Layers per stage, equal neighbours counted: 3 + 22 × 4 + 3."""
    runs = [(layers, len(list(alike))) for layers, alike in groupby(partition)]
    return " + ".join(f"{n} × {layers}" if n > 1 else str(layers) for layers, n in runs)


def objective_unit(scenario: Any) -> str:
    """Unit of the first objective of a stored scenario; empty for a weighted sum, which has none."""
    asked = scenario.get("objective", "")
    if isinstance(asked, dict):
        asked = (asked.get("minimize") or asked.get("pareto") or [""])[0]
    return OBJECTIVES.get(str(asked), ("", ""))[0]


def page(template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """One page as a response."""
    text = _environment().get_template(template).render(**values)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})
