"""The cost graph of one step as a document (``shardwright.cost-graph/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.wire import WIRE

Resource = Literal["compute", "memory", "launch", "network", "host", "encoder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """Equal operators of all layers of one kind in one stage; figures of one device, all calls together.

    ``resource`` is what sets its pace, ``sent_bytes`` what its collective carries.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    id: str
    name: str
    part: str
    stage: int
    calls: int
    resource: Resource
    time_s: float
    flop: float = 0.0
    bytes: float = 0.0
    sent_bytes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Cache or embeddings of one request on their way to the next replica, mostly behind the step."""

    __pydantic_config__: ClassVar[Any] = WIRE

    request_bytes: float
    transfer_s: float
    exposed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGraph:
    """One step of a group: a micro-batch on its way through all stages.

    ``step_s`` is the sum over the critical path, ``plan_step_s`` the step time that the plan tells (null: it
    tells none); the two match unless the plan was made by another version. ``load`` is what an attention-dp
    rank carries.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.cost-graph/1"] = "shardwright.cost-graph/1"
    group: int
    deployment: str
    role: str
    pool: str
    parallelism: str
    cost_source: str
    load: Mapping[str, float]
    step_s: float
    plan_step_s: float | None
    matches_plan: bool | None
    parts_s: Mapping[str, float]
    critical_path: tuple[str, ...]
    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str], ...]
    transfer: Transfer | None = None
