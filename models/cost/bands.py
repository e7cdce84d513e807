"""Error bands: where measured over predicted has lain, on rows of the model or on left-out families.

A model among the measured ones has the narrower band; what the fit has never seen (a device family, an
engine version) widens it.
"""

from collections.abc import Mapping
from typing import Any

from models.cost.serving_fit import document

Band = tuple[float, float]
WIDENING_POWER = 1.25
"""Power on the band for each of device family and engine version without rows (kind assumed)."""


def band_frac(metric: str, model: str, family: str, version: str) -> Band:
    """Measured over predicted at the 10 % and 90 % quantile of rows like these.

    ``model`` is a catalogue id, ``version`` a key of :func:`models.cost.terms.version_key`.
    """
    content = document()
    seen: Mapping[str, Any] = content["seen"]
    name = "measured" if model in seen["models"] else "unmeasured"
    low, high = content["bands"][metric][name]["range"]
    missing = (family not in seen["families"]) + (version not in seen["versions"])
    power = WIDENING_POWER**missing
    return float(low**power), float(high**power)


def evidence_level(model: str, family: str, version: str) -> str:
    """In words: what of the combination has been measured."""
    seen = document()["seen"]
    lacks = [
        what
        for what, name, group in (
            ("model", model, "models"),
            ("device family", family, "families"),
            ("engine version", version, "versions"),
        )
        if name not in seen[group]
    ]
    if not lacks:
        return "serving runs of this model, device family and engine version were measured"
    return f"no serving run of this {' nor '.join(lacks)} was measured"
