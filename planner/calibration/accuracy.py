"""Predictions against measurements, three ways: in sample, without the family, without the device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.cost.base import Array
from models.cost.serving_fit import document, shipped
from planner.calibration import design, distrusted
from planner.calibration.figures import Figures, Mask, figures
from planner.calibration.fit_bands import band
from planner.calibration.left_out_prices import Prices, left_out, priced
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.regret import Choice, choices

TESTS = ("in sample", "family left out", "device left out")
METRICS = ("tpot_s", "ttft_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One way of predicting all rows: prices, and the band each row would have been given."""

    name: str
    prices: Prices
    bands: dict[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Rows and every check of them."""

    rows: tuple[MeasuredRow, ...]
    checks: tuple[Check, ...]

    def rows_sets(self) -> dict[str, Mask]:
        """Sets of rows that are reported: without suspected speculation, all, without distrusted ones."""
        suspected = np.array([r.suspected for r in self.rows])
        bad = np.array([r.row.id in distrusted.reasons() for r in self.rows])
        return {
            "not suspected": ~suspected,
            "all": np.ones(len(self.rows), dtype=bool),
            "trusted": ~suspected & ~bad,
        }

    def figures(self, check: Check, chosen: Mask, metric: str) -> Figures:
        """Figures of a metric over the chosen rows."""
        predicted = getattr(check.prices, metric)[chosen]
        measured = np.array([getattr(r, metric) for r in self.rows])[chosen]
        return figures(predicted, measured, check.bands[metric][chosen])

    def choice(self, check: Check, chosen: Mask) -> Choice:
        """Regret and rank correlation over the chosen rows."""
        members = np.flatnonzero(chosen)
        prices = Prices(check.prices.tpot_s[members], check.prices.ttft_s[members])
        return choices([self.rows[i] for i in members], prices)


def measure(
    rows: Sequence[MeasuredRow], *, folds: bool = True, on_fold: Callable[[str], None] | None = None
) -> Accuracy:
    """Predict every row as shipped and, with ``folds``, without its family and without its device."""
    found = [Check(name=TESTS[0], prices=priced(rows, shipped()), bands=_shipped_bands(rows))]
    if folds:
        arrays = design.build([r for r in rows if not r.suspected])
        for name, label in zip(TESTS[1:], (family_of, device_of), strict=True):
            prices = left_out(rows, arrays, label, on_fold=on_fold)
            found.append(Check(name=name, prices=prices, bands=_bands_of_others(rows, prices, label)))
    return Accuracy(rows=tuple(rows), checks=tuple(found))


def family_of(measured: MeasuredRow) -> str:
    """Family of models."""
    return measured.family


def device_of(measured: MeasuredRow) -> str:
    """Device type."""
    return measured.row.device


def _shipped_bands(rows: Sequence[MeasuredRow]) -> dict[str, Array]:
    table = document()["bands"]
    return {m: np.array([table[m]["measured"]["range"]] * len(rows)) for m in METRICS}


def _bands_of_others(
    rows: Sequence[MeasuredRow], prices: Prices, label: Callable[[MeasuredRow], str]
) -> dict[str, Array]:
    """The band of a row comes from the left-out residuals of the other labels' rows alone."""
    own = np.array([label(r) for r in rows])
    usable = np.array([not r.suspected for r in rows]) & np.isfinite(prices.tpot_s)
    found = {m: np.zeros((len(rows), 2)) for m in METRICS}
    for name in set(own):
        others = usable & (own != name)
        for metric in METRICS:
            measured = np.array([getattr(r, metric) for r in rows])
            residual = np.log(getattr(prices, metric)[others] / measured[others])
            found[metric][own == name] = band(residual)["range"]
    return found
