"""Timed shapes of the tables as operations of the planner, per kind of kernel and format."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from planner.calibration.kernels import attention_counts, matrix_counts
from planner.calibration.kernels.counts import Count
from planner.calibration.kernels.tables import Shape, Timed

COUNTED: Mapping[str, Callable[[Shape], Count | None]] = {
    "gemm_perf": matrix_counts.gemm,
    "moe_perf": matrix_counts.experts,
    "context_attention_perf": attention_counts.attention_prefill,
    "generation_attention_perf": attention_counts.attention_decode,
    "context_mla_perf": attention_counts.latent_prefill,
    "generation_mla_perf": attention_counts.latent_decode,
    "gdn_perf": attention_counts.recurrence,
}
"""How the rows of each table are counted; None: a shape that no layer of a served model has."""


def operations(name: str, timed: Sequence[Timed]) -> dict[tuple[str, str], list[tuple[Count, float]]]:
    """Counts and seconds of a table, by kind and format, in the order of the table."""
    found = defaultdict[tuple[str, str], list[tuple[Count, float]]](list)
    for shape, seconds in timed:
        count = COUNTED[name](shape)
        if count is not None:
            found[count.kind, count.format].append((count, seconds))
    return dict(found)
