"""The priced cost graph of one group of a stored plan: nodes, edges and the critical path of one step."""

from collections.abc import Iterator, Mapping, Sequence

import networkx as nx
import numpy as np

from models.plan import Plan
from models.scenario import Scenario
from planner.cost_graph import END, START, Dag, Node, block_graph
from planner.graph_document import GraphNode, PlanGraph, Resource, Transfer
from planner.group_replay import GroupReplay, replay
from planner.roofs import bytes_of, flop_of, roof_of
from planner.stages import stage_counts
from planner.step_operators import BLOCKS, StepOperator, StepWork, step_work


def plan_graph(scenario: Scenario, plan: Plan, group: int) -> PlanGraph:
    """The graph of one step of a group at its planned batch, priced as the plan was.

    Raises
    ------
    InvalidInput
        There is no such group, or its setting cannot be found in the scenario.
    """
    return graph_of(replay(scenario, plan, group), group)


def graph_of(found: GroupReplay, group: int) -> PlanGraph:
    """The same for a group that is rebuilt already; ``group`` is its number."""
    work = step_work(found)
    graph: Dag = nx.DiGraph()
    nodes = {node.id: node for node in _nodes(found, work, graph)}
    path = _critical_path(graph, nodes)
    told, setting = found.group, found.model.setting
    return PlanGraph(
        group=group, deployment=told.deployment, role=told.role, pool=told.pool,
        parallelism=told.parallelism.short(), cost_source=setting.cost.name, load=_load(work),
        step_s=sum(nodes[name].time_s for name in path), plan_step_s=found.told_s,
        matches_plan=found.matches, parts_s=work.parts_s, critical_path=path,
        nodes=tuple(nodes.values()), edges=tuple(graph.edges), transfer=_transfer(found, setting.spec.layers),
    )  # fmt: skip


def _nodes(found: GroupReplay, work: StepWork, graph: Dag) -> Iterator[GraphNode]:
    """Nodes stage by stage, one after the other; their edges are added on the way."""
    last: list[str] = []

    def after(node: GraphNode) -> GraphNode:
        graph.add_node(node.id)
        graph.add_edges_from((name, node.id) for name in last)
        last[:] = [node.id]
        return node

    ahead: tuple[Resource, ...] = ("host", "encoder")
    for part in ahead:
        if work.parts_s.get(part, 0.0) > 0:
            yield after(_plain(part, 0, work.parts_s[part], part))
    if work.load is None:
        return
    counts = stage_counts(found.model.setting.spec, found.group.layer_partition)
    hop_s = work.parts_s.get("pipeline", 0.0) / max(len(counts) - 1, 1)
    for operator in work.embedding:
        yield after(_node(found, operator, 0, 1))
    for stage, per_kind in enumerate(counts):
        if stage:
            yield after(_plain("pipeline", stage, hop_s, "network"))
        for mine, layers in _blocks(work, [int(n) for n in per_kind]):
            made = {o.name: _node(found, o, stage, layers) for o in mine}
            yield from made.values()
            ids = {name: n.id for name, n in made.items()}
            nodes = [Node(name=o.name, part=o.part, is_collective=o.is_collective) for o in mine]
            last[:] = join_block(graph, nodes, ids, last, overlap=found.model.overlap)
    for operator in work.head:
        yield after(_node(found, operator, len(counts) - 1, 1))


def _blocks(work: StepWork, per_kind: list[int]) -> Iterator[tuple[list[StepOperator], int]]:
    """Operators of every block of a stage, and in how many of its layers they run."""
    for kind, layers in enumerate(per_kind):
        for block in BLOCKS:
            mine = [o for o in work.layers if o.kind == kind and o.block == block]
            if layers and mine:
                yield mine, layers


def join_block(
    graph: Dag, nodes: Sequence[Node], ids: Mapping[str, str], last: Sequence[str], *, overlap: bool
) -> list[str]:
    """Add a block behind the nodes ``last`` under the ids given; the nodes it ends with."""
    block = block_graph(nodes, overlap=overlap)
    graph.add_nodes_from(ids.values())
    for a, b in block.edges:
        if a == START:
            graph.add_edges_from((name, ids[b]) for name in last if b != END)
        elif b != END:
            graph.add_edge(ids[a], ids[b])
    return [ids[name] for name in block.predecessors(END) if name != START] or list(last)


def _node(found: GroupReplay, operator: StepOperator, stage: int, calls: int) -> GraphNode:
    device, work = found.model.setting.site.device, operator.operations
    held: Resource = "network" if operator.is_collective else roof_of(device, work, operator.seconds_s)
    where = f"k{operator.kind}." if operator.kind >= 0 else ""
    block = f"{operator.block}." if operator.kind >= 0 else ""
    return GraphNode(
        id=f"s{stage}.{where}{block}{operator.name}", name=operator.name, part=operator.part, stage=stage,
        calls=calls, resource=held, time_s=calls * operator.seconds_s, flop=calls * flop_of(work),
        bytes=calls * bytes_of(work), sent_bytes=calls * operator.sent_bytes,
    )  # fmt: skip


def _plain(part: str, stage: int, seconds: float, resource: Resource) -> GraphNode:
    return GraphNode(
        id=f"s{stage}.{part}", name=part, part=part, stage=stage, calls=1, resource=resource, time_s=seconds
    )


def _critical_path(graph: Dag, nodes: Mapping[str, GraphNode]) -> tuple[str, ...]:
    """Ids along the longest path; the weight of an edge is the time of the node it leads to."""
    weighted: Dag = nx.DiGraph()
    weighted.add_weighted_edges_from((a, b, nodes[b].time_s) for a, b in graph.edges)
    weighted.add_weighted_edges_from(
        (START, name, nodes[name].time_s) for name, before in graph.in_degree if not before
    )
    return tuple(nx.dag_longest_path(weighted)[1:])


def _load(work: StepWork) -> dict[str, float]:
    """What one attention-dp rank carries in the step."""
    if work.load is None:
        return {}
    names = ("decode_sequences", "decode_context_tokens", "prefill_tokens", "prefill_prior_tokens")
    return {name: float(np.ravel(getattr(work.load, name))[0]) for name in names}


def _transfer(found: GroupReplay, layers: int) -> Transfer | None:
    """Layer by layer behind the computation: the last layer's part is waited for, or what outlasts it."""
    sent = found.hand_over
    if sent is None:
        return None
    whole_s = float(np.ravel(found.replica.transfer_s)[0])  # type: ignore[attr-defined]
    exposed_s = whole_s if found.group.role == "encode" else max(whole_s / layers, whole_s - found.step_s)
    return Transfer(request_bytes=sent.request_bytes, transfer_s=whole_s, exposed_s=exposed_s)
