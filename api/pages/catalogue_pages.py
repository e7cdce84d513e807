"""``/catalogue``: models, devices, engines and prices, and a page with the sources of every figure of one."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.pages.catalogue_figures import layer_rows, model_figures, sourced_figures
from api.pages.rendering import page
from api.problems import not_found
from models import catalog
from models.errors import UnknownName
from models.units import GIB, TB, TFLOP

router = APIRouter(prefix="/catalogue", include_in_schema=False)
Search = Annotated[str, Query(max_length=200)]


@router.get("")
def overview(q: Search = "") -> Response:
    """Everything that is known, or the rows that hold a text."""
    book = catalog.price_book()
    names = {d.id: d.name for d in catalog.devices()}
    wanted = q.strip().casefold()

    def holds(*texts: str) -> bool:
        return any(wanted in text.casefold() for text in texts)

    return page(
        "catalogue.html",
        q=q,
        devices=[d for d in catalog.devices() if holds(d.id, d.name, d.vendor, d.family, *d.aliases)],
        models=[m for m in catalog.model_summaries() if holds(m.id, *m.attention, m.precision, *m.aliases)],
        engines=[e for e in catalog.engines() if holds(e.name, e.version, *e.supports, *e.aliases)],
        prices=[
            (key, price) for key, price in book.rows.items() if holds(key, names.get(key, ""), price.source)
        ],
        book=book,
        units={"gib": GIB, "tb": TB, "tflop": TFLOP},
    )


@router.get("/devices/{key}")
def device(key: str) -> Response:
    """One accelerator."""
    found = _known("device", catalog.device, key)
    title = {"name": found.name, "words": f"{found.vendor} {found.family}".upper(), "id": found.id}
    return page(
        "catalogue_item.html", item=found, **title, figures=sourced_figures(found), layers=(), tiers=()
    )


@router.get("/engines/{key}")
def engine(key: str) -> Response:
    """One serving engine."""
    found = _known("engine", catalog.engine, key)
    title = {"name": f"{found.name} {found.version}", "words": "serving engine", "id": found.name}
    return page(
        "catalogue_item.html",
        item=found,
        **title,
        figures=sourced_figures(found),
        layers=(),
        tiers=found.tiers,
    )


@router.get("/models/{key:path}")
def model(key: str) -> Response:
    """One architecture."""
    found = _known("model", catalog.model, key)
    title = {"name": found.id, "words": found.note, "id": found.id}
    return page(
        "catalogue_item.html",
        item=found,
        **title,
        figures=model_figures(found),
        layers=layer_rows(found),
        tiers=(),
    )


def _known(what: str, look_up: Callable[[str], Any], key: str) -> Any:
    try:
        return look_up(key)
    except UnknownName:
        raise not_found(what, key) from None
