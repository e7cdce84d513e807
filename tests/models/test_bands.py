"""Error bands: a measured model has its own, what was never measured widens it."""

from typing import Any

import pytest

from models.cost import bands, serving_fit

CONTENT: dict[str, Any] = {
    "seen": {"models": ["a/measured"], "families": ["hopper"], "versions": ["vllm/0.11"]},
    "bands": {
        "tpot_s": {
            "measured": {"range": [0.9, 1.1], "points": 40},
            "unmeasured": {"range": [0.7, 1.4], "points": 40},
        },
    },
}
KNOWN = ("a/measured", "hopper", "vllm/0.11")


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small table of bands instead of the shipped one."""
    monkeypatch.setattr(bands, "document", lambda: CONTENT)


def test_a_measured_model_has_the_narrower_band() -> None:
    assert bands.band_frac("tpot_s", *KNOWN) == (0.9, 1.1)
    assert bands.band_frac("tpot_s", "another", *KNOWN[1:]) == (0.7, 1.4)


@pytest.mark.parametrize("model", ["a/measured", "another"])
def test_each_unseen_thing_widens_the_band_on_both_sides(model: str) -> None:
    found = [
        bands.band_frac("tpot_s", model, family, version)
        for family, version in (("hopper", "vllm/0.11"), ("ada", "vllm/0.11"), ("ada", "vllm/9.9"))
    ]
    lows, highs = zip(*found, strict=True)
    assert lows[0] > lows[1] > lows[2] > 0.0
    assert highs[0] < highs[1] < highs[2]
    assert bands.band_frac("tpot_s", model, "hopper", "vllm/9.9") == found[1]
    assert highs[2] == pytest.approx(highs[0] ** bands.WIDENING_POWER**2)


def test_the_words_name_what_is_missing() -> None:
    assert "no " not in bands.evidence_level(*KNOWN)
    for place, what in enumerate(("model", "device family", "engine version")):
        asked = [*KNOWN]
        asked[place] = "unheard-of"
        assert what in bands.evidence_level(*asked)
        assert bands.evidence_level(*asked).startswith("no serving run")
    everything = bands.evidence_level("x", "y", "z")
    assert all(what in everything for what in ("model", "device family", "engine version"))


@pytest.mark.parametrize("metric", ["ttft_s", "tpot_s", "e2e_s"])
def test_the_shipped_bands_hold_the_prediction_and_are_wider_for_others(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "document", serving_fit.document)
    seen = serving_fit.document()["seen"]
    known = (seen["families"][0], seen["versions"][0])
    for model in seen["models"]:
        low, high = bands.band_frac(metric, model, *known)
        wide_low, wide_high = bands.band_frac(metric, "no such model", *known)
        assert wide_low < low < 1.0 < high < wide_high
