r"""Peak-speed card of long contexts: prefill, decode, context switch, users at a time.

After "Challenges in Deploying Long-Context Transformers: A Theoretical Peak Performance
Analysis" (Fu, 2024): everything is bounded by one hardware figure, and every cost of a long
context is the KV cache in another guise. For :math:`s` tokens of context

.. math::
    \mathit{KV} &= 2 L n_{kv} d b s, &
    t_{prefill} &= s (2 P + 2 L s h) / C, \\
    t_{decode} &= n (b P + \mathit{KV}) / \mathit{BW}, &
    t_{switch} &= 2 \mathit{KV} / \mathit{BW}_{host}

``tokens`` may be a float or an array; the result has its shape.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real = TypeVar("Real", float, NDArray[np.float64])


def kv_cache_bytes(
    tokens: Real, *, layers: int, kv_heads: int, head_dim: int, element_bytes: float = 2.0
) -> Real:
    """KV cache of a context [B]: one key and one value per layer, KV head and token."""
    return 2.0 * layers * kv_heads * head_dim * element_bytes * tokens


def prefill_s(tokens: Real, *, parameters: float, layers: int, hidden: int, peak_flop_per_s: float) -> Real:
    """Time to process a prompt at the device's peak [s].

    Parameters
    ----------
    tokens : float or ndarray
        Length of the prompt.
    parameters : float
        Parameters used per token; two FLOP each.
    layers, hidden : int
        Size of the attention term, ``2 layers tokens hidden`` FLOP per token (causal mask).
    peak_flop_per_s : float
        Dense peak [FLOP/s].
    """
    per_token_flop = 2.0 * parameters + 2.0 * layers * hidden * tokens
    return tokens * per_token_flop / peak_flop_per_s


def decode_s(output_tokens: Real, *, weight_bytes: float, kv_bytes: float, memory_bytes_per_s: float) -> Real:
    """Time to produce ``output_tokens`` for one user [s]: each reads the weights and the cache."""
    return output_tokens * ((weight_bytes + kv_bytes) / memory_bytes_per_s)


def context_switch_s(kv_bytes: Real, *, host_bytes_per_s: float) -> Real:
    """Time to swap one user's cache out and another's, equally long, in [s]."""
    return 2.0 * kv_bytes / host_bytes_per_s


def users_in_memory(memory_bytes: float, *, weight_bytes: float, kv_bytes: ArrayLike) -> NDArray[np.int64]:
    """Users whose caches fit beside the weights, as integers of the shape of ``kv_bytes``."""
    free_bytes = max(memory_bytes - weight_bytes, 0.0)
    return np.floor(free_bytes / np.asarray(kv_bytes, dtype=np.float64)).astype(np.int64)


def conversations_per_s(
    users: ArrayLike, *, prefill_s: float, turn_s: float, switch_s: float, turns: int, think_s: float
) -> NDArray[np.float64]:
    r"""Conversations a device completes per second, as a bound.

    Each user sends one long document, then asks ``turns`` questions with a pause after every
    answer. The device works :math:`D = t_{prefill} + n (t_{turn} + t_{switch})` per conversation,
    the user pauses :math:`Z = n \, t_{think}`, and the asymptotic bounds of a closed queueing
    network (Denning and Buzen, 1978) give :math:`X \le \min(N / (D + Z), 1 / D)`.

    Parameters
    ----------
    users : float or array_like
        Users in conversation, N.
    prefill_s, turn_s, switch_s : float
        Device time of the document, of one answer, and of bringing the cache back before it
        (zero when every user's cache stays in device memory) [s].
    turns : int
        Questions per conversation.
    think_s : float
        Pause of the user after an answer [s].

    Returns
    -------
    ndarray
        Conversations per second [1/s], the shape of ``users``.
    """
    device_s = prefill_s + turns * (turn_s + switch_s)
    unqueued = np.asarray(users, dtype=np.float64) / (device_s + turns * think_s)
    return np.asarray(np.minimum(unqueued, 1.0 / device_s))
