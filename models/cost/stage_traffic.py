r"""Bytes that tensor and pipeline parallelism send per micro-batch while training.

After Megatron-LM PTD-P (Narayanan et al., 2021). A layer split over :math:`t` tensor-parallel
ranks all-reduces its activations twice forward and twice backward; a ring sends
:math:`2 (t-1)/t` of the message each time:

.. math:: \mathit{TP} = l_{stage} \cdot 8 b s h \frac{t - 1}{t}, \qquad \mathit{PP} = b s h

The paper counts elements; here they are multiplied by the bytes of one.
"""

from models.errors import InvalidInput


def tensor_parallel_bytes(
    stage_layers: int, *, batch_tokens: int, hidden: int, tp: int, element_bytes: float = 2.0
) -> float:
    """Bytes each device sends inside its tensor-parallel group, forward and backward [B].

    Parameters
    ----------
    stage_layers : int
        Transformer layers of the stage.
    batch_tokens : int
        Tokens of one micro-batch, b times s.
    hidden : int
        Hidden size h.
    tp : int
        Tensor-parallel ranks t.
    element_bytes : float
        Storage of one activation [B].
    """
    message_bytes = batch_tokens * hidden * element_bytes
    return stage_layers * 8.0 * message_bytes * (tp - 1) / tp


def stage_boundary_bytes(
    batch_tokens: int, *, hidden: int, tp: int, element_bytes: float = 2.0, scatter_gather: bool
) -> float:
    """Bytes one device sends to the next stage in one direction [B].

    Every tensor-parallel rank holds the same activations; with scatter/gather each sends only its
    1/t of them across the slow link and the ranks of the next stage gather them over the fast one.
    """
    if tp < 1:
        raise InvalidInput(f"tp = {tp} is below 1", hint="Maybe tensor parallelism was meant off.")
    message_bytes = batch_tokens * hidden * element_bytes
    return message_bytes / tp if scatter_gather else message_bytes
