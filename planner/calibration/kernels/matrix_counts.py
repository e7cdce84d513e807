"""Matrix products and expert layers of the tables, counted as the planner counts those of a model."""

import numpy as np

from models import catalog
from models.blocks.moe import MoeFfn
from models.memory import padded_expert_parameters
from models.precision import WEIGHT_BYTES, Precision
from planner.block_operations import ACTIVATION_BYTES, EXPERT_IMBALANCE_FRAC, hit_share
from planner.calibration.kernels.counts import Count
from planner.calibration.kernels.tables import Shape

FORMATS = {
    "bfloat16": "bf16", "fp8": "fp8", "fp8_block": "fp8_block", "nvfp4": "nvfp4", "int4_wo": "int4",
    "mxfp4": "mxfp4",
}  # fmt: skip
WEIGHT_SIDES = range(512, 65537)
LONGEST_INNER, MOST_ROWS = 32768, 16384
"""Beyond lie shapes of no layer: skinny or huge matrices whose kernels follow other laws."""
NARROWEST_EXPERT, FEWEST_SLOTS, MOST_CUTS = 192, 4, 8
"""Below, tiles are mostly padding, or the count of hit experts is no statistic."""
MODULE_LAUNCHES = 4.0
"""The experts of a layer are timed as one module: sort, first product, activation, second product with the
weighted sum."""


def gemm(shape: Shape) -> Count | None:
    """``[m, k] @ [k, n]``: weights read once, the input and the output in bf16 whatever the weights are."""
    fmt, m, n, k = FORMATS.get(shape["gemm_dtype"]), shape["m"], shape["n"], shape["k"]
    if fmt is None or n not in WEIGHT_SIDES or not 512 <= k <= LONGEST_INNER or m > MOST_ROWS:
        return None
    moved = n * k * WEIGHT_BYTES[fmt] + m * (n + k) * ACTIVATION_BYTES
    return Count(kind="gemm", format=fmt, flop=2.0 * m * n * k, bytes=moved, rows=m)


def experts(shape: Shape) -> Count | None:
    """Routed experts of one rank.

    Only the experts that a batch hits are read (:func:`planner.block_operations.hit_share`). The busiest
    rank, for which all others wait, gets the imbalance more visits than the mean. A visit moves its input
    and output and three inner activations (gate, up, product) in bf16. Rows are visits per hit expert; one
    expert's weights are the unit of which several must be in flight.
    """
    fmt, ep, cuts = FORMATS.get(shape["moe_dtype"]), shape["moe_ep_size"], shape["moe_tp_size"]
    slots, inner, tokens = shape["num_experts"] / ep, shape["inter_size"] / cuts, shape["num_tokens"]
    small = inner < NARROWEST_EXPERT or slots < FEWEST_SLOTS or shape["num_experts"] < 2 * FEWEST_SLOTS
    if fmt is None or small or cuts > MOST_CUTS or tokens > MOST_ROWS:
        return None
    hidden = shape["hidden_size"]
    hit = slots * float(hit_share(np.asarray(float(tokens)), shape["num_experts"], shape["topk"]))
    visits = tokens * shape["topk"] / ep * (EXPERT_IMBALANCE_FRAC if ep > 1 else 1.0)
    one = _expert_parameters(shape, fmt) / cuts
    width = 2.0 * hidden + 3.0 * inner
    return Count(
        kind="grouped_gemm",
        format=fmt,
        flop=2.0 * visits * one,
        bytes=hit * one * WEIGHT_BYTES[fmt] + visits * width * ACTIVATION_BYTES,
        rows=visits / hit,
        launches=MODULE_LAUNCHES,
        unit_bytes=one * WEIGHT_BYTES[fmt],
    )


def _expert_parameters(shape: Shape, fmt: str) -> float:
    """Parameters of a whole expert, padded as the engines that lead in this format lay it out."""
    ffn = MoeFfn(
        experts=shape["num_experts"], top_k=shape["topk"], expert_intermediate_size=shape["inter_size"]
    )
    precision = Precision(moe_weights=fmt)  # type: ignore[arg-type]
    return padded_expert_parameters(ffn, shape["hidden_size"], precision, catalog.engine("vllm"))
