r"""Idle time of pipeline parallelism: how much of an iteration the stages wait.

With :math:`p` equal stages, :math:`m` micro-batches and :math:`v` model chunks per device, a
flush leaves each device idle for :math:`p - 1` chunk slots of a forward and a backward pass:

.. math::
    \frac{t_{idle}}{t_{work}} = \frac{p - 1}{v m}, \qquad
    \frac{t_{idle}}{t_{iteration}} = \frac{p - 1}{v m + p - 1}

The second form with :math:`v = 1` is GPipe's (Huang et al., 2019), the first Megatron-LM's
(Narayanan et al., 2021). Both assume stages of equal time and free hand-overs. GPipe's own
measurement with few micro-batches (M = K = 4) is well *above* this law, because the baseline
with one micro-batch pays other costs too: use it for M >= 4 K only, see :func:`is_amortised`.
Counts may be ints or integer arrays; results have their common shape.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidInput

#: Micro-batches per stage from which GPipe's authors call the idle time negligible.
AMORTISED_MICROBATCHES_PER_STAGE = 4


def idle_to_work(
    stages: ArrayLike, microbatches: ArrayLike, *, interleave: ArrayLike = 1
) -> NDArray[np.float64]:
    """Idle over working time of a stage: what the schedule adds to the ideal iteration.

    Parameters
    ----------
    stages : int or array_like
        Pipeline stages p.
    microbatches : int or array_like
        Micro-batches m per iteration and pipeline.
    interleave : int or array_like
        Model chunks v per device; 1 is the plain schedule.
    """
    p, m, v = (np.asarray(x, dtype=np.float64) for x in (stages, microbatches, interleave))
    for name, value in (("stages", p), ("microbatches", m), ("interleave", v)):
        if np.any(value < 1):
            raise InvalidInput(
                f"{name} = {value.min():g} is below 1",
                hint="Maybe the micro-batch is larger than the batch.",
            )
    return np.asarray((p - 1.0) / (v * m))


def idle_frac(
    stages: ArrayLike, microbatches: ArrayLike, *, interleave: ArrayLike = 1
) -> NDArray[np.float64]:
    """Idle share of the whole iteration, in [0, 1)."""
    ratio = idle_to_work(stages, microbatches, interleave=interleave)
    return np.asarray(ratio / (1.0 + ratio))


def is_amortised(stages: ArrayLike, microbatches: ArrayLike) -> NDArray[np.bool_]:
    """Whether there are enough micro-batches for the law to describe measured throughput."""
    enough = AMORTISED_MICROBATCHES_PER_STAGE * np.asarray(stages)
    return np.asarray(np.asarray(microbatches) >= enough)


def relative_throughput(
    stages: ArrayLike, microbatches: ArrayLike, *, interleave: ArrayLike = 1
) -> NDArray[np.float64]:
    """Speed-up over one device working without pause: stages times their busy share.

    Two ratios of it compare two schedules of the same model and batch.
    """
    busy = 1.0 - idle_frac(stages, microbatches, interleave=interleave)
    return np.asarray(np.asarray(stages, dtype=np.float64) * busy)


def iteration_s(
    forward_s: float,
    backward_s: float,
    *,
    stages: ArrayLike,
    microbatches: ArrayLike,
    interleave: ArrayLike = 1,
) -> NDArray[np.float64]:
    """Time of one training iteration [s]: ``(m + (p - 1) / v) (t_f + t_b)``.

    Parameters
    ----------
    forward_s, backward_s : float
        Forward and backward pass of one micro-batch through one stage [s].
    stages, microbatches, interleave : int or array_like
        As in :func:`idle_to_work`.
    """
    work_s = np.asarray(microbatches, dtype=np.float64) * (forward_s + backward_s)
    return np.asarray(work_s * (1.0 + idle_to_work(stages, microbatches, interleave=interleave)))


def rematerialised_activation_samples(batch: int, *, layers: int, stages: int, microbatches: int) -> float:
    """Peak activations of a stage under GPipe, in layer activations of one sample.

    Only the inputs of a stage are kept for the whole batch; inside, one micro-batch at a time is
    recomputed: ``N + (L / K) (N / M)``.
    """
    return batch + (layers / stages) * (batch / microbatches)
