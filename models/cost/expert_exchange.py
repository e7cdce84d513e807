r"""All-to-all exchange of expert parallelism: latency, hops, bytes, and what shrinking it gains.

Latency after DeepSpeed-MoE (Rajbhandari et al., 2022): an exchange over :math:`p` ranks costs
:math:`p C_1 + C_2`; when :math:`L` tensor-parallel ranks hold the same activations, each sends
only to the ranks of its own slot and the cost is :math:`(p / L) C_1 + C_2`. A hierarchical
exchange first inside nodes of :math:`G` devices, then between them, takes :math:`G + p / G` hops
instead of :math:`p` for twice the volume.

Volume after BigMac (Jin et al., 2025): tokens are dispatched to their ``top_k`` experts and the
results combined, at hidden size scaled by :math:`r` where the exchange happens in a
down-projected space:

.. math:: \mathit{bytes} = 2 \, top_k \frac{ep - 1}{ep} \, n h b \, r
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput

Real = TypeVar("Real", float, NDArray[np.float64])

#: A hierarchical exchange sends everything twice: inside the node, then between nodes.
HIERARCHICAL_VOLUME_FACTOR = 2.0


def exchange_latency_s(ranks: int, *, per_rank_s: float, fixed_s: float, slicing_degree: int = 1) -> float:
    """Latency of one all-to-all that is bound by its number of messages [s].

    Parameters
    ----------
    ranks : int
        Devices p taking part.
    per_rank_s : float
        Cost of one more partner, C1 [s].
    fixed_s : float
        Cost that does not grow with the ranks, C2 [s].
    slicing_degree : int
        Tensor-parallel ranks L that hold equal activations; must divide ``ranks``.
    """
    return partners(ranks, slicing_degree=slicing_degree) * per_rank_s + fixed_s


def partners(ranks: int, *, slicing_degree: int = 1) -> int:
    """Ranks each device exchanges with: all, or those of its tensor-parallel slot, p / L."""
    if slicing_degree < 1 or ranks % slicing_degree:
        raise InvalidInput(
            f"slicing_degree = {slicing_degree} does not divide ranks = {ranks}",
            hint="Maybe it is the tensor-parallel degree that was meant.",
        )
    return ranks // slicing_degree


def hierarchical_hops(ranks: int, *, node_devices: int) -> int:
    """Messages per device of a two-level exchange, G + p / G."""
    if node_devices < 1 or ranks % node_devices:
        raise InvalidInput(
            f"node_devices = {node_devices} does not divide ranks = {ranks}",
            hint="Maybe the last node is only partly used.",
        )
    return node_devices + ranks // node_devices


def exchange_bytes(
    tokens: Real,
    *,
    hidden: int,
    top_k: int,
    ep: int,
    element_bytes: float = 2.0,
    down_scale: float = 1.0,
) -> Real:
    """Bytes all ranks send together for one MoE layer, dispatch and combine [B].

    Parameters
    ----------
    tokens : float or ndarray
        Tokens routed, over all ranks.
    hidden : int
        Hidden size h.
    top_k : int
        Experts per token.
    ep : int
        Expert-parallel ranks; a share of 1/ep of the traffic stays at home.
    element_bytes : float
        Storage of one activation [B].
    down_scale : float
        Size of the exchanged vector relative to ``hidden``, r.
    """
    leaving_frac = (ep - 1) / ep
    return tokens * (2.0 * top_k * leaving_frac * hidden * element_bytes * down_scale)


def speedup_from_smaller_exchange(exchange_frac: float, *, volume_factor: float) -> float:
    """Whole-step speed-up when only the exchange shrinks (Amdahl's law).

    Parameters
    ----------
    exchange_frac : float
        Share of the step spent exchanging before the change, in [0, 1].
    volume_factor : float
        Volume after over volume before.
    """
    return 1.0 / (1.0 - exchange_frac + volume_factor * exchange_frac)
