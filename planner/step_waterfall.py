"""The time of a step in the order in which it is spent, by what sets the pace."""

from dataclasses import dataclass

from planner.graph_document import GraphNode, PlanGraph

WORDS = {
    "host": "host work of the engine",
    "encoder": "image encoder",
    "compute": "matrix products at the compute roof",
    "memory": "reads and writes of device memory",
    "launch": "launches and small kernels",
    "all_reduce": "tensor-parallel all-reduce",
    "all_to_all": "expert exchange (all-to-all)",
    "context": "context-parallel exchange",
    "pipeline": "pipeline hops",
    "transfer": "hand-over to the next replica, what is waited for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """One step of the waterfall: from where to where it goes [s]."""

    name: str
    words: str
    start_s: float
    time_s: float


def waterfall(graph: PlanGraph) -> tuple[Fall, ...]:
    """Parts of the critical path that take any time, and after it the hand-over that is waited for."""
    on_path = set(graph.critical_path)
    spent = dict.fromkeys(WORDS, 0.0)
    for node in (n for n in graph.nodes if n.id in on_path):
        spent[_family(node)] += node.time_s
    if graph.transfer is not None:
        spent["transfer"] = graph.transfer.exposed_s
    falls, start = [], 0.0
    for name, seconds in spent.items():
        if seconds > 0:
            falls.append(Fall(name=name, words=WORDS[name], start_s=start, time_s=seconds))
            start += seconds
    return tuple(falls)


def _family(node: GraphNode) -> str:
    """Collectives by what they exchange, everything else by the resource it waits for."""
    return node.part if node.resource == "network" else node.resource
