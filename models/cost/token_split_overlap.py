r"""Hiding tensor-parallel all-reduces by splitting the tokens of a pass in two.

While one half of the tokens communicates, the other computes (TokenWeave, Gond et al., 2025). If
everything hides, the pass costs the compute of two half passes. For a pass that takes
:math:`t(n) = t_0 + k n` without communication, where :math:`t_0` is what does not shrink with the
tokens (weight reads of lightly used experts, kernel launches), and communication
:math:`c(n) = c_0 + c_1 n`,

.. math::
    t_{split}(n) = 2 t(n / 2) = t(n) + t_0, \qquad
    t_{split}(n) < t(n) + c(n) \iff n > n^* = (t_0 - c_0) / c_1

So splitting pays from :math:`n^*` tokens on: early for dense models, late for experts that see
few tokens each. Kernels that fuse the collective with the norm behind it remove work besides, so
measured passes can be below :math:`t(n)`: this law errs on the slow side.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.cost.all_reduce_fit import AlphaBeta

Real = TypeVar("Real", float, NDArray[np.float64])

#: A transformer layer all-reduces after attention and after the feed-forward block.
ALL_REDUCES_PER_LAYER = 2


def tensor_parallel_comm_s(
    tokens: Real, *, layers: int, hidden: int, fit: AlphaBeta, element_bytes: float = 2.0
) -> Real:
    """All-reduce time of one forward pass, ``2 L t_AR(tokens * hidden * element_bytes)`` [s].

    Parameters
    ----------
    tokens : float or ndarray
        Tokens in the pass.
    layers, hidden : int
        L and h of the model.
    fit : AlphaBeta
        Time of one all-reduce on this group of devices.
    element_bytes : float
        Storage of one activation [B].
    """
    return ALL_REDUCES_PER_LAYER * layers * fit.seconds(tokens * (hidden * element_bytes))


def fixed_pass_s(
    tokens: tuple[float, float], compute_s: tuple[float, float], *, at_least_s: float = 0.0
) -> float:
    """Part of a pass that does not shrink with its tokens, from two passes without communication.

    Parameters
    ----------
    tokens : tuple of float
        Tokens of a smaller and a larger pass.
    compute_s : tuple of float
        Their compute times, measured or modelled [s].
    at_least_s : float
        A floor known otherwise, such as one read of all weights [s].
    """
    slope = (compute_s[1] - compute_s[0]) / (tokens[1] - tokens[0])
    return max(compute_s[0] - slope * tokens[0], at_least_s)


def split_threshold_tokens(
    fixed_s: float, *, layers: int, hidden: int, fit: AlphaBeta, element_bytes: float = 2.0
) -> float:
    """Tokens from which the split pays; zero if it always does.

    Parameters
    ----------
    fixed_s : float
        What a second half pass costs extra, :func:`fixed_pass_s` [s].
    layers, hidden, fit, element_bytes
        As in :func:`tensor_parallel_comm_s`.
    """
    none_s = tensor_parallel_comm_s(0.0, layers=layers, hidden=hidden, fit=fit, element_bytes=element_bytes)
    one_s = tensor_parallel_comm_s(1.0, layers=layers, hidden=hidden, fit=fit, element_bytes=element_bytes)
    return max((fixed_s - none_s) / (one_s - none_s), 0.0)


def pass_s(
    tokens: float, *, compute_s: float, comm_s: float, fixed_s: float, threshold_tokens: float
) -> float:
    """Time of a pass that splits above the threshold and runs serially below it [s].

    Parameters
    ----------
    tokens : float
        Tokens of the pass.
    compute_s : float
        Its time without communication [s].
    comm_s : float
        Its communication, when nothing hides it [s].
    fixed_s : float
        What a second half pass costs extra [s].
    threshold_tokens : float
        Where the split starts to pay, :func:`split_threshold_tokens`.
    """
    return compute_s + (fixed_s if tokens > threshold_tokens else comm_s)
