"""The catalogue: devices, prices, engines and model architectures, by name.

Everything is read from ``models/data/`` once and kept; a model preset is read only when it is asked for.
Names are forgiving about case and separators (see :mod:`models.names`).
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from models import names
from models.architecture import ModelSpec
from models.engine import Engine, LimitTier
from models.hardware import Device, Source
from models.periods import Starting
from models.preset import ModelSummary, decode
from models.price_book import Price, PriceBook
from models.start import Start

DATA = Path(__file__).parent / "data"


@cache
def _table(file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / file).read_text(encoding="utf-8"))
    return content


@cache
def sha256() -> str:
    """Hash of everything in ``models/data``: answers of another catalogue are other answers."""
    whole = hashlib.sha256()
    for path in sorted(DATA.rglob("*.json")):
        whole.update(path.relative_to(DATA).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def _sources(row: Mapping[str, Any], references: Mapping[str, Any]) -> dict[str, Source]:
    return {field: Source(**references[key]) for field, key in row["sources"].items()}


@cache
def price_books() -> tuple[PriceBook, ...]:
    """Every dated price list of the catalogue."""
    return tuple(
        PriceBook(**{**book, "rows": {key: Price(**row) for key, row in book["rows"].items()}})
        for book in _table("prices.json")["books"]
    )


def price_book(name: str | None = None) -> PriceBook:
    """Prices by name, or the catalogue's own (``None``)."""
    asked = _table("prices.json")["default"] if name is None else name
    known = names.index((book.name, ()) for book in price_books())
    found = names.resolve(asked, known, noun="price book", pointer="/price_book")
    return next(book for book in price_books() if book.name == found)


@cache
def devices() -> tuple[Device, ...]:
    """Every accelerator of the catalogue, priced by the default price book."""
    table, prices = _table("devices.json"), price_book().rows
    return tuple(_device(row, table["references"], prices.get(row["id"])) for row in table["devices"])


def _device(row: Mapping[str, Any], references: Mapping[str, Any], price: Price | None) -> Device:
    sources = _sources(row, references)
    if price is not None:
        sources["price_usd_per_hour"] = Source(kind=price.kind, source=price.source)
    fields = {
        "aliases": tuple(row["aliases"]),
        "price_usd_per_hour": None if price is None else price.usd_per_hour,
        "sources": sources,
    }
    return Device(**{**row, **fields})


@cache
def _device_names() -> dict[str, str]:
    return names.index((d.id, (*d.aliases, d.name)) for d in devices())


def device(name: str) -> Device:
    """One accelerator, by id or alias."""
    found = names.resolve(name, _device_names(), noun="device", pointer="/device")
    return next(d for d in devices() if d.id == found)


@cache
def engines() -> tuple[Engine, ...]:
    """Every serving engine of the catalogue, at its default version."""
    table = _table("engines.json")
    return tuple(_engine(row, table["references"]) for row in table["engines"])


def _engine(row: Mapping[str, Any], references: Mapping[str, Any]) -> Engine:
    tiers = tuple(
        LimitTier(**{**tier, "not_families": tuple(tier.get("not_families", ()))}) for tier in row["tiers"]
    )
    lists = {key: tuple(row[key]) for key in ("supports", "batched_tokens_ladder", "aliases")}
    return Engine(**{**row, **lists, "tiers": tiers, "sources": _sources(row, references)})


def engine(name: str) -> Engine:
    """One serving engine, by name."""
    known = names.index((e.name, e.aliases) for e in engines())
    found = names.resolve(name, known, noun="engine", pointer="/engine/name")
    return next(e for e in engines() if e.name == found)


@cache
def model_summaries() -> tuple[ModelSummary, ...]:
    """One line per model architecture, without reading the presets themselves."""
    rows = _table("models/index.json")["models"]
    return tuple(
        ModelSummary(**{**row, "attention": tuple(row["attention"]), "aliases": tuple(row["aliases"])})
        for row in rows
    )


def model_ids() -> tuple[str, ...]:
    """Canonical ids of the model architectures: their Hugging Face names."""
    return tuple(row.id for row in model_summaries())


@cache
def _model_names() -> dict[str, str]:
    """Ids and aliases, and each of them without its organisation."""
    return names.index(
        (row.id, (*row.aliases, *(full.split("/")[-1] for full in (row.id, *row.aliases))))
        for row in model_summaries()
    )


def model(name: str) -> ModelSpec:
    """One model architecture, by Hugging Face name or alias."""
    found = names.resolve(
        name,
        _model_names(),
        noun="model",
        pointer="/model",
        hint="Any other model can be given as {hf_config: <its config.json>}.",
    )
    return _preset(next(row.file for row in model_summaries() if row.id == found))


@cache
def _preset(file: str) -> ModelSpec:
    return decode(json.loads((DATA / "models" / file).read_text(encoding="utf-8")))


def starting(override: Starting | None = None) -> Start:
    """What a start of a replica takes, by the catalogue where the scenario does not say."""
    table = _table("starting.json")

    def figure(name: str) -> float:
        given = getattr(override, name) if override is not None else None
        return float(table[name]["value"] if given is None else given)

    return Start(load_bytes_per_s_per_device=figure("load_bytes_per_s_per_device"), fixed_s=figure("fixed_s"))
