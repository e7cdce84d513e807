"""Seconds of a step load from a grid: decode, prefill, and steps that mix both."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from models.cost.base import Array
from planner.cost_sources.step_grid import Seconds, StepGrid
from planner.cost_sources.step_table import StepTable
from planner.step_load import StepLoad

TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompts:
    """Prompts of a step: how many, and the new and the cached tokens of each."""

    count: Array
    new_tokens: Array
    prior_tokens: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class GridTables:
    r"""The three tables of a grid, and how they make up a step.

    * decode: :math:`D(b, s)`, read off.
    * prefill of n prompts of c new tokens after p cached ones: the whole prompts :math:`W(n, c)`, and for
      each what the cached tokens add to a chunk, :math:`n\,(C(c, p) - C(c, 1))`. Attention over the cache
      is work of each prompt by itself, so it adds.
    * mixed: all tokens of the step pass the matrix products together, so the b decodes count as b more
      prompt tokens; only their attention over their own caches comes on top:

    .. math:: M = \max\bigl(P(c + b) + D(b, s) - D(b, s_0),\; D(b, s),\; P(c)\bigr)

    with :math:`s_0` the shortest context of the table. Reading the weights is thus paid once.

    Chosen by comparison with the mixed steps aiconfigurator-core 0.12.0 composes from its operator tables
    (780 of Qwen3-32B, 585 of Qwen3-30B-A3B, H100): off by 6 % in the median, 15 to 19 % at the 90 %
    quantile, and never more than 3 % too fast. The plainer rule, decode + prefill less one reading of the
    weights :math:`D(1, s_0)`, is 23 % off with experts, of which a larger batch reads more; less
    :math:`D(b, s_0)` is as close in the median but up to 34 % too fast for small chunks beside large
    batches.
    """

    decode: StepTable
    prefill: StepTable
    chunk: StepTable

    def seconds(self, layout: Array, load: StepLoad) -> Array:
        """Time of each candidate's load on its layout [s]; 0 where the load is empty."""
        decode = self._decode(layout, load)
        prompts = _prompts(load)
        alone = self._prefill(layout, prompts)
        sequences = load.decode_sequences
        joint = replace(prompts, new_tokens=prompts.new_tokens + sequences / prompts.count)
        shortest = self.decode.at(layout, sequences, np.full(sequences.shape, self.decode.second[0]))[0]
        # less than one sequence on average: its attention is there in that share of the steps
        attention = (decode - shortest) * np.minimum(sequences, 1.0)
        mixed = np.maximum(self._prefill(layout, joint) + attention, np.maximum(decode, alone))
        with_prompt, with_decode = load.prefill_tokens > 0, sequences > 0
        found = np.where(with_prompt, np.where(with_decode, mixed, alone), decode)
        return np.where(with_prompt | with_decode, found, 0.0)

    def inside(self, load: StepLoad) -> tuple[StepLoad, Array]:
        """The nearest load the tables hold, and where the asked one lies outside of them.

        A mean batch below one sequence is no reason to doubt: a step that runs has one.
        """
        decode, prefill, chunk = self.decode, self.prefill, self.chunk
        sequences = np.where(
            load.decode_sequences > 0, np.clip(load.decode_sequences, decode.first[0], decode.first[-1]), 0.0
        )
        context = np.clip(load.decode_context_tokens, decode.second[0], decode.second[-1])
        asked = _prompts(load)
        count = np.clip(asked.count, prefill.first[0], prefill.first[-1])
        room = np.minimum(prefill.second[-1], chunk.first[-1]) - sequences / count
        new = np.clip(asked.new_tokens, prefill.second[0], np.maximum(room, prefill.second[0]))
        prior = np.minimum(asked.prior_tokens, chunk.second[-1])
        busy = load.prefill_tokens > 0
        near = StepLoad(
            decode_sequences=sequences,
            decode_context_tokens=np.where(sequences > 0, context, load.decode_context_tokens),
            prefill_tokens=np.where(busy, count * new, 0.0),
            prefill_context_tokens=np.where(busy, prior + new / 2.0, 0.0),
            prefill_prior_tokens=np.where(busy, count * prior, 0.0),
        )
        left = (sequences > 0) & (
            (load.decode_sequences > sequences) | (load.decode_context_tokens != context)
        )
        moved = (
            _differ(asked.count, count) | _differ(asked.new_tokens, new) | _differ(asked.prior_tokens, prior)
        )
        return near, left | (busy & moved)

    def _decode(self, layout: Array, load: StepLoad) -> Array:
        return self.decode.at(layout, load.decode_sequences, load.decode_context_tokens)[0]

    def _prefill(self, layout: Array, prompts: _Prompts) -> Array:
        whole = self.prefill.at(layout, prompts.count, prompts.new_tokens)[0]
        seeing = self.chunk.at(layout, prompts.new_tokens, prompts.prior_tokens)[0]
        blind = self.chunk.at(layout, prompts.new_tokens, np.ones(prompts.count.shape))[0]
        total: Array = whole + prompts.count * np.maximum(seeing - blind, 0.0)
        return total


@lru_cache(maxsize=256)
def tables_of(grid: StepGrid) -> GridTables:
    """The grid as arrays, its layouts along the first axis of every table."""
    axes, layouts = grid.axes, grid.layouts
    return GridTables(
        decode=_table(axes.decode_sequences, axes.decode_context_tokens, [s.decode_s for s in layouts]),
        prefill=_table(axes.prompts, axes.prompt_tokens, [s.prefill_s for s in layouts]),
        chunk=_table(axes.chunk_tokens, axes.prior_tokens, [s.chunk_s for s in layouts]),
    )


def _table(first: tuple[float, ...], second: tuple[float, ...], seconds: list[Seconds]) -> StepTable:
    return StepTable(first=np.array(first), second=np.array(second), seconds=np.array(seconds, dtype=float))


def _prompts(load: StepLoad) -> _Prompts:
    """Prompts that make up a load of n c tokens, each seeing p + c/2 others, with n p cached tokens read."""
    tokens, context = load.prefill_tokens, np.maximum(load.prefill_context_tokens, TINY)
    count = np.maximum((load.prefill_prior_tokens + tokens / 2.0) / context, 1.0)
    return _Prompts(count=count, new_tokens=tokens / count, prior_tokens=load.prefill_prior_tokens / count)


def _differ(one: Array, other: Array) -> Array:
    """Beyond what rounding does."""
    return ~np.isclose(one, other, rtol=1e-9, atol=0.0)
