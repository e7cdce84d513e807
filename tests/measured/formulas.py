"""A grid made of formulas, so that what is read from it can be checked against them."""

from collections.abc import Callable

import numpy as np

from models.parallelism import Parallelism
from models.precision import Precision
from planner.cost_sources.step_grid import GridAxes, GridOrigin, LayoutSteps, MissingLayout, StepGrid
from planner.setting import Setting

AXES = GridAxes(
    decode_sequences=(1.0, 8.0, 64.0),
    decode_context_tokens=(1.0, 1000.0, 16000.0),
    prompts=(1.0, 4.0),
    prompt_tokens=(1.0, 500.0, 8000.0),
    chunk_tokens=(1.0, 500.0, 8000.0),
    prior_tokens=(1.0, 2000.0, 30000.0),
)


def decode_s(devices: float, sequences: float, context: float) -> float:
    """A step that reads the weights once and every cache: fixed, plus a share of each sequence."""
    return (0.02 + 1e-4 * sequences + 2e-8 * sequences * context) / devices


def prefill_s(devices: float, prompts: float, new: float, prior: float = 0.0) -> float:
    """Products over all tokens, attention over what each sees; never less than reading the weights."""
    tokens = prompts * new
    return (0.02 + 1e-4 * tokens + 1e-9 * tokens * (new / 2.0 + prior)) / devices


def layout_steps(layout: Parallelism, axes: GridAxes = AXES) -> LayoutSteps:
    """Tables of one layout by the formulas above."""
    n = float(layout.devices)

    def table(function: Callable[..., float], rows: tuple[float, ...], columns: tuple[float, ...]) -> object:
        return tuple(tuple(function(n, a, b) for b in columns) for a in rows)

    chunk = lambda devices, new, prior: prefill_s(devices, 1.0, new, prior)  # noqa: E731
    tables = {
        "decode_s": table(decode_s, axes.decode_sequences, axes.decode_context_tokens),
        "prefill_s": table(prefill_s, axes.prompts, axes.prompt_tokens),
        "chunk_s": table(chunk, axes.chunk_tokens, axes.prior_tokens),
    }
    return LayoutSteps(parallelism=layout, **tables)  # type: ignore[arg-type]


def grid_of_formulas(setting: Setting) -> StepGrid:
    """Two layouts, and one that could not be priced."""
    return StepGrid(
        schema="shardwright.step-grid/1",
        source="formulas of the tests",
        kind="measured",
        model=setting.spec.id,
        parameters=setting.spec.parameters(),
        device="h100-sxm",
        engine="trtllm",
        precision=Precision(weights="bf16", moe_weights="bf16", kv="bf16"),
        origin=GridOrigin(
            package="formulas",
            package_version="1",
            system="h100_sxm",
            backend="trtllm",
            database_version="1.0",
            mode="SILICON",
            formats={"gemm": "bfloat16"},
            factors={"prefill": 1.0, "decode": 1.0},
        ),
        axes=AXES,
        layouts=(layout_steps(Parallelism(tp=1)), layout_steps(Parallelism(tp=2, pp=2))),
        missing=(MissingLayout(parallelism=Parallelism(tp=8), reason="no table for tp=8"),),
    )


def close(found: object, wanted: object) -> bool:
    """Equal up to rounding."""
    return bool(np.allclose(found, wanted, rtol=1e-9, atol=0.0))  # type: ignore[arg-type]
