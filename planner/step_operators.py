"""Operators of one step of a replica: where each runs, how often, how long, and the work behind it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.cost.base import Array, Operation
from planner.block_operations import BlockPricer, Weight
from planner.colocated import Colocated
from planner.group_replay import GroupReplay
from planner.step import StepModel
from planner.step_load import StepLoad
from planner.watched_costs import WatchedCost, WatchedModel

BLOCKS = ("mixer", "ffn")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOperator:
    """One node of the cost graph of a layer, or of the ends of the model; figures of one device.

    ``kind`` is the layer kind it belongs to, -1 outside layers; ``seconds_s`` that of one call.
    ``operations`` are the kernels behind it, ``sent_bytes`` the payloads of its collectives.
    """

    name: str
    part: str
    kind: int
    block: str
    is_collective: bool
    seconds_s: float
    operations: tuple[Operation, ...] = ()
    sent_bytes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWork:
    """Everything a step is made of, in order; ``parts_s`` are the seconds of the whole step by part."""

    load: StepLoad | None
    layers: tuple[StepOperator, ...]
    embedding: tuple[StepOperator, ...]
    head: tuple[StepOperator, ...]
    parts_s: dict[str, float]


def step_work(found: GroupReplay) -> StepWork:
    """Operators of the step that the plan breaks down; their sum is its time."""
    parts = {name: _one(s) for name, s in found.cost.parts_s.items()}
    load = _priced_load(found)
    if load is None:
        return StepWork(load=None, layers=(), embedding=(), head=(), parts_s=parts)
    model = found.model
    watched = WatchedCost(source=model.setting.cost)
    setting = replace(model.setting, cost=watched)
    # stated factors and those of the device stretch all of a step alike, but for the host
    frac = model.overheads.step_frac * _stretch(found, load)
    pricer = BlockPricer(setting, model.layouts, load)
    layers = tuple(
        _operator(weight, frac, k, block, taken, sent)
        for k, kind in enumerate(setting.spec.kinds)
        for block in BLOCKS
        for weight, taken, sent in _nodes(pricer, kind, block, watched)
    )
    embedding, head = _ends(replace(model, setting=setting), pricer, watched, frac)
    return StepWork(load=load, layers=layers, embedding=embedding, head=head, parts_s=parts)


def _one(seconds: Array | float) -> float:
    return float(np.ravel(np.asarray(seconds))[0])


def _priced_load(found: GroupReplay) -> StepLoad | None:
    """The load under which the replica prices its step; None for replicas without a language model."""
    if found.group.role == "encode":
        return None
    watched = WatchedModel.of(found.model)
    inner: Any = found.replica.decode if isinstance(found.replica, Colocated) else found.replica
    replace(inner, model=watched).shape(found.load)
    return watched.loads[-1]


def _stretch(found: GroupReplay, load: StepLoad) -> float:
    """How much longer the step is told than its load is priced: factors that the scenario states."""
    encoder_s = _one(found.cost.parts_s.get("encoder", 0.0))
    return (found.step_s - encoder_s) / _one(found.model.cost(load).travel_s)


def _nodes(
    pricer: BlockPricer, kind: object, block: str, watched: WatchedCost
) -> Iterator[tuple[Weight, list[Operation], list[Array]]]:
    """Nodes of a block with what was asked for since the node before."""
    cell = getattr(kind, block)
    if cell is None:
        return
    watched.operations.clear()
    watched.payload_bytes.clear()
    for weight in getattr(pricer, block)(cell):
        # both phases of attention are priced before the first is handed out
        later = [
            o
            for o in watched.operations
            if weight[0].name == "attention_prefill" and o.kind.endswith("decode")
        ]
        yield weight, [o for o in watched.operations if o not in later], list(watched.payload_bytes)
        watched.operations[:] = later
        watched.payload_bytes.clear()


def _operator(
    weight: Weight, frac: float, kind: int, block: str, taken: list[Operation], sent: list[Array]
) -> StepOperator:
    node, seconds = weight
    return StepOperator(
        name=node.name, part=node.part, kind=kind, block=block, is_collective=node.is_collective,
        seconds_s=frac * _one(seconds), operations=tuple(taken),
        sent_bytes=max((_one(b) for b in sent), default=0.0),
    )  # fmt: skip


def _ends(
    model: StepModel, pricer: BlockPricer, watched: WatchedCost, frac: float
) -> tuple[tuple[StepOperator, ...], tuple[StepOperator, ...]]:
    """Embedding on the first stage; head, gathering of the logits and sampling on the last."""
    watched.operations.clear()
    watched.payload_bytes.clear()
    embed_s, head_s = model.ends(pricer)
    first, *rest = watched.operations
    embedding = StepOperator(
        name="embedding", part="head", kind=-1, block="embedding", is_collective=False,
        seconds_s=frac * _one(embed_s), operations=(first,),
    )  # fmt: skip
    head = StepOperator(
        name="head", part="head", kind=-1, block="head", is_collective=False,
        seconds_s=frac * _one(head_s), operations=tuple(rest),
        sent_bytes=max((_one(b) for b in watched.payload_bytes), default=0.0),
    )  # fmt: skip
    return (embedding,), (head,)
