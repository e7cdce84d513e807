"""The Python client of the service: ``Client`` blocks, ``AsyncClient`` is for asyncio.

Needs the extra ``client``. The service itself never imports this package.
"""

from api.client.answers import Answer, Document, PlansAnswer
from api.client.async_jobs import AsyncJob
from api.client.async_service import AsyncClient
from api.client.async_sweeps import AsyncSweep
from api.client.errors import (
    JobCancelled,
    JobFailed,
    NotFinished,
    NotReachable,
    Refused,
    ShardwrightClientError,
    UnknownAnswer,
)
from api.client.event_stream import Event
from api.client.jobs import Job
from api.client.service import Client
from api.client.sweeps import Sweep

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncJob",
    "AsyncSweep",
    "Client",
    "Document",
    "Event",
    "Job",
    "JobCancelled",
    "JobFailed",
    "NotFinished",
    "NotReachable",
    "PlansAnswer",
    "Refused",
    "ShardwrightClientError",
    "Sweep",
    "UnknownAnswer",
]
