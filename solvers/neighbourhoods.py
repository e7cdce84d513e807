"""Small programs around a known point: what a search by neighbourhoods solves one after the other."""

from __future__ import annotations

import numpy as np

from solvers.csr import Bools, Floats, Ints
from solvers.program import Program
from solvers.restriction import Restriction, restrict

KEPT_BELOW = 1.0
"""How far below its floor a count may fall."""
INTEGRAL = 1e-6
"""Distance to a whole number that is rounding."""


def near(program: Program, center: Floats, free: Bools) -> Restriction:
    """Keep every count at its floor less one; only ``free`` columns may exceed it.

    On many devices a good fractional point is nearly whole, so that few replicas are left to decide.

    Parameters
    ----------
    program
        The whole program.
    center
        A point, whole or not [columns].
    free
        Columns that may be used more than the center does [columns].
    """
    whole = np.clip(np.floor(center + INTEGRAL), program.lb, program.ub)
    lb = np.where(program.integer, np.maximum(whole - KEPT_BELOW, program.lb), program.lb)
    return restrict(program, lb, np.where(free | ~program.integer, program.ub, whole))


def within_parts(program: Program, x: Floats, part_of: Ints, parts: Ints, free: Bools) -> Restriction:
    """Decide some parts anew, the others stay as they are.

    Parameters
    ----------
    program
        The whole program.
    x
        A plan [columns].
    part_of
        Part of each column [columns].
    parts
        Parts to decide.
    free
        Columns that may be used, beside those of the plan [columns].
    """
    inside = np.isin(part_of, parts)
    may = free | (x > program.lb) | ~program.integer
    lb = np.where(inside, program.lb, x)
    ub = np.where(inside, np.where(may, program.ub, program.lb), x)
    return restrict(program, lb, ub)
