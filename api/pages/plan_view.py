"""One plan as the page shows it: verdicts, bars and map worked out, nothing left to the template."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.pages.bars import Part, keys, stacked
from api.pages.node_map import NodeRow, node_rows
from api.pages.pictures import DayPicture, day_picture
from api.render.differences import new_groups
from api.render.plan_table import precision_words
from api.render.quantities import percent
from api.render.verdict import METRICS, WORDS, Latency, latencies, slo_of
from models.plan import Group, MemoryBytes, Plan, RankedPlans

MEMORY_COLOURS = {"weights": "c0", "kv_cache": "c1", "activations": "c2", "engine": "c3", "free": "free"}
MEMORY_KEYS = keys(MEMORY_COLOURS, MEMORY_COLOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one deployment stands to its SLO."""

    deployment: str
    status: str
    words: str
    rows: list[Latency]
    statistics: list[str]
    values: list[tuple[str, list[float | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """One group with its memory bar; ``differs`` where the best plan has no such group."""

    letter: str
    group: Group
    memory: list[Part]
    differs: bool

    @property
    def where(self) -> str:
        """Pool and precision, which often are the same for all groups."""
        return f"{self.group.pool} · {precision_words(self.group.precision)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """Everything about one plan."""

    plan: Plan
    verdicts: list[Verdict]
    groups: list[GroupView]
    steps: list[tuple[str, float, list[Part]]]
    nodes: list[NodeRow]
    more_nodes: int
    numbered: bool
    day: DayPicture | None


def plan_view(plan: Plan, answer: RankedPlans) -> PlanView:
    """Work out what the page shows."""
    nodes, more = node_rows(plan, answer.scenario)
    differs = new_groups(plan, answer.plans[0])
    breakdown = plan.explanation.breakdown_s
    parts_known = keys(name for parts in breakdown.values() for name in parts)
    return PlanView(
        plan=plan,
        verdicts=[_verdict(plan, name, answer) for name in plan.predicted],
        groups=[
            GroupView(
                letter=chr(ord("A") + i % 26),
                group=group,
                memory=_memory(group.memory_bytes),
                differs=differs[i],
            )
            for i, group in enumerate(plan.groups)
        ],
        steps=[
            (name.replace("_", " ").replace("/", " "), sum(parts.values()), stacked(parts, parts_known))
            for name, parts in breakdown.items()
        ],
        nodes=nodes,
        more_nodes=more,
        numbered=any(len(cell.text) > 1 for row in nodes for cell in row.cells),
        day=day_picture(plan, [chr(ord("A") + i % 26) for i in range(len(plan.groups))]),
    )


def _verdict(plan: Plan, deployment: str, answer: RankedPlans) -> Verdict:
    predicted = plan.predicted[deployment]
    slo = slo_of(answer.scenario, deployment)
    told = plan.slo.get(deployment)
    status = told.status if told is not None and slo.limits() else "none"
    metrics = {label: getattr(predicted, metric) for metric, label in METRICS.items()}
    statistics = list(dict.fromkeys(key for values in metrics.values() for key in values))
    return Verdict(
        deployment=deployment,
        status=status,
        words=_words(status, told.margins_frac if told is not None else {}),
        rows=latencies(plan, deployment, slo),
        statistics=statistics,
        values=[(label, [values.get(key) for key in statistics]) for label, values in metrics.items()],
    )


def _words(status: str, margins_frac: Mapping[str, float]) -> str:
    """The verdict, and by how much the limit that is missed most is missed."""
    words = WORDS.get(status, "no SLO asked")
    worst = min(margins_frac.values(), default=0.0)
    return words if worst >= 0.0 or status == "met" else f"{words}, misses by {percent(-worst, 0)}"


def _memory(memory: MemoryBytes) -> list[Part]:
    return stacked({name: getattr(memory, name) for name in MEMORY_KEYS}, MEMORY_KEYS)
