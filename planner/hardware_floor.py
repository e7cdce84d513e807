r"""Closed forms that no hardware gets below: memory, products, memory traffic and links for one SLO.

After GenZ's inverse mode (:mod:`models.cost.platform_requirement`), with the architecture's own counts
(:mod:`planner.model_work`). :math:`\lambda` requests per second of :math:`n` new prompt tokens and
:math:`m` output tokens; :math:`T_1` the limit of the first token, :math:`T` that of each later one.
Full efficiency, one copy of the weights, every token from a step of its own (no speculation); images count
by the tokens they add to the prompt, without their encoder.
"""

from models.architecture import ModelSpec
from models.engine import Engine
from models.periods import Period
from models.precision import Precision
from models.requirements import HardwareFloor, InterconnectFloor, MemoryShare
from models.scenario import Deployment
from models.workload import Slo
from planner.demand import allowed_end_to_end_s
from planner.image_work import images_of
from planner.layouts import head_divisor
from planner.model_work import (
    cache_bytes,
    prompt_flop,
    read_cache_bytes,
    read_weight_bytes,
    reductions,
    weight_bytes,
)
from planner.queueing import length_factor
from planner.served_precision import served_precision
from planner.setting import precisions_of
from planner.traffic import Traffic, traffic_of

ACTIVATION_BYTES = 2.0
TENSOR_DEGREES = (2, 4, 8)
SHARES = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of devices that the memory is told for."""


def floors(
    deployment: Deployment, spec: ModelSpec, engine: Engine, periods: tuple[Period, ...] = ()
) -> tuple[HardwareFloor, ...]:
    """Floors of one deployment at each of its precisions, for its busiest period."""
    return tuple(
        _floor(deployment, spec, served_precision(spec, precision, engine), periods)
        for precision in precisions_of(deployment, spec)
    )


def _floor(
    deployment: Deployment, spec: ModelSpec, precision: Precision, periods: tuple[Period, ...]
) -> HardwareFloor:
    traffic, slo = traffic_of(deployment.workload, images_of(deployment.workload, spec)), deployment.slo
    rate_per_s = _rate_per_s(deployment, traffic, periods)
    concurrency = _concurrency(rate_per_s, slo, traffic)
    weights = weight_bytes(spec, precision)
    sequence = cache_bytes(spec, precision, float(traffic.max_model_len))
    least = weights + sequence
    at_slo = None
    if concurrency is not None:
        mean = cache_bytes(spec, precision, traffic.context_tokens)
        at_slo = max(weights + concurrency * mean, least)
    flop = prompt_flop(spec, traffic.new_tokens, traffic.input_tokens - traffic.new_tokens)
    token_s = token_limit_s(slo, traffic)
    step = _step_bytes(spec, precision, traffic, 1.0)
    return HardwareFloor(
        precision=precision, rate_per_s=rate_per_s, concurrency=concurrency,
        weight_bytes=weights, sequence_bytes=sequence, memory_bytes=least, slo_memory_bytes=at_slo,
        memory_shares=tuple(
            MemoryShare(
                devices=n, bytes_per_device=least / n,
                slo_bytes_per_device=None if at_slo is None else at_slo / n,
            )
            for n in SHARES
        ),
        prompt_flop=flop,
        load_flop_per_s=None if rate_per_s is None else rate_per_s * flop,
        ttft_flop_per_s=_ttft_flop_per_s(spec, slo, traffic),
        step_bytes=step,
        tpot_bytes_per_s=None if token_s is None else step / token_s,
        load_bytes_per_s=_load_bytes_per_s(spec, precision, traffic, rate_per_s, token_s),
        interconnect=_interconnect(spec, slo, traffic),
    )  # fmt: skip


def token_limit_s(slo: Slo, traffic: Traffic) -> float | None:
    r"""Longest mean gap of tokens in an answer [s]: :math:`T = \min(\mathit{TPOT}, \mathit{E2E}/(m-1))`.

    None without such a limit, or where answers have one token. An end-to-end limit at a percentile holds for
    answers as long as that percentile of the lengths.
    """
    if traffic.output_tokens <= 1.0:
        return None
    found = [slo.tpot_s.limit_s] if slo.tpot_s is not None else []
    if slo.e2e_s is not None:
        longest = traffic.output_tokens * length_factor(slo.e2e_s.percentile, traffic.output_cv)
        if longest > 1.0:
            found.append(slo.e2e_s.limit_s / (longest - 1.0))
    return min(found, default=None)


def _rate_per_s(deployment: Deployment, traffic: Traffic, periods: tuple[Period, ...]) -> float | None:
    r"""Requests per second of the busiest period: given, or :math:`N / \mathit{E2E}` of a closed loop."""
    arrival = deployment.workload.arrival
    scale = max((p.scale_of(deployment.name) for p in periods), default=1.0)
    if arrival.rate_per_s is not None:
        return scale * arrival.rate_per_s
    allowed_s = allowed_end_to_end_s(deployment.slo, traffic)
    return None if allowed_s is None else scale * (arrival.concurrency or 1) / allowed_s


def _concurrency(rate_per_s: float | None, slo: Slo, traffic: Traffic) -> float | None:
    r"""Requests in flight when each takes as long as it may: :math:`\lambda \cdot \mathit{E2E}`."""
    allowed_s = allowed_end_to_end_s(slo, traffic)
    return None if rate_per_s is None or allowed_s is None else rate_per_s * allowed_s


def _ttft_flop_per_s(spec: ModelSpec, slo: Slo, traffic: Traffic) -> float | None:
    r"""One prompt within its limit [FLOP/s]: :math:`F(n_p) / T_1`.

    A limit at percentile p holds for prompts as long as that percentile of the lengths, :math:`n_p`.
    """
    cached = traffic.input_tokens - traffic.new_tokens
    found = [
        prompt_flop(spec, traffic.new_tokens * factor, cached * factor) / limit_s
        for limit_s, factor in _prompt_limits(slo, traffic)
    ]
    return max(found, default=None)


def _prompt_limits(slo: Slo, traffic: Traffic) -> list[tuple[float, float]]:
    """Limits on the first token [s], each with the prompt it holds for over the mean one."""
    return [
        (limit.limit_s, traffic.prompt_factor(limit.percentile))
        for limit in (slo.ttft_s, slo.e2e_s)
        if limit is not None
    ]


def _step_bytes(spec: ModelSpec, precision: Precision, traffic: Traffic, sequences: float) -> float:
    r"""Memory read by a decode step of B sequences [B]: :math:`W(B) + B \cdot kv(c)`, c the mean context."""
    cache = read_cache_bytes(spec, precision, traffic.context_tokens)
    return read_weight_bytes(spec, precision, sequences) + sequences * cache


def _load_bytes_per_s(
    spec: ModelSpec, precision: Precision, traffic: Traffic, rate_per_s: float | None, token_s: float | None
) -> float | None:
    r"""Memory traffic of all decoding together [B/s]: a step of :math:`B = \max(\lambda (m-1) T, 1)` per T.

    Shorter steps hold fewer sequences but read the weights more often: never less per second.
    """
    if rate_per_s is None or token_s is None:
        return None
    sequences = max(rate_per_s * traffic.decode_tokens * token_s, 1.0)
    return _step_bytes(spec, precision, traffic, sequences) / token_s


def _interconnect(spec: ModelSpec, slo: Slo, traffic: Traffic) -> tuple[InterconnectFloor, ...]:
    r"""Bytes a device sends per token over the limit of one prompt, and of one token.

    tp: a ring all-reduce after each of R blocks, :math:`2 R h b (tp-1)/tp` per token; pp: :math:`h b` per
    token from a stage to the next.
    """
    width_bytes = spec.hidden_size * ACTIVATION_BYTES
    token_s = token_limit_s(slo, traffic)
    prompts = [traffic.new_tokens * factor / limit_s for limit_s, factor in _prompt_limits(slo, traffic)]
    prompt_per_s = max(prompts, default=None)
    degrees = [n for n in TENSOR_DEGREES if head_divisor(spec) % n == 0]
    per_token = [("tp", n, 2.0 * reductions(spec) * width_bytes * (n - 1) / n) for n in degrees]
    return tuple(
        InterconnectFloor(
            axis=axis, degree=degree,  # type: ignore[arg-type]
            ttft_bytes_per_s=None if prompt_per_s is None else prompt_per_s * sent,
            tpot_bytes_per_s=None if token_s is None else sent / token_s,
        )
        for axis, degree, sent in [*per_token, ("pp", 2, width_bytes)]
    )  # fmt: skip
