"""Accuracy as rows of a table: what is shown on the terminal, as JSON and in docs/accuracy.md."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from planner.calibration.accuracy import METRICS, Accuracy, Check, device_of, family_of
from planner.calibration.figures import Figures, Mask
from planner.calibration.measured_rows import MeasuredRow

GROUPINGS: dict[str, Callable[[MeasuredRow], str]] = {
    "family": family_of,
    "device": device_of,
    "engine": lambda r: r.row.engine.name,
    "mode": lambda r: "aggregated" if r.aggregated else "disaggregated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Figures of one group under one check."""

    grouping: str
    group: str
    check: str
    metric: str
    figures: Figures


def summary(accuracy: Accuracy) -> Iterator[Line]:
    """Every set of rows under every check."""
    for name, chosen in accuracy.rows_sets().items():
        yield from _lines(accuracy, "rows", name, chosen)


def groups(accuracy: Accuracy) -> Iterator[Line]:
    """Rows without suspected speculation, by family, device, engine and mode."""
    base = accuracy.rows_sets()["not suspected"]
    for grouping, label in GROUPINGS.items():
        own = np.array([label(r) for r in accuracy.rows])
        for group in sorted(set(own[base])):
            yield from _lines(accuracy, grouping, str(group), base & (own == group))


def _lines(accuracy: Accuracy, grouping: str, group: str, chosen: Mask) -> Iterator[Line]:
    for check in accuracy.checks:
        for metric in METRICS:
            yield Line(
                grouping=grouping, group=group, check=check.name, metric=metric,
                figures=accuracy.figures(check, chosen, metric),
            )  # fmt: skip


def as_document(accuracy: Accuracy) -> dict[str, Any]:
    """Everything as JSON."""
    base = accuracy.rows_sets()["not suspected"]
    return {
        "schema": "shardwright.accuracy/1",
        "lines": [asdict(line) for line in (*summary(accuracy), *groups(accuracy))],
        "choice": {c.name: asdict(accuracy.choice(c, base)) for c in accuracy.checks},
    }


def markdown(accuracy: Accuracy) -> str:
    """Tables of docs/accuracy.md."""
    base = accuracy.rows_sets()["not suspected"]
    parts = [
        "### Sets of rows",
        _table(accuracy.checks, list(summary(accuracy))),
        "### Choice of a configuration",
        _choices(accuracy, base),
    ]
    found = list(groups(accuracy))
    for grouping in GROUPINGS:
        parts += [f"### By {grouping}", _table(accuracy.checks, [x for x in found if x.grouping == grouping])]
    return "\n\n".join(parts) + "\n"


def _table(checks: Sequence[Check], lines: Sequence[Line]) -> str:
    head = ["group", "rows", "metric"]
    head += [f"{c.name}: median / p90 / bias, in band" for c in checks]
    rows = [head, [":--", "--:", ":--"] + ["--:"] * len(checks)]
    for group in dict.fromkeys(line.group for line in lines):
        for metric in METRICS:
            mine = [line.figures for line in lines if line.group == group and line.metric == metric]
            name = "TPOT" if metric == "tpot_s" else "TTFT"
            rows.append([group, f"{mine[0].rows:,}", name, *map(cell, mine)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cell(figures: Figures) -> str:
    """One cell: errors in per cent, share of rows inside the band."""
    missing = "" if figures.coverage_frac == 1.0 else f", priced {figures.coverage_frac:.1%}"
    text = (
        f"{figures.median_frac:.1%} / {figures.p90_frac:.0%} / {figures.bias_frac:+.0%}, "
        f"{figures.in_band_frac:.0%}{missing}"
    )
    return text.replace("%", " %")


def _choices(accuracy: Accuracy, chosen: Mask) -> str:
    rows = ["| check | questions | regret median / p90 | rank correlation | TPOT band width, median |"]
    rows.append("|:--|--:|--:|--:|--:|")
    for check in accuracy.checks:
        choice = accuracy.choice(check, chosen)
        width = accuracy.figures(check, chosen, "tpot_s").band_width
        regret = f"{choice.median_frac:.1%} / {choice.p90_frac:.1%}".replace("%", " %")
        rows.append(
            f"| {check.name} | {choice.questions} | {regret} | {choice.rank_correlation:.2f} | {width:.2f} |"
        )
    return "\n".join(rows)
