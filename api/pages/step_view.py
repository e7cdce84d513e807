"""One step of a group as the page shows it: waterfall, roofline, and memory by pipeline stage."""

from dataclasses import dataclass

from api.pages.bars import COLOURS, Part, stacked
from api.pages.plan_charts import roofline_chart
from api.pages.plan_view import MEMORY_KEYS
from api.pages.scatter import Scatter
from models.errors import ShardwrightError
from models.plan import Plan
from models.scenario import Scenario
from planner.graph_document import PlanGraph
from planner.group_replay import replay
from planner.plan_graph import graph_of
from planner.roofline_view import PlanRoofline, roofline_of
from planner.stage_memory import stage_memory
from planner.step_waterfall import WORDS, waterfall

HUES = {name: f"c{i % COLOURS}" for i, name in enumerate(WORDS)}
STEPS = {
    "aggregated": "a step that carries a chunk of a prompt beside its decodes",
    "prefill": "a step with a full budget of prompt tokens",
    "decode": "a step of decode",
    "colocated": "a step of decode beside a prompt",
    "encode": "a batch of images",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FallView:
    """One part of the waterfall, in percent of its length."""

    words: str
    colour: str
    time_s: float
    start_percent: float
    width_percent: float
    share_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """Memory of one device of a stage."""

    stage: int
    layers: int
    is_worst: bool
    memory: list[Part]
    free_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """Everything the page shows of one group's step."""

    graph: PlanGraph
    words: str
    falls: list[FallView]
    roofline: PlanRoofline
    chart: Scatter | None
    stages: list[StageView]
    strip: list[tuple[str, int, float, float]]
    """Layers per stage: colour, number, start and width in percent."""


def step_view(scenario: Scenario, plan: Plan, group: int) -> StepView | None:
    """The step of a group; None where this version cannot price it (a name has left the catalogue)."""
    try:
        found = replay(scenario, plan, group)
    except ShardwrightError:
        return None
    graph, roofline = graph_of(found, group), roofline_of(found, group)
    falls = waterfall(graph)
    whole = sum(fall.time_s for fall in falls) or 1.0
    return StepView(
        graph=graph, words=STEPS[graph.role], roofline=roofline, chart=roofline_chart(roofline),
        falls=[
            FallView(
                words=fall.words, colour=HUES[fall.name], time_s=fall.time_s,
                start_percent=round(fall.start_s / whole * 100, 3),
                width_percent=max(round(fall.time_s / whole * 100, 3), 0.2), share_frac=fall.time_s / whole,
            )
            for fall in falls
        ],
        stages=[
            StageView(
                stage=s.stage, layers=s.layers, is_worst=s.is_worst, free_bytes=s.memory.free,
                memory=stacked({name: getattr(s.memory, name) for name in MEMORY_KEYS}, MEMORY_KEYS),
            )
            for s in stage_memory(found)
        ],
        strip=_strip(plan.groups[group].layer_partition),
    )  # fmt: skip


def _strip(partition: tuple[int, ...]) -> list[tuple[str, int, float, float]]:
    whole, start, found = sum(partition), 0, []
    for stage, layers in enumerate(partition):
        percent = round(start / whole * 100, 3), round(layers / whole * 100, 3)
        found.append((f"c{stage % COLOURS}", layers, *percent))
        start += layers
    return found
