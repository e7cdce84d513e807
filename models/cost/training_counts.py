r"""Parameters, work and days of training a GPT-style transformer.

After Megatron-LM PTD-P (Narayanan et al., 2021). With :math:`L` layers of hidden size :math:`h`,
vocabulary :math:`V`, sequence length :math:`s` and :math:`B` sequences per iteration

.. math::
    P &= 12 L h^2 \left(1 + \frac{13}{12 h} + \frac{V + s}{12 L h}\right) \\
    F &= 96 B s L h^2 \left(1 + \frac{s}{6 h} + \frac{V}{16 L h}\right)

where :math:`F` counts one forward, one recomputed forward and a backward pass of twice their
work, so :math:`F \approx 8 B s P` for large models. Training :math:`P` parameters on :math:`T`
tokens with :math:`n` devices that reach :math:`X` FLOP/s each takes :math:`8 T P / (n X)`.
"""


def parameter_count(*, layers: int, hidden: int, vocabulary: int, sequence_tokens: int) -> float:
    """Parameters of the transformer with its token and position embeddings.

    Written out term by term (weights, biases and norms, embeddings) to stay exact in floats.
    """
    weights = 12.0 * layers * hidden**2
    biases_and_norms = 13.0 * layers * hidden
    embeddings = (vocabulary + sequence_tokens) * float(hidden)
    return weights + biases_and_norms + embeddings


def iteration_flop(*, layers: int, hidden: int, vocabulary: int, sequence_tokens: int, batch: int) -> float:
    """Work of one training iteration with full activation recomputation [FLOP].

    Parameters
    ----------
    layers, hidden, vocabulary : int
        L, h and V.
    sequence_tokens : int
        Tokens per sequence s.
    batch : int
        Sequences per iteration B.
    """
    tokens = float(batch * sequence_tokens)
    dense_flop = 96.0 * tokens * layers * hidden**2
    attention_flop = 16.0 * tokens * layers * hidden * sequence_tokens
    logits_flop = 6.0 * tokens * hidden * vocabulary
    return dense_flop + attention_flop + logits_flop


def aggregate_flop_per_s(devices: int, per_device_flop_per_s: float) -> float:
    """Speed of the whole cluster [FLOP/s]."""
    return devices * per_device_flop_per_s


def training_s(tokens: float, parameters: float, *, devices: int, per_device_flop_per_s: float) -> float:
    """Time to train end to end [s], eight FLOP per parameter and token.

    Parameters
    ----------
    tokens, parameters : float
        Training tokens T and parameters P.
    devices : int
        Devices n.
    per_device_flop_per_s : float
        Speed each reaches, not its peak [FLOP/s].
    """
    return 8.0 * tokens * parameters / aggregate_flop_per_s(devices, per_device_flop_per_s)
