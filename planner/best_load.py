"""The load of the highest rate where step times jump: kernels work in tiles, and one more row may open one.

Elsewhere the rate grows with the load, and the highest feasible one is the best.
"""

import numpy as np

from models.cost.base import Array
from planner.operating_point import Replica


def best_load(replica: Replica, highest: Array) -> Array:
    """Loads up to ``highest``, in sequences per attention-dp rank, at which the rate is highest.

    Tried are the batches whose steps were measured. What holds the limits at a load holds them below it.
    """
    best, rate = highest, replica.state(highest).rate_per_s
    for sequences in replica.model.measured_sequences:
        load = np.minimum(highest, sequences * replica.model.layouts.pp)
        found = replica.state(load).rate_per_s
        better = found > rate
        best, rate = np.where(better, load, best), np.where(better, found, rate)
    return best
