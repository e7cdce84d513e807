r"""Collectives by the :math:`\alpha`-:math:`\beta` law, per link tier (Thakur et al. 2005).

A group that fits into one scale-up domain uses its fabric alone. A wider group works in two levels:
inside the domain first, then between domains, where every device carries its own part.
"""

from dataclasses import dataclass

import numpy as np

from models.cost.base import Array, CollectiveKind, Span
from models.hardware import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpeeds:
    """Two tiers of links, one direction, per device.

    ``*_step_s`` is paid once per doubling of the group on top of ``*_base_s``. On a mesh a group of n uses
    the n - 1 direct links between its members, each of ``peer_bytes_per_s``.
    ``reduce_*_s``: latency of the all-reduce kernels that engines bring along, where they have some.
    """

    up_bytes_per_s: float
    up_base_s: float
    up_step_s: float
    out_bytes_per_s: float
    out_base_s: float
    out_step_s: float
    peer_bytes_per_s: float = np.inf
    reduce_base_s: float | None = None
    reduce_step_s: float | None = None

    def inside_bytes_per_s(self, members: Array) -> Array:
        """Speed of one device towards a group of ``members`` inside the domain [B/s]."""
        speed: Array = np.minimum(self.up_bytes_per_s, np.maximum(members - 1.0, 1.0) * self.peer_bytes_per_s)
        return speed

    @classmethod
    def nominal(cls, device: Device) -> "LinkSpeeds":
        """Datasheet speed, one latency per collective."""
        return cls(
            up_bytes_per_s=device.scale_up_bytes_per_s,
            up_base_s=device.scale_up_latency_s,
            up_step_s=0.0,
            out_bytes_per_s=device.scale_out_bytes_per_s,
            out_base_s=device.scale_out_latency_s,
            out_step_s=0.0,
            peer_bytes_per_s=device.peer_bytes_per_s or np.inf,
        )


VOLUME: dict[str, float] = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0, "all_to_all": 1.0}
"""Passes over the payload: a ring moves VOLUME * (n - 1) / n of it through every device."""


def collective_seconds(kind: CollectiveKind, payload_bytes: Array, span: Span, links: LinkSpeeds) -> Array:
    """Time of one collective [s].

    ``payload_bytes`` is the full buffer of one member: the tensor that is reduced, the gathered result,
    everything a member sends in an all-to-all, the message of a send.
    """
    key = (kind, links)
    if key not in span.laws:
        span.laws[key] = _send_law(span, links) if kind == "send" else _law(kind, span, links)
    start_s, per_byte_s = span.laws[key]
    total: Array = start_s + per_byte_s * payload_bytes
    return total


Law = tuple[Array, Array]
"""Seconds of a collective without payload, and seconds per byte of it."""


def _send_law(span: Span, links: LinkSpeeds) -> Law:
    crosses, alone = span.inside < span.members, span.members <= 1
    fast_s = 1.0 / links.inside_bytes_per_s(np.asarray(2.0))
    start_s = np.where(crosses, links.out_base_s, links.up_base_s)
    per_byte_s = np.where(crosses, 1.0 / links.out_bytes_per_s, fast_s)
    return np.where(alone, 0.0, start_s), np.where(alone, 0.0, per_byte_s)


def _law(kind: CollectiveKind, span: Span, links: LinkSpeeds) -> Law:
    """Inside the domain first, then between domains."""
    inside = np.minimum(span.inside, span.members)
    outside = span.members / inside
    base_s, step_s = links.up_base_s, links.up_step_s
    if kind == "all_reduce" and links.reduce_base_s is not None and links.reduce_step_s is not None:
        base_s, step_s = links.reduce_base_s, links.reduce_step_s
    up_s, up_byte_s = _level(VOLUME[kind], inside, links.inside_bytes_per_s(inside), base_s, step_s)
    out_s, out_byte_s = _level(
        VOLUME[kind], outside, links.out_bytes_per_s, links.out_base_s, links.out_step_s
    )
    # an all-to-all sends the share of the other domains over the network, a reduction only its own part
    part = 1.0 if kind == "all_to_all" else 1.0 / inside
    return up_s + out_s, up_byte_s + part * out_byte_s


def _level(volume: float, n: Array, bytes_per_s: Array | float, base_s: float, step_s: float) -> Law:
    alone = n <= 1.0
    start_s = np.where(alone, 0.0, base_s + step_s * np.log2(np.maximum(n, 1.0)))
    return start_s, np.where(alone, 0.0, volume * (n - 1.0) / n / bytes_per_s)
