"""What one engine step carries, per attention-dp rank and micro-batch; arrays over candidates."""

from dataclasses import dataclass

import numpy as np

from models.cost.base import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoad:
    """Sequences in decode and prompt tokens in prefill that share one step.

    Attributes
    ----------
    decode_sequences : Array
        Sequences that get one token each.
    decode_context_tokens : Array
        Mean cached tokens of such a sequence.
    prefill_tokens : Array
        Prompt tokens computed in the step, all context-parallel ranks together.
    prefill_context_tokens : Array
        Mean cached tokens a prompt token sees: prior chunks plus half its own.
    prefill_prior_tokens : Array
        Cached tokens of prior chunks that the step reads again.
    prefill_ranks : Array or None
        Attention-dp ranks that carry such a chunk in the same step; None: all of them.
    """

    decode_sequences: Array
    decode_context_tokens: Array
    prefill_tokens: Array
    prefill_context_tokens: Array
    prefill_prior_tokens: Array
    prefill_ranks: Array | None = None

    @property
    def tokens(self) -> Array:
        """Tokens of the step on one attention-dp rank."""
        total: Array = self.decode_sequences + self.prefill_tokens
        return total

    def expert_tokens(self, ranks: Array) -> Array:
        """Tokens of all attention-dp ranks together: what the experts of a stage see."""
        chunks = ranks if self.prefill_ranks is None else self.prefill_ranks
        total: Array = self.decode_sequences * ranks + self.prefill_tokens * chunks
        return total


def decode_load(sequences: Array, context_tokens: Array) -> StepLoad:
    """A pure decode step."""
    none = np.zeros(np.shape(sequences))
    return StepLoad(
        decode_sequences=sequences, decode_context_tokens=context_tokens + none,
        prefill_tokens=none, prefill_context_tokens=none, prefill_prior_tokens=none,
    )  # fmt: skip


def prefill_load(
    chunk_tokens: Array,
    prompt_tokens: Array,
    sequences: Array | float = 0.0,
    context_tokens: Array | float = 0.0,
) -> StepLoad:
    """A step with one average chunk of a prompt, beside ``sequences`` in decode (mixed step).

    A prompt of S tokens in chunks of C has S/C of them; the average chunk finds (S - C)/2 tokens cached,
    so the chunks' work adds up to that of the whole prompt.
    """
    prior = np.maximum(prompt_tokens - chunk_tokens, 0.0) / 2.0
    none = np.zeros(np.shape(chunk_tokens))
    return StepLoad(
        decode_sequences=sequences + none,
        decode_context_tokens=context_tokens + none,
        prefill_tokens=chunk_tokens,
        prefill_context_tokens=prior + np.minimum(chunk_tokens, prompt_tokens) / 2.0,
        prefill_prior_tokens=prior,
    )


def ranks_apart(share: Array, dp: Array) -> Array:
    """Attention-dp ranks whose chunks fall into steps of their own, when ``share`` of the steps has one.

    The ranks of a replica step together. As long as there are steps enough, their chunks fall into
    different ones and each holds up all; else they share steps.
    """
    apart: Array = np.clip(1.0 / np.maximum(share, 1e-9), 1.0, dp)
    return apart
