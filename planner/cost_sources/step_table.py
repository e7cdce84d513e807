"""Tables of step times over two axes, read between their knots."""

from dataclasses import dataclass

import numpy as np

from models.cost.base import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTable:
    r"""Seconds of one kind of step over two axes, for several layouts that share the axes.

    Between the knots the logarithm of the time is bilinear in the logarithms of the axes: power laws, and
    steps that do not depend on an axis, are met exactly, and data that grow along an axis keep growing.

    .. math:: \log t = \sum_{i,j \in \{0,1\}} w_i v_j \log t_{ij}

    Attributes
    ----------
    first, second : Array
        Knots, rising, at least two of each, at least 1; shapes (F,) and (S,).
    seconds : Array
        Positive times [s]; shape (layouts, F, S).
    """

    first: Array
    second: Array
    seconds: Array

    def at(self, layout: Array, first: Array, second: Array) -> tuple[Array, Array]:
        """Time of a step on each layout, and where the table had to be left [s], [bool].

        Outside the table the value at its nearest edge is given, never NaN: a caller that goes further has
        to say how times grow there.

        Parameters
        ----------
        layout : Array
            Index into the layouts of the table, one per candidate.
        first, second : Array
            Coordinates, one per candidate.
        """
        row, up, low_outside = _place(self.first, first)
        column, right, side_outside = _place(self.second, second)
        logs = np.log(
            np.stack([self.seconds[layout, row + i, column + j] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))])
        )
        lower = logs[0] + (logs[1] - logs[0]) * right
        upper = logs[2] + (logs[3] - logs[2]) * right
        return np.exp(lower + (upper - lower) * up), low_outside | side_outside


def _place(knots: Array, value: Array) -> tuple[Array, Array, Array]:
    """Index of the knot below, the share of the way to the next one, and whether the value lies outside.

    What is not a number counts as above all knots.
    """
    known = np.where(np.isnan(value), np.inf, value)
    inside = np.clip(known, knots[0], knots[-1])
    below = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(knots) - 2)
    logs = np.log(knots)
    share = (np.log(inside) - logs[below]) / (logs[below + 1] - logs[below])
    return below, share, known != inside
