"""Solver backends by name: one line each."""

from __future__ import annotations

from solvers.backends.base import Backend
from solvers.backends.mathopt import MathOptBackend, load
from solvers.backends.pulp_cbc import PulpCbcBackend

BACKENDS: dict[str, Backend] = {
    "mathopt-gscip": MathOptBackend(mip="gscip", second="highs"),
    "mathopt-highs": MathOptBackend(mip="highs", second="gscip"),
    "pulp-cbc": PulpCbcBackend(),
}
DEFAULT = "mathopt-highs"


def default_backend() -> Backend:
    """Give the backend used where none is named, its libraries loaded: no time limit has to pay for that."""
    load()
    return BACKENDS[DEFAULT]
