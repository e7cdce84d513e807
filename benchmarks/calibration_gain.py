"""What ten measured points of a left-out device or family are worth: errors before and after calibrating.

For every device, and for every family, the shipped corrections are fitted again without it. Then ten of
its rows are drawn at random, they calibrate that fit, and the rows not drawn are predicted.
Usage: python benchmarks/calibration_gain.py --data DIR [--points 10] [--draws 4]
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.cost import serving_fit
from planner.calibration import design, measured_rows, robust_fit, user_bands, user_fit
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.robust_fit import Residuals

Parameters = dict[str, float]
LEAST_ROWS = 30
WHAT: dict[str, Callable[[MeasuredRow], str]] = {
    "device": lambda r: r.row.device,
    "family": lambda r: r.family,
}
POOLS: dict[str, Callable[[MeasuredRow], str]] = {
    "any row": lambda r: "",
    "one engine": lambda r: f"{r.row.device} {r.row.engine.name}",
    "one engine and model": lambda r: f"{r.row.device} {r.row.engine.name} {r.family}",
}


@dataclass(frozen=True)
class Draw:
    """Errors of the rows that were not drawn, and whether the calibration's band held them."""

    before: tuple[float, float]
    after: tuple[float, float]
    in_sample: tuple[float, float]
    held: tuple[float, float]


def errors(found: Residuals) -> tuple[float, float]:
    return user_fit.median_error(found.tpot), user_fit.median_error(found.ttft)


def residuals(rows: list[MeasuredRow], parameters: Parameters) -> Residuals:
    arrays = design.build(rows)
    return robust_fit.residuals(arrays, np.array([parameters.get(n, 0.0) for n in arrays.names]))


def calibrated(rows: list[MeasuredRow], parameters: Parameters) -> tuple[Parameters, Residuals | None]:
    """Parameters moved by the rows, and the residuals of each row left out."""
    arrays = design.build(rows)
    prior = user_fit.prior_of(arrays.names, parameters)
    theta = robust_fit.fit(arrays, np.ones(len(arrays.rows), dtype=bool), prior)
    moved = dict(zip(arrays.names, map(float, theta), strict=True))
    return {**parameters, **moved}, user_fit.left_out(arrays, prior)


def held(found: Residuals, own: Residuals | None, name: str) -> tuple[float, float]:
    """Share of the rows inside the blended bands."""
    table = serving_fit.document()["bands"]
    shares = []
    for metric in ("tpot_s", "ttft_s"):
        residual = getattr(found, metric.removesuffix("_s"))
        band = tuple(table[metric][name]["range"])
        if own is not None:
            band = user_bands.blended(band, getattr(own, metric.removesuffix("_s")))
        ratio = np.exp(-residual)
        shares.append(float(np.mean((ratio >= band[0]) & (ratio <= band[1]))))
    return shares[0], shares[1]


def draws(
    pool: list[MeasuredRow], without: Parameters, every: Parameters, options: argparse.Namespace, band: str
) -> Iterator[Draw]:
    random = np.random.default_rng(1)
    for _ in range(options.draws):
        order = random.permutation(len(pool))
        chosen = [pool[i] for i in order[: options.points]]
        rest = [pool[i] for i in order[options.points :]]
        parameters, own = calibrated(chosen, without)
        found = residuals(rest, parameters)
        yield Draw(
            before=errors(residuals(rest, without)),
            after=errors(found),
            in_sample=errors(residuals(rest, every)),
            held=held(found, own, band),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="directory that holds calibration/")
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--what", choices=list(WHAT), action="append")
    options = parser.parse_args()
    trusted = [r for r in measured_rows.read_directory(options.data) if not r.suspected]
    arrays = design.build(trusted)
    rows = list(arrays.rows)
    named = dict(serving_fit.shipped().parameters)
    table: dict[tuple[str, str], list[Draw]] = defaultdict(list)
    for what in options.what or WHAT:
        labels = np.array([WHAT[what](r) for r in rows])
        for label in sorted(set(labels)):
            theta = robust_fit.fit(arrays, labels != label)
            without = dict(zip(arrays.names, map(float, theta), strict=True))
            for how, key in POOLS.items():
                mine: dict[str, list[MeasuredRow]] = defaultdict(list)
                for row, own in zip(rows, labels, strict=True):
                    if own == label:
                        mine[key(row)].append(row)
                found = [
                    draw
                    for pool in mine.values()
                    if len(pool) >= LEAST_ROWS
                    for draw in draws(
                        pool, without, named, options, "measured" if what == "device" else "unmeasured"
                    )
                ]
                table[what, how] += found
                if found:
                    print(what, label, how, line(found), flush=True)
    print("\n| left out | points of | TPOT before | after | shipped | TTFT before | after | shipped "
          "| inside band TPOT | TTFT |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")  # fmt: skip
    for (what, how), found in table.items():
        print(f"| {what} | {how} | {line(found)} |")


def line(found: list[Draw]) -> str:
    """Means over the draws, TPOT then TTFT."""
    means = {
        k: np.mean([getattr(d, k) for d in found], axis=0) for k in ("before", "after", "in_sample", "held")
    }
    cells = [means[k][m] for m in (0, 1) for k in ("before", "after", "in_sample")] + list(means["held"])
    return " | ".join(f"{cell:.1%}" for cell in cells)


if __name__ == "__main__":
    main()
