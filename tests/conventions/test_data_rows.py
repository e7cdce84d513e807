"""Every figure of the catalogue has a source and a kind, directly or through a reference."""

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.conventions.modules import ROOT

DATA = ROOT / "models/data"
KINDS = {"datasheet", "measured", "fitted", "assumed"}
TABLES = sorted(path.name for path in DATA.glob("*.json"))
PRESETS = sorted(path.name for path in (DATA / "models").glob("*.json") if path.name != "index.json")


@cache
def table(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return content


def well_sourced(source: Any, kind: Any) -> bool:
    return kind in KINDS and isinstance(source, str) and len(source) >= 8


def test_the_tables_are_those_that_are_checked_here() -> None:
    assert TABLES == [
        "devices.json", "distrusted_rows.json", "engines.json", "kernel_efficiency.json", "prices.json",
        "serving_fit.json", "sm_share.json", "starting.json",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "rows"), [("devices.json", "devices"), ("engines.json", "engines")])
def test_every_field_of_a_device_or_engine_has_a_reference(name: str, rows: str) -> None:
    references = table(name)["references"]
    assert all(well_sourced(r["source"], r["kind"]) for r in references.values())
    labels = {"id", "name", "vendor", "family", "version", "aliases", "sources"}
    used = set()
    for row in table(name)[rows]:
        assert set(row["sources"]) == set(row) - labels, row["name"]
        assert set(row["sources"].values()) <= set(references), row["name"]
        used |= set(row["sources"].values())
    assert used == set(references), "references that no row uses"


def test_what_a_start_takes_has_sources() -> None:
    figures = [row for row in table("starting.json").values() if isinstance(row, dict)]
    assert figures
    assert all(well_sourced(row["source"], row["kind"]) for row in figures)


def test_every_price_has_a_source_and_a_kind() -> None:
    for book in table("prices.json")["books"]:
        assert book["rows"]
        assert all(well_sourced(row["source"], row["kind"]) for row in book["rows"].values())


@pytest.mark.parametrize("section", ["kernels", "engine_launches", "links", "hosts"])
def test_every_efficiency_has_a_kind_and_a_known_source(section: str) -> None:
    content = table("kernel_efficiency.json")
    assert "default" in content[section] or section == "engine_launches"
    for name, row in content[section].items():
        assert row["kind"] in KINDS, name
        assert row["source"] in content["references"], name


def test_the_law_of_shared_sms_has_a_kind_and_a_source() -> None:
    content = table("sm_share.json")
    rows = content["bandwidth_saturation_frac"]
    assert all(well_sourced(row["source"], row["kind"]) for row in content["vendors"].values())
    assert "default" in rows
    assert all(
        well_sourced(row["source"], row["kind"]) and 0.0 < row["value"] <= 1.0 for row in rows.values()
    )


def test_every_error_band_has_a_kind_and_a_known_source() -> None:
    content = table("kernel_efficiency.json")
    for name, row in content["error_band_frac"].items():
        assert row["kind"] in KINDS, name
        assert row["source"] in content["references"], name


def leaves(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


@pytest.mark.parametrize("name", TABLES)
def test_no_figure_is_negative_or_absurd(name: str) -> None:
    # logarithms of factors have a test of their own
    content = {key: value for key, value in table(name).items() if key != "parameters"}
    assert all(0.0 <= number < 1e17 for number in leaves(content))


@pytest.mark.parametrize("name", ["serving_fit.json", "distrusted_rows.json"])
def test_what_was_fitted_to_rows_says_which(name: str) -> None:
    assert well_sourced(table(name)["source"], table(name)["kind"])


def test_every_constant_of_the_serving_fit_has_a_source_and_a_kind() -> None:
    assert all(well_sourced(row["source"], row["kind"]) for row in table("serving_fit.json")["base"].values())


def test_fitted_corrections_are_factors_of_at_most_ten() -> None:
    parameters = table("serving_fit.json")["parameters"]
    assert parameters
    assert all(abs(value) < math.log(10.0) for value in parameters.values())


def test_bands_of_the_serving_fit_hold_the_prediction() -> None:
    for metric, groups in table("serving_fit.json")["bands"].items():
        assert metric in ("ttft_s", "tpot_s", "e2e_s")
        for group in groups.values():
            low, high = group["range"]
            assert 0.0 < low < 1.0 < high < 10.0
            assert group["points"] > 0


def test_every_distrusted_row_has_one_stated_reason() -> None:
    reasons = table("distrusted_rows.json")["reasons"]
    named = [row for reason in reasons for row in reason["ids"]]
    assert len(named) == len(set(named))
    assert all(reason["ids"] and len(reason["reason"]) >= 8 for reason in reasons)


@pytest.mark.parametrize("name", PRESETS)
def test_every_architecture_names_its_source(name: str) -> None:
    row = json.loads((DATA / "models" / name).read_text(encoding="utf-8"))
    assert row["schema"] == "shardwright.model/1"
    assert len(row["source"]) >= 8


def test_the_list_of_models_is_that_of_the_files() -> None:
    listed = [row["file"] for row in table("models/index.json")["models"]]
    assert sorted(listed) == PRESETS
