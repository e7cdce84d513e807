"""Predictions against measured serving runs: the tables of docs/accuracy.md.

    python benchmarks/accuracy_baseline.py --data DIR [--write]

``DIR/calibration/accuracy_rows.jsonl`` holds one measured configuration a line: ``row`` (a predict row),
``measured`` {ttft_s, tpot_s}, ``family``, ``speculation``. The rows are not part of this repository. Without
``--write`` the tables are printed; with it they replace what stands between the markers in docs/accuracy.md.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cost.fitted import error_band_frac
from planner.predict import predict

PAGE = Path(__file__).parents[1] / "docs/accuracy.md"
START, END = "<!-- baseline: start -->", "<!-- baseline: end -->"
METRICS = ("tpot_s", "ttft_s")
POOR_FRAC = 0.5
"""A group whose median error is above this share is called poor."""
FEWEST_ROWS = 20

Run = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Error:
    """Errors of one metric over one group of rows."""

    median_frac: float
    p90_frac: float
    bias_frac: float
    low: float
    high: float
    in_band_frac: float

    def cells(self) -> str:
        """Table cells, in per cent but for the quantiles of measured/predicted."""
        return (
            f"{self.median_frac:.1%} | {self.p90_frac:.1%} | {self.bias_frac:+.1%} "
            f"| {self.low:.2f}–{self.high:.2f} | {self.in_band_frac:.0%}"
        ).replace("%", " %")


def read(data: Path) -> list[Run]:
    """Measured runs, each with what is predicted for it."""
    lines = (data / "calibration" / "accuracy_rows.jsonl").read_text(encoding="utf-8").splitlines()
    runs = [json.loads(line) for line in lines if line.strip()]
    for run, answer in zip(runs, predict([run["row"] for run in runs]), strict=True):
        run["predicted"] = answer
    return runs


def priced(runs: list[Run]) -> list[Run]:
    """Runs that have a prediction."""
    return [run for run in runs if run["predicted"]["status"] == "ok"]


def ratio(runs: list[Run], metric: str) -> Floats:
    """Measured over predicted mean of the runs that have both."""
    pairs = [(r["measured"].get(metric), r["predicted"][metric]["mean"]) for r in priced(runs)]
    return np.array([measured / predicted for measured, predicted in pairs if measured], dtype=np.float64)


def error(runs: list[Run], metric: str) -> Error:
    """Errors of one metric."""
    found = ratio(runs, metric)
    off = np.abs(1.0 / found - 1.0)
    low, high = error_band_frac(metric)
    return Error(
        median_frac=float(np.median(off)),
        p90_frac=float(np.quantile(off, 0.9)),
        bias_frac=float(np.median(1.0 / found) - 1.0),
        low=float(np.quantile(found, 0.1)),
        high=float(np.quantile(found, 0.9)),
        in_band_frac=float(np.mean((found >= low) & (found <= high))),
    )


def is_pair(run: Run) -> str:
    """Disaggregated runs have two groups."""
    return "disaggregated" if len(run["row"]["groups"]) > 1 else "aggregated"


GROUPINGS: dict[str, Callable[[Run], str]] = {
    "model family": lambda run: str(run["family"]),
    "device": lambda run: str(run["row"]["device"]),
    "engine": lambda run: str(run["row"]["engine"]["name"]),
    "serving": is_pair,
}


def groups(runs: list[Run], key: Callable[[Run], str]) -> Iterator[tuple[str, list[Run]]]:
    """Runs by key, the largest group first."""
    names = sorted({key(run) for run in runs})
    parts = [(name, [run for run in runs if key(run) == name]) for name in names]
    yield from sorted(parts, key=lambda part: -len(part[1]))


def table(first: str, parts: list[tuple[str, list[Run]]]) -> list[str]:
    """Two lines per group, one per metric."""
    lines = [
        f"| {first} | metric | rows | priced | fits | median | p90 | bias | measured/predicted | in band |",
        "|---|---|--:|--:|--:|--:|--:|--:|:-:|--:|",
    ]
    for name, runs in parts:
        known = priced(runs)
        share = f"{len(known) / len(runs):.0%}".replace("%", " %")
        fits = f"{np.mean([r['predicted']['memory_ok'] for r in known]):.0%}".replace("%", " %")
        for metric in METRICS:
            label = metric.removesuffix("_s").upper()
            lines.append(
                f"| {name} | {label} | {len(runs):,} | {share} | {fits} | {error(runs, metric).cells()} |"
            )
    return lines


def poor(runs: list[Run]) -> list[str]:
    """Groups of family, engine and device whose median error is large, worst first."""
    found = []
    parts = groups(runs, lambda r: f"{r['family']}, {r['row']['engine']['name']}, {r['row']['device']}")
    for name, mine in parts:
        for metric in METRICS:
            if len(priced(mine)) >= FEWEST_ROWS and (e := error(mine, metric)).median_frac > POOR_FRAC:
                label = metric.removesuffix("_s").upper()
                found.append((e.median_frac, f"| {name} | {label} | {len(mine)} | {e.cells()} |"))
    head = "| family, engine, device | metric | rows | median | p90 | bias | measured/predicted | in band |"
    return [head, "|---|---|--:|--:|--:|--:|:-:|--:|", *(line for _, line in sorted(found, reverse=True))]


def page(runs: list[Run]) -> str:
    """Everything that stands between the markers."""
    plain = [run for run in runs if run["speculation"] != "suspected"]
    band = {m: error_band_frac(m) for m in METRICS}
    stated = ", ".join(f"{m.removesuffix('_s').upper()} {lo:g}–{hi:g}" for m, (lo, hi) in band.items())
    parts = [
        f"Stated band (measured/predicted): {stated}.",
        "### All rows, and without those suspected of speculative decoding",
        "\n".join(table("rows", [("not suspected", plain), ("all", runs)])),
    ]
    for name, key in GROUPINGS.items():
        parts += [
            f"### By {name} (suspected rows left out)",
            "\n".join(table(name, list(groups(plain, key)))),
        ]
    parts += [
        f"### Poor groups: median error above {POOR_FRAC:.0%}, at least {FEWEST_ROWS} rows".replace(
            "%", " %"
        ),
        "\n".join(poor(plain)),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds calibration/")
    parser.add_argument("--write", action="store_true", help="replace the tables in docs/accuracy.md")
    asked = parser.parse_args()
    body = page(read(asked.data))
    if not asked.write:
        print(body)
        return
    text = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"{START}\n\n{body}\n\n{END}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
