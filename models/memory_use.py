"""One layout on one device: what is asked about its memory, and what fits (``/v1/memory``)."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le, MaxLen, MinLen

from models.parallelism import Parallelism
from models.plan import MemoryBytes
from models.precision import Precision
from models.scenario import EngineChoice, InlineModel
from models.wire import WIRE

Sequences = Annotated[int, Ge(1), Le(10_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryQuestion:
    """A replica and the length its sequences reach.

    ``precision`` null: the checkpoint's own. ``max_num_seqs`` and ``max_num_batched_tokens`` null: what the
    engine takes by itself on this device.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    model: Annotated[str, MinLen(1), MaxLen(300)] | InlineModel
    device: Annotated[str, MinLen(1), MaxLen(200)]
    engine: EngineChoice = EngineChoice()
    precision: Precision | None = None
    parallelism: Parallelism = Parallelism()
    sequence_tokens: Annotated[float, Ge(1), Le(100_000_000)]
    max_num_seqs: Sequences | None = None
    max_num_batched_tokens: Sequences | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Device memory of the tightest rank at these batch limits, and what the cache holds.

    Attributes
    ----------
    precision : Precision
        The formats that are served.
    memory_bytes : MemoryBytes
        Parts of one device; ``free`` is below 0 where the parts exceed it.
    fits : bool
        Whether weights and at least one sequence fit.
    missing_bytes : float
        What a device lacks for weights and one sequence [B]; 0 where they fit.
    sequence_bytes : float
        Cache and state of one sequence on that rank [B].
    sequences : int
        Sequences of that length that the whole replica holds at once.
    cache_tokens : float
        The room in tokens of such sequences, per attention-dp rank.
    rules_failed : tuple of str
        Rules of the engine or of the architecture that this layout breaks.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    precision: Precision
    memory_bytes: MemoryBytes
    fits: bool
    missing_bytes: float
    sequence_bytes: float
    sequences: int
    cache_tokens: float
    max_num_seqs: int
    max_num_batched_tokens: int
    max_context_tokens: int
    rules_failed: tuple[str, ...]
