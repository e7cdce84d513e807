"""The cost graph of one step: operations, collectives and transfers as a DAG, priced by its critical path.

The structure is one ``networkx.DiGraph`` per kind of block (and per way of running its collectives); it
does not depend on degrees or devices. The weights are arrays with one entry per candidate, so one walk
over a graph of a dozen nodes prices every candidate at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import networkx as nx
import numpy as np

from models.cost.base import Array

Dag: TypeAlias = "nx.DiGraph[str]"

START, END = "start", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation or collective: its name in the graph and the part of the breakdown it counts to."""

    name: str
    part: str
    is_collective: bool = False


def block_graph(nodes: Sequence[Node], *, overlap: bool = False) -> Dag:
    """DAG of one block.

    Without overlap the operations follow each other. With it the batch runs as two halves, one computing
    while the other communicates: computation and collectives become parallel branches, and the longer
    one sets the pace.
    """
    graph: Dag = nx.DiGraph()
    graph.add_nodes_from((node.name, {"node": node}) for node in nodes)
    branches = (
        [[n.name for n in nodes if n.is_collective], [n.name for n in nodes if not n.is_collective]]
        if overlap
        else [[n.name for n in nodes]]
    )
    for branch in branches:
        nx.add_path(graph, [START, *branch, END])
    return graph


def critical_path_s(graph: Dag, seconds: Mapping[str, Array]) -> Array:
    """Longest path through the DAG, elementwise over candidates [s]."""
    finish: dict[str, Array | float] = {}
    for name, before in _order(graph):
        ready: Array | float = finish[before[0]] if before else 0.0
        for other in before[1:]:
            ready = np.maximum(ready, finish[other])
        finish[name] = ready + seconds[name] if name in seconds else ready
    return np.asarray(finish[END], dtype=np.float64)


@lru_cache(maxsize=1024)
def _order(graph: Dag) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Nodes in topological order with their predecessors; graphs are built once and never changed."""
    return tuple((name, tuple(graph.predecessors(name))) for name in nx.topological_sort(graph))
