"""Operator tables of aiconfigurator-core, an optional library: for every shape the fastest of its engines.

The tables lie in ``systems/data/<device>/<category>/<engine>/<version>/<table>.parquet``. A curve says what
a device can do with a shape, so an engine that has a slow kernel for it, or timed it badly, is no witness;
what sets the engines apart is fitted to serving measurements afterwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from models.errors import InvalidInput

Shape = Mapping[str, Any]
Timed = tuple[Shape, float]
"""A shape by column name, and its seconds."""
MILLISECOND_S = 1e-3

DEVICES: dict[str, str] = {
    "a100_sxm": "a100-sxm-80", "h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200-sxm",
    "b300_sxm": "b300-sxm", "gb200": "gb200", "gb300": "gb300", "l40s": "l40s",
}  # fmt: skip
"""Folder to device of the catalogue. The Blackwell workstation card shares its family's name with the data
center chips but not their kernels, and Intel's have other engines: left out."""
ROUTING = "power_law_1.01"
"""Uneven routing of tokens to experts, as routers do; every engine's table has it."""
SAME_FORMAT = {"w4a16_mxfp4": "mxfp4", "w4a8_mxfp4_mxfp8": "mxfp4"}
"""What is multiplied with mxfp4 weights is the engine's choice, not the model's."""
TIMED_WITH_QUANTISATION = {("gemm_perf", "trtllm", "fp8"), ("gemm_perf", "trtllm", "nvfp4")}
"""TensorRT-LLM's entries take 1.2-1.7 times those of the others at few rows and no longer at many: a fixed
cost on top of the product, and the quantisation of the input is priced elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How one table is read.

    Attributes
    ----------
    shape : tuple of str
        Columns that tell one shape from another; those a file lacks are 0.
    engines : int
        How many engines must have timed a shape: matrix products and experts have shapes that only one
        engine timed, often with a kernel that nobody would serve with.
    kernels : int
        Kernels that a block runs one after the other and the table times one by one.
    """

    shape: tuple[str, ...]
    engines: int = 1
    kernels: int = 1


_ATTENTION = (
    "kv_cache_dtype", "batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim", "step",
    "window_size",
)  # fmt: skip
_LATENT = ("kv_cache_dtype", "batch_size", "isl", "num_heads", "step")
TABLES: dict[str, Table] = {
    "gemm_perf": Table(shape=("gemm_dtype", "m", "n", "k"), engines=2),
    "moe_perf": Table(
        shape=(
            "moe_dtype", "num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size",
            "moe_ep_size",
        ),
        engines=2,
    ),
    "context_attention_perf": Table(shape=_ATTENTION),
    "generation_attention_perf": Table(shape=_ATTENTION),
    "context_mla_perf": Table(shape=_LATENT),
    "generation_mla_perf": Table(shape=_LATENT),
    "gdn_perf": Table(
        shape=(
            "phase", "batch_size", "seq_len", "d_conv", "num_k_heads", "head_k_dim", "num_v_heads",
            "head_v_dim",
        ),
        kernels=2,
    ),
    "custom_allreduce_perf": Table(shape=("num_gpus", "message_size")),
}  # fmt: skip


def read(directory: Path, folder: str, name: str) -> list[Timed]:
    """Fastest times of one table of one device, sorted by shape; empty where the device has none."""
    return fastest(name, read_rows(directory, folder, name))


def read_engine(directory: Path, folder: str, name: str, engine: str) -> list[Timed]:
    """Times of one engine alone, of its fastest version, sorted by shape."""
    own = ((e, rows) for e, rows in read_rows(directory, folder, name) if e == engine)
    return fastest(name, own, engines=1)


def read_rows(directory: Path, folder: str, name: str) -> Iterator[tuple[str, list[Shape]]]:
    """Rows of one table of one device, file by file, beside the engine each belongs to.

    Raises
    ------
    InvalidInput
        There is no folder for the device, or nothing installed that reads its files.
    """
    if not (directory / folder).is_dir():
        raise InvalidInput(
            f"no folder {folder!r} in {str(directory)!r}",
            pointer="/tables",
            hint="Maybe the folder systems/data inside the package aiconfigurator_core is meant?",
        )
    for path in sorted((directory / folder).glob(f"*/*/*/{name}.parquet")):
        yield path.parts[-3], _rows(path)


def fastest(
    name: str, by_engine: Iterable[tuple[str, Iterable[Shape]]], *, engines: int | None = None
) -> list[Timed]:
    """Least time of every shape over engines and their versions, sorted by shape.

    Parameters
    ----------
    name : str
        The table.
    by_engine : iterable of (str, rows)
        Rows of each file beside the engine they belong to; ``latency`` is in milliseconds.
    engines : int, optional
        How many engines must have timed a shape; otherwise as the table says.
    """
    table, best = TABLES[name], dict[tuple[Any, ...], dict[str, dict[str, float]]]()
    for engine, rows in by_engine:
        for row in rows:
            shape = _shape(table, row)
            if not row["latency"] > 0.0 or (name, engine, shape[0]) in TIMED_WITH_QUANTISATION:
                continue
            kernels = best.setdefault(shape, {}).setdefault(engine, {})
            kernel = _kernel(table, row)
            kernels[kernel] = min(row["latency"], kernels.get(kernel, row["latency"]))
    return [
        (dict(zip(table.shape, shape, strict=True)), min(times) * MILLISECOND_S)
        for shape, timed in sorted(best.items())
        if len(times := [sum(k.values()) for k in timed.values() if len(k) == table.kernels])
        >= (engines or table.engines)
    ]


def _shape(table: Table, row: Shape) -> tuple[Any, ...]:
    values = (row.get(column) for column in table.shape)
    return tuple(0 if value is None else SAME_FORMAT.get(value, value) for value in values)


def _kernel(table: Table, row: Shape) -> str:
    """Which of the kernels of a block a row times: engines name them each in their own way."""
    if table.kernels == 1:
        return ""
    return "convolution" if "conv1d" in row["kernel_source"] else "recurrence"


def _rows(path: Path) -> list[Shape]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise InvalidInput(
            "reading parquet files needs pyarrow, which is not installed",
            pointer="/tables",
            hint="Maybe install the optional extra 'measured'?",
        ) from error
    present = parquet.read_schema(path).names
    wanted = {*TABLES[path.stem].shape, "latency", "kernel_source", "backend"}
    chosen = [("distribution", "=", ROUTING)] if "distribution" in present else None
    rows: list[Shape] = parquet.read_table(
        path, columns=[c for c in present if c in wanted], filters=chosen
    ).to_pylist()
    return rows
