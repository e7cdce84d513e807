"""The operations behind the shapes: operands on the device and a call that runs one of them.

Every function takes the torch module as an argument, so that nothing here imports it. Operands are random
numbers, because multiplying zeros draws less power and runs at higher clocks than any model does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from planner.measurement.port import CannotTime
from planner.measurement.shapes import Attention, Copy, Elementwise, Gemm, LocalShape

MOST_SETS = 64
CACHES_TO_LEAVE = 3.0
"""Operands that are used again come back only after this many cache sizes of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation on any of ``sets`` sets of operands, used in turn."""

    run: Callable[[int], Any]
    sets: int
    in_graph: bool


def sets_of(shape: LocalShape, cache_bytes: float | None) -> int:
    """Sets of operands that together do not fit the device's cache, so that memory is what is timed."""
    wanted = CACHES_TO_LEAVE * (cache_bytes or 0.0) / shape.bytes
    return int(min(max(-(-wanted // 1), 1), MOST_SETS))


def prepare(torch: Any, shape: LocalShape, index: int, cache_bytes: float | None) -> Call:
    """Put the operands of a shape on the device.

    Raises
    ------
    CannotTime
        A format that no kernel is known for.
    """
    place, sets = torch.device("cuda", index), sets_of(shape, cache_bytes)
    if isinstance(shape, Gemm):
        return Call(run=_gemm(torch, shape, place, sets), sets=sets, in_graph=True)
    if isinstance(shape, Attention):
        return Call(run=_attention(torch, shape, place, sets), sets=sets, in_graph=True)
    if isinstance(shape, Elementwise):
        run = _elementwise(torch, shape, place, sets)
        return Call(run=run, sets=sets, in_graph=shape.mode == "graph")
    return Call(run=_copy(torch, shape, place, sets), sets=sets, in_graph=False)


def fp8_of(torch: Any) -> Any:
    """The 8-bit float whose products this device has; None where it has none."""
    if not hasattr(torch, "_scaled_mm"):
        return None
    if getattr(torch.version, "hip", None):
        architecture = torch.cuda.get_device_properties(torch.cuda.current_device()).gcnArchName
        if "gfx94" in architecture:
            return getattr(torch, "float8_e4m3fnuz", None)
        return getattr(torch, "float8_e4m3fn", None) if "gfx95" in architecture else None
    enough = torch.cuda.get_device_capability() >= (8, 9)
    return getattr(torch, "float8_e4m3fn", None) if enough else None


def _gemm(torch: Any, shape: Gemm, place: Any, sets: int) -> Callable[[int], Any]:
    if shape.format not in ("bf16", "fp8"):
        raise CannotTime(f"no matrix product in {shape.format} is known to torch")

    def random(rows: int) -> list[Any]:
        size = (rows, shape.inputs)
        return [torch.randn(size, dtype=torch.bfloat16, device=place) for _ in range(sets)]

    left, weights = random(shape.rows), random(shape.outputs)
    if shape.format == "bf16":
        results = [torch.mm(a, w.t()) for a, w in zip(left, weights, strict=True)]
        return lambda i: torch.mm(left[i], weights[i].t(), out=results[i])
    fp8 = fp8_of(torch)
    left, weights = [a.to(fp8) for a in left], [w.to(fp8) for w in weights]
    one = torch.ones((), dtype=torch.float32, device=place)
    # rows of the left operand and columns of the right one are contiguous: the one layout Hopper multiplies
    return lambda i: torch._scaled_mm(
        left[i], weights[i].t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16, use_fast_accum=True
    )


def _attention(torch: Any, shape: Attention, place: Any, sets: int) -> Callable[[int], Any]:
    whole = shape.operation == "attention_prefill"
    backends = torch.nn.attention.SDPBackend
    fused = [backends.FLASH_ATTENTION, backends.CUDNN_ATTENTION, backends.EFFICIENT_ATTENTION]

    def random(heads: int, tokens: int) -> list[Any]:
        size = (shape.sequences, heads, tokens, shape.head_dim)
        return [torch.randn(size, dtype=torch.bfloat16, device=place) for _ in range(sets)]

    queries = random(shape.heads, shape.context_tokens if whole else 1)
    keys, values = (random(shape.kv_heads, shape.context_tokens) for _ in range(2))

    def run(i: int) -> Any:
        # without the plain formula, which writes every score to memory: better no figure than that one
        with torch.nn.attention.sdpa_kernel(fused):
            return torch.nn.functional.scaled_dot_product_attention(
                queries[i], keys[i], values[i], is_causal=whole, enable_gqa=shape.heads != shape.kv_heads
            )

    return run


def _elementwise(torch: Any, shape: Elementwise, place: Any, sets: int) -> Callable[[int], Any]:
    size = (shape.rows, shape.width)
    sources = [torch.randn(size, dtype=torch.bfloat16, device=place) for _ in range(sets)]
    results = [torch.empty_like(source) for source in sources]
    return lambda i: torch.add(sources[i], 1.0, out=results[i])


def _copy(torch: Any, shape: Copy, place: Any, sets: int) -> Callable[[int], Any]:
    def empty(**where: Any) -> list[Any]:
        return [torch.empty(shape.size_bytes, dtype=torch.uint8, **where) for _ in range(sets)]

    to_host = shape.operation == "copy_host_to_device"
    sources = empty(pin_memory=True) if to_host else empty(device=place)
    results = empty(device=place)
    return lambda i: results[i].copy_(sources[i], non_blocking=True)
