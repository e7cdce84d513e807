"""What a prediction rests on: measured step times where a layout has any, else the cost source."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from models.cost.bands import Band
from models.plan import Evidence
from planner.bands import SUREST_LAST, error_band_frac, evidence_level
from planner.cost_sources.measured_steps import MEASURED_BAND_FRAC, MeasuredStepModel
from planner.layouts import layout_numbers
from planner.setting import Setting
from planner.step import StepModel

METRICS = ("ttft_s", "tpot_s")
NOT_TIMED = "steps of this role were not measured"


def of_setting(setting: Setting, why: str = "") -> Evidence:
    """Evidence of the setting's cost source; ``why`` says why it is not of measured steps."""
    level = evidence_level(setting)
    return Evidence(
        kind=setting.cost.kind, sources=setting.cost.sources,
        error_band_frac={m: error_band_frac(setting, m) for m in METRICS},
        level=f"{level}; {why}" if why else level,
    )  # fmt: skip


def of_candidate(model: StepModel, row: int) -> Evidence:
    """Evidence of one candidate."""
    if not isinstance(model, MeasuredStepModel):
        return of_setting(model.setting, NOT_TIMED if model.setting.steps is not None else "")
    if not model.measured[row]:
        return of_setting(model.setting, model.reason(row))
    return Evidence(
        kind="measured", sources=model.sources(row), error_band_frac=MEASURED_BAND_FRAC,
        level="measured step times",
    )  # fmt: skip


def together(parts: Sequence[Evidence]) -> Evidence:
    """Evidence of several candidates that serve together: as sure as the least sure of them."""
    bands = {m: [part.error_band_frac[m] for part in parts] for m in METRICS}
    return Evidence(
        kind=min((part.kind for part in parts), key=SUREST_LAST.index),
        sources=tuple(dict.fromkeys(source for part in parts for source in part.sources)),
        error_band_frac={m: (min(b[0] for b in x), max(b[1] for b in x)) for m, x in bands.items()},
        level="; ".join(dict.fromkeys(part.level for part in parts)),
    )


def band_frac(model: StepModel, row: int, metric: str) -> Band:
    """Measured over predicted at the 10 % and 90 % quantile, for one candidate."""
    if isinstance(model, MeasuredStepModel) and model.measured[row]:
        return _measured_band(metric)
    return error_band_frac(model.setting, metric)


def upper_frac(setting: Setting, metric: str) -> float:
    """Upper end of the band of any candidate of a setting, measured or not."""
    own = error_band_frac(setting, metric)[1]
    return own if setting.steps is None else max(own, _measured_band(metric)[1])


def coverage_notes(models: Iterable[StepModel]) -> list[str]:
    """What a search that had measured step times priced by them, and why not the rest."""
    asked = [model for model in models if model.setting.steps is not None]
    total, measured, why = 0, 0, Counter[str]()
    for model in asked:
        total += len(model.layouts)
        if not isinstance(model, MeasuredStepModel):
            why[NOT_TIMED] += len(model.layouts)
            continue
        measured += int(np.count_nonzero(model.measured))
        numbers, first = layout_numbers(model.layouts)
        for row, count in zip(first, np.bincount(numbers), strict=True):
            if not model.measured[row]:
                why[model.reason(int(row))] += int(count)
    if not asked:
        return []
    notes = [f"{measured} of {total} feasible candidates are priced from measured step times"]
    return notes + [f"{n} by our own model instead: {reason}" for reason, n in why.most_common()]


def _measured_band(metric: str) -> Band:
    # an end-to-end time is mostly tokens
    return MEASURED_BAND_FRAC["ttft_s" if metric == "ttft_s" else "tpot_s"]
