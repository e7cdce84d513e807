"""The shapes of one measurement: layers of common models at few and many tokens, short and long caches."""

from typing import Literal, get_args

from models.precision import WeightFormat
from models.units import GIB, KIB, MIB
from planner.measurement.shapes import (
    Attention,
    Collective,
    CollectiveKind,
    Copy,
    Elementwise,
    Gemm,
    LocalShape,
)

ROWS = (1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
MATRICES = (
    # (inputs, outputs): layers of 8B and 70B models, whole or cut by 4 and 8
    (4096, 6144),
    (4096, 28672),
    (14336, 4096),
    (8192, 10240),
    (8192, 7168),
    (3584, 8192),
    (2048, 2048),
)
HEADS = ((32, 8), (64, 8), (8, 1))
"""Query heads and KV heads: 8B and 70B models, and 70B cut by 8."""
HEAD_DIM = 128
CACHES = (
    (1, 2048),
    (1, 16384),
    (1, 65536),
    (8, 4096),
    (32, 2048),
    (32, 8192),
    (128, 1024),
    (128, 4096),
)
"""Sequences and cached tokens of each."""
PROMPTS = ((1, 256), (1, 1024), (1, 4096), (1, 16384), (4, 1024), (16, 512))
VECTOR_ROWS = (1, 64, 1024, 4096, 16384, 65536)
VECTOR_WIDTH = 4096
COPY_BYTES = (64 * MIB, 256 * MIB, 1 * GIB)
HOST_BYTES = (16 * MIB, 256 * MIB)
PAYLOAD_BYTES = tuple(size for base in (8 * KIB, 8 * MIB) for size in (base, 8 * base, 64 * base))
"""From a few tokens' activations to a large prefill chunk's."""


def local_shapes(formats: tuple[WeightFormat, ...], *, quick: bool) -> tuple[LocalShape, ...]:
    """Everything one device is timed with; ``quick`` keeps about a quarter."""
    return (*_copies(quick), *_vectors(quick), *_attention(quick), *_gemms(formats, quick))


def collective_shapes(devices: int, *, quick: bool) -> tuple[Collective, ...]:
    """Collectives over two devices, four, eight and so on, and over all; empty for a single device."""
    groups = {2**k for k in range(1, devices.bit_length()) if 2**k <= devices}
    groups |= {devices} if devices > 1 else set()
    sizes = PAYLOAD_BYTES[::2] if quick else PAYLOAD_BYTES
    return tuple(
        Collective(operation=kind, members=n, payload_bytes=_divisible(int(size), n))
        for n in sorted(groups)
        for kind in get_args(CollectiveKind)
        for size in sizes
    )


def _divisible(size: int, members: int) -> int:
    """Every member holds an equal part, in whole units of 16 bytes."""
    unit = 16 * members
    return -(-size // unit) * unit


def _copies(quick: bool) -> list[LocalShape]:
    device = COPY_BYTES[-1:] if quick else COPY_BYTES
    host = HOST_BYTES[-1:] if quick else HOST_BYTES
    return [
        *(Copy(operation="copy_device", size_bytes=int(size)) for size in device),
        *(Copy(operation="copy_host_to_device", size_bytes=int(size)) for size in host),
    ]


def _vectors(quick: bool) -> list[LocalShape]:
    rows = VECTOR_ROWS[::2] + VECTOR_ROWS[-1:] if quick else VECTOR_ROWS
    return [
        Elementwise(mode="eager", rows=rows[0], width=VECTOR_WIDTH),
        *(Elementwise(mode="graph", rows=r, width=VECTOR_WIDTH) for r in rows),
    ]


def _attention(quick: bool) -> list[LocalShape]:
    heads = HEADS[:1] if quick else HEADS
    caches = CACHES[::2] + CACHES[-1:] if quick else CACHES
    prompts = PROMPTS[:4] if quick else PROMPTS
    return [
        *(_attend("attention_decode", cache, own) for own in heads for cache in caches),
        *(_attend("attention_prefill", prompt, own) for own in heads for prompt in prompts),
    ]


def _attend(
    operation: Literal["attention_prefill", "attention_decode"],
    batch: tuple[int, int],
    heads: tuple[int, int],
) -> Attention:
    sequences, tokens = batch
    return Attention(
        operation=operation,
        sequences=sequences,
        context_tokens=tokens,
        heads=heads[0],
        kv_heads=heads[1],
        head_dim=HEAD_DIM,
    )


def _gemms(formats: tuple[WeightFormat, ...], quick: bool) -> list[LocalShape]:
    rows = ROWS[::2] + ROWS[-1:] if quick else ROWS
    matrices = MATRICES[1:4] if quick else MATRICES
    return [
        Gemm(format=fmt, rows=r, inputs=inputs, outputs=outputs)
        for fmt in formats
        for inputs, outputs in matrices
        for r in rows
    ]
