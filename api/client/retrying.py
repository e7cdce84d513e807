"""When a request is sent again, and after which pause."""

from dataclasses import dataclass
from http import HTTPStatus
from random import uniform

from api.client.errors import NotReachable, Refused
from api.client.exchange import Request

FIRST_PAUSE_S = 0.2
MOST_PAUSE_S = 20.0
MOST_RETRY_AFTER_S = 300.0
"""A service that asks for more than this is better asked another time."""
LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """Exponential pauses with jitter, ``retries`` times at most; ``Retry-After`` is waited for in full."""

    retries: int

    def pause_s(self, tried: int, error: Refused | NotReachable, request: Request) -> float | None:
        """Pause before the next try after ``tried`` repetitions; None: the error stands."""
        if tried >= self.retries or not _passes(error, request):
            return None
        jittered_s = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2.0**tried) * uniform(0.5, 1.0)
        asked_s = error.retry_after_s if isinstance(error, Refused) else None
        return jittered_s + (asked_s or 0.0)


def _passes(error: Refused | NotReachable, request: Request) -> bool:
    """Whether the same request may do better later, and does no harm if it had already arrived."""
    if isinstance(error, Refused):
        return error.status in LATER and (error.retry_after_s or 0.0) <= MOST_RETRY_AFTER_S
    if not error.sent:
        return True
    # silence of a service that solves: asking again would only make it solve twice
    return request.repeatable and not (error.timed_out and request.solves_s)
