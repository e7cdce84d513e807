"""The fitted curves as the data file they are shipped in; whatever no table covers stays as it was."""

from collections.abc import Mapping, Sequence
from typing import Any

from planner.calibration.kernels.curve_fit import NAMES
from planner.calibration.kernels.kernel_fits import KernelFit
from planner.calibration.kernels.launch_fits import LaunchFit
from planner.calibration.kernels.links_fit import ReduceFit

KEY = "aic-tables"
SOURCE = (
    "operator tables of aiconfigurator-core 0.12.0 (Apache-2.0): the fastest engine of every shape, "
    "launches of experts and all-reduce of every engine; fitted by benchmarks/fit_kernels.py, residuals in "
    "the logarithm"
)
SHOWN = "kernel timings: operator tables of aiconfigurator 0.12.0"
BROKEN_P90 = 1.6
"""A tenth of the shapes off by five times: such a row would mislead more than that of all families."""
UNLIKE_P90 = 1.0
"""A tenth of an engine's shapes off by more than e: its kernels are of another kind than those of the curve,
and no launch constant makes up for that."""
ANY_FORMAT = ("attention_prefill", "attention_decode", "latent_prefill", "latent_decode", "recurrence")
"""Kinds whose formats hardly differ: their bf16 row also stands for formats that were not timed."""
DERIVED = {"grouped_gemm/int8": ("grouped_gemm/fp8", "weight-only")}
"""Rows nobody timed, taken over from another, beside the reference that says so."""
DIGITS = 3


def document(
    present: Mapping[str, Any],
    kernels: Sequence[KernelFit],
    links: Mapping[str, ReduceFit],
    launches: Sequence[LaunchFit] = (),
) -> dict[str, Any]:
    """The table with fitted rows in place of those of earlier fits to the same tables.

    Parameters
    ----------
    present : Mapping
        Content of ``kernel_efficiency.json``.
    kernels : sequence of KernelFit
        One per row; the row of a family whose fit is broken is left out, so that a general one is found.
    links : mapping of str to ReduceFit
        Latencies of all-reduce kernels by family; ``default`` for families not timed.
    launches : sequence of LaunchFit
        Launches of the engines' modules.
    """
    fitted = {f.pool.name: _row(f) for f in kernels if not (f.pool.family and _broken(f))}
    for kind in ANY_FORMAT:
        if f"{kind}/bf16" in fitted:
            fitted[kind] = dict(fitted[f"{kind}/bf16"])
    for name, (origin, reference) in DERIVED.items():
        if origin in fitted:
            fitted[name] = {**fitted[origin], "kind": "assumed", "source": reference}
    kept = {
        name: row for name, row in present["kernels"].items() if row["source"] != KEY and name not in fitted
    }
    rows = {**kept, **dict(sorted(fitted.items()))}
    written = {
        **present,
        "references": {**present["references"], KEY: SOURCE},
        "sources": _sources(present["sources"]),
        "kernels": rows,
        "engine_launches": {f.name: _launch_row(f) for f in launches if not _unsound(f)},
        "links": _links(present["links"], links),
    }
    return {**written, "references": _used(written)}


def _broken(fit: KernelFit) -> bool:
    return fit.residual_p90_frac > BROKEN_P90


def _row(fit: KernelFit) -> dict[str, Any]:
    constants = {name: rounded(getattr(fit.curve, name)) for name in NAMES}
    if fit.pool.kind != "grouped_gemm":
        del constants["ramp_units"]
    rows = fit.pool.samples.rows
    return {
        "overlap_power": fit.curve.overlap_power,
        **constants,
        "kind": "fitted",
        "source": KEY,
        "points": int(rows.size),
        "rows_range": [rounded(float(rows.min())), rounded(float(rows.max()))],
        "residual_median_frac": rounded(fit.residual_median_frac),
        "residual_p90_frac": rounded(fit.residual_p90_frac),
    }


def _unsound(fit: LaunchFit) -> bool:
    return fit.after[1] > UNLIKE_P90


def _launch_row(fit: LaunchFit) -> dict[str, Any]:
    return {
        "launch_frac": rounded(fit.launch_frac),
        "kind": "fitted",
        "source": KEY,
        "points": int(fit.pool.samples.seconds.size),
        "residual_median_frac": rounded(fit.after[0]),
        "residual_p90_frac": rounded(fit.after[1]),
    }


def _links(present: Mapping[str, Any], found: Mapping[str, ReduceFit]) -> dict[str, Any]:
    rows = {name: dict(row) for name, row in present.items()}
    for family, fit in found.items():
        row = rows.setdefault(family, dict(present["default"]))
        row.update(
            reduce_base_s=rounded(fit.base_s),
            reduce_step_s=rounded(fit.step_s),
            reduce_source=KEY,
            reduce_points=fit.points,
            reduce_residual_median_frac=rounded(fit.residual_median_frac),
            reduce_residual_p90_frac=rounded(fit.residual_p90_frac),
        )
    return rows


def _sources(present: Sequence[str]) -> list[str]:
    """What the cost source names when asked: kernel timings are these now."""
    shown = [SHOWN if text.startswith("kernel timings") else text for text in present]
    return shown if SHOWN in shown else [*shown, SHOWN]


def _used(content: Mapping[str, Any]) -> dict[str, str]:
    """References that a row of any section still names."""
    sections = ("kernels", "engine_launches", "links", "hosts", "error_band_frac")
    named = {
        row[key]
        for section in sections
        for row in content.get(section, {}).values()
        for key in ("source", "reduce_source")
        if key in row
    }
    return {key: text for key, text in content["references"].items() if key in named}


def rounded(value: float) -> float:
    """As many digits as a fit to scattered timings is worth."""
    return float(f"{value:.{DIGITS}g}")
