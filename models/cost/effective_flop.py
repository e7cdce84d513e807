r"""Cost of long reasoning in one unit: compute plus memory traffic weighed as compute.

After Kinetics (Sadhukhan et al., 2025): a byte read costs as much as the :math:`\kappa` FLOP the
device could do meanwhile. For :math:`N` samples of :math:`L_{out}` tokens that share a prompt of
:math:`L_{in}`, with :math:`D = 2 L n_{kv} d` cached elements per token and :math:`r` query heads
per KV head,

.. math::
    F_{linear} &= 2 N P L_{out}, \\
    F_{attention} &= r N D (2 L_{in} + L_{out}) L_{out}, \\
    F_{memory} &= \kappa D (2 L_{in} + N L_{out}) L_{out}

Weights are not in the memory term: the batch is taken large enough to share their read.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveFlop:
    """Three parts of the cost of an answer [FLOP, or FLOP that could have been done]."""

    linear_flop: float
    attention_flop: float
    memory_flop: float

    @property
    def compute_flop(self) -> float:
        """Operations really done [FLOP]."""
        return self.linear_flop + self.attention_flop

    @property
    def total_flop(self) -> float:
        """Operations done and forgone [FLOP]."""
        return self.compute_flop + self.memory_flop


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningTask:
    """One question: prompt tokens, tokens per sample, samples that share the prompt."""

    input_tokens: int
    output_tokens: int
    samples: int = 1


def cached_elements_per_token(*, layers: int, kv_heads: int, head_dim: int) -> int:
    """Elements of keys and values one token leaves in the cache, D."""
    return 2 * layers * kv_heads * head_dim


def effective_flop(
    task: ReasoningTask,
    *,
    parameters: float,
    cached_elements: int,
    heads_per_kv_head: float,
    device_flop_per_byte: float,
) -> EffectiveFlop:
    """Cost of answering one question [FLOP].

    Parameters
    ----------
    task : ReasoningTask
        Lengths and samples.
    parameters : float
        Parameters used per token, P.
    cached_elements : int
        D, from :func:`cached_elements_per_token`.
    heads_per_kv_head : float
        Query heads that share one KV head, r.
    device_flop_per_byte : float
        Peak compute over memory bandwidth, kappa [FLOP/B].
    """
    attended = (2.0 * task.input_tokens + task.output_tokens) * task.output_tokens
    read = (2.0 * task.input_tokens + task.samples * task.output_tokens) * task.output_tokens
    return EffectiveFlop(
        linear_flop=2.0 * task.samples * parameters * task.output_tokens,
        attention_flop=heads_per_kv_head * task.samples * cached_elements * attended,
        memory_flop=device_flop_per_byte * cached_elements * read,
    )
