r"""What a serving platform must offer: latency targets in, memory, compute and bandwidth out.

After GenZ, "Demystifying Platform Requirements for Diverse LLM Inference Use Cases" (Bambhaniya
et al., 2024). For a batch :math:`B` of prompts of :math:`s_{in}` tokens answered with
:math:`s_{out}` tokens in each of ``beams`` beams,

.. math::
    M &= W + B (s_{in} + \mathit{beams} \cdot s_{out}) \, kv \\
    C &= 2 P_{act} B s_{in} / \mathit{TTFT} \\
    \mathit{BW} &= (W_{act} + B (s_{in} + \mathit{beams} \cdot s_{out}) \, kv) / \mathit{TPOT}

with :math:`kv = 2 L n_{kv} d b` bytes of cache per token. The forward direction is the same law
solved for the latencies, so a platform that just meets the requirement just meets the targets.
"""

from dataclasses import dataclass

from models.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLoad:
    """One batch in flight: sequences, tokens in and out per sequence, beams per sequence."""

    batch: int
    input_tokens: int
    output_tokens: int
    beams: int = 1

    @property
    def cached_tokens(self) -> int:
        """Tokens held in the KV cache when the last one is produced; beams share the prompt."""
        return self.batch * (self.input_tokens + self.beams * self.output_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFootprint:
    """What a platform has to hold and to read for one LLM.

    Attributes
    ----------
    parameters, active_parameters : int
        All parameters, and those one token uses (equal for a dense LLM).
    weight_element_bytes : float
        Storage of one parameter [B].
    kv_per_token_bytes : float
        KV cache of one token over all layers [B].
    """

    parameters: int
    active_parameters: int
    weight_element_bytes: float
    kv_per_token_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRequirement:
    """Memory [B], compute [FLOP/s] and memory bandwidth [B/s], summed over all devices."""

    memory_bytes: float
    compute_flop_per_s: float
    memory_bytes_per_s: float


def requirement(
    load: ServingLoad, model: ModelFootprint, *, ttft_s: float, tpot_s: float
) -> PlatformRequirement:
    """Smallest platform that meets both latency targets at full efficiency.

    Parameters
    ----------
    load : ServingLoad
        What is in flight.
    model : ModelFootprint
        What has to be held and read.
    ttft_s : float
        Time in which the prompts must be processed [s].
    tpot_s : float
        Time in which each further token must appear [s].
    """
    if ttft_s <= 0 or tpot_s <= 0:
        raise InvalidInput(
            f"latency targets must be positive, got ttft_s = {ttft_s}, tpot_s = {tpot_s}",
            hint="Maybe a target was left at zero; use infinity for none.",
        )
    return PlatformRequirement(
        memory_bytes=model.parameters * model.weight_element_bytes + _kv_bytes(load, model),
        compute_flop_per_s=_prefill_flop(load, model) / ttft_s,
        memory_bytes_per_s=_step_bytes(load, model) / tpot_s,
    )


def ttft_s(load: ServingLoad, model: ModelFootprint, *, compute_flop_per_s: float) -> float:
    """Time of the prefill [s] on a platform with this compute, compute-bound."""
    return _prefill_flop(load, model) / compute_flop_per_s


def tpot_s(load: ServingLoad, model: ModelFootprint, *, memory_bytes_per_s: float) -> float:
    """Time of the last, longest decode step [s] on a platform with this bandwidth."""
    return _step_bytes(load, model) / memory_bytes_per_s


def _kv_bytes(load: ServingLoad, model: ModelFootprint) -> float:
    return load.cached_tokens * model.kv_per_token_bytes


def _prefill_flop(load: ServingLoad, model: ModelFootprint) -> float:
    return 2.0 * model.active_parameters * load.batch * load.input_tokens


def _step_bytes(load: ServingLoad, model: ModelFootprint) -> float:
    return model.active_parameters * model.weight_element_bytes + _kv_bytes(load, model)
