"""Cross-validation by whole families or devices: what is predicted was never fitted to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.calibration.design import Design
from planner.calibration.robust_fit import Residuals, fit, residuals


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows left out together, and the name of what they share."""

    name: str
    left_out: NDArray[np.bool_]


def folds(labels: Sequence[str]) -> Iterator[Fold]:
    """One fold per label."""
    array = np.array(labels)
    for name in sorted(set(labels)):
        yield Fold(name, array == name)


def left_out(
    design: Design, labels: Sequence[str], *, on_fold: Callable[[str], None] | None = None
) -> Residuals:
    """Residuals of every row by a fit without any row of its label."""
    tpot, ttft = np.zeros(len(labels)), np.zeros(len(labels))
    for fold in folds(labels):
        found = residuals(design, fit(design, ~fold.left_out))
        tpot[fold.left_out], ttft[fold.left_out] = found.tpot[fold.left_out], found.ttft[fold.left_out]
        if on_fold:
            on_fold(fold.name)
    return Residuals(tpot, ttft)
