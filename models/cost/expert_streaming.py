r"""Offline MoE inference with the weights in host memory: how large a pass must be.

After MoE-Lens (2025). Every pass streams all experts over the host link; it is compute-bound
only if each weight is used often enough while the next arrive. With :math:`N_e` experts of which
a token uses :math:`N_k`, :math:`b` bytes per weight and two FLOP per use,

.. math:: n \ge \frac{b}{2} \frac{C}{B_{link}} \frac{N_e}{N_k}
"""


def tokens_to_hide_stream(
    *,
    peak_flop_per_s: float,
    link_bytes_per_s: float,
    experts: int,
    experts_per_token: int,
    element_bytes: float = 2.0,
) -> float:
    """Tokens per pass from which computing an expert takes as long as fetching the next.

    Parameters
    ----------
    peak_flop_per_s : float
        Speed of the device [FLOP/s].
    link_bytes_per_s : float
        Host link [B/s].
    experts, experts_per_token : int
        Experts of a layer, and those one token uses.
    element_bytes : float
        Storage of one weight [B].
    """
    uses_per_weight = peak_flop_per_s * element_bytes / (2.0 * link_bytes_per_s)
    return uses_per_weight * experts / experts_per_token


def host_kv_bytes(tokens_per_pass: float, *, context_tokens: int, kv_per_token_bytes: float) -> float:
    """KV cache of the sequences in flight [B], each adding one token per pass."""
    return tokens_per_pass * context_tokens * kv_per_token_bytes


def overlapped_prefill_gain(prompt_tokens: float, output_tokens: float) -> float:
    r"""Throughput gained by mixing prefill into decode passes under a fixed KV memory.

    A sequence of p prompt and g generated tokens occupies on average :math:`p + g/2` of cache over
    its life but passes :math:`p + g` tokens through the model.
    """
    return (prompt_tokens + output_tokens) / (prompt_tokens + output_tokens / 2.0)
