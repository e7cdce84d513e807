"""Prices fixed configurations in bulk: rows are grouped by what their cost graphs share, then arrays."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from models import catalog, codec
from models.calibration import Calibration
from models.cluster import Pool
from models.cost.base import Array
from models.errors import InvalidInput, NotBuilt, ShardwrightError
from models.plan import Evidence
from models.precision import Precision
from models.prediction import PredictGroup, Prediction, PredictRow
from models.scenario import Deployment, EngineChoice, InlineModel
from models.workload import Arrival, Workload
from planner import step_tables
from planner.closed_loop import ClosedLoop, Loop, aggregated, disaggregated
from planner.evidence import of_candidate, of_setting, together
from planner.hand_over import HandOver, prompt_cache_bytes
from planner.layouts import Layouts
from planner.served_precision import served_precision
from planner.setting import Setting, cost_of, holding, resolve_calibration, resolve_model, resolve_site
from planner.step import StepModel
from planner.step_tables import StepTables

TAIL = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
TOKEN_SPREAD = {"p50": 1.0, "p95": 1.1, "p99": 1.2}
"""Spread of the time per token over requests of a closed loop (kind assumed: lengths are nearly fixed)."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What rows must share to be priced together."""

    model: str
    device: str
    engine: str
    version: str | None
    precision: Precision
    roles: tuple[str, ...]


def predict(
    rows: Sequence[Any], calibration: Calibration | None = None, steps: StepTables | None = None
) -> list[dict[str, Any]]:
    """Price every row, in order; a row that cannot be priced says why.

    ``calibration`` corrects the rows whose device and engine it was measured on; ``steps`` prices rows
    from measured step times where it has them.
    """
    calibration = resolve_calibration(calibration, "/calibration")
    answers: list[Prediction | None] = [None] * len(rows)
    together: dict[_Key, list[tuple[int, PredictRow]]] = defaultdict(list)
    for i, content in enumerate(rows):
        try:
            row = codec.from_plain(PredictRow, content)
            together[_key(row)].append((i, row))
        except NotBuilt as error:
            answers[i] = _refused(content, "unsupported", str(error))
        except ShardwrightError as error:
            answers[i] = _refused(content, "invalid", str(error))
    for members in together.values():
        try:
            priced = _price([row for _, row in members], calibration, steps)
        except InvalidInput as error:
            priced = [_refused({"id": row.id}, "invalid", str(error)) for _, row in members]
        for (i, _), answer in zip(members, priced, strict=True):
            answers[i] = answer
    return [codec.to_plain(answer) for answer in answers]


def _refused(content: Any, status: Any, reason: str) -> Prediction:
    name = content.get("id") if isinstance(content, dict) else None
    return Prediction(id=name if isinstance(name, str) else None, status=status, reason=reason)


def _key(row: PredictRow) -> _Key:
    model = row.model if isinstance(row.model, str) else codec.to_json(row.model, indent=None)
    roles = tuple(sorted(g.role for g in row.groups))
    return _Key(model, row.device, row.engine.name, row.engine.version, row.precision, roles)


def _price(
    rows: list[PredictRow], calibration: Calibration | None, steps: StepTables | None
) -> list[Prediction]:
    """Price rows that share model, device, engine, precision and roles."""
    setting = setting_of(rows[0], calibration)
    if steps is not None:
        asked = dict.fromkeys(g.parallelism for row in rows for g in row.groups)
        setting = steps.applied(setting, Layouts.of(*asked))
    result = closed_loop_of(setting, rows)
    return [_answer(row, setting, result, i, _evidence(row, setting)) for i, row in enumerate(rows)]


def setting_of(row: PredictRow, calibration: Calibration | None = None) -> Setting:
    """What the row is priced in; settings of catalogue models are kept, those of a calibration are not."""
    if calibration is not None:
        return _setting(row.model, row.device, row.engine, row.precision, calibration)
    make = _named_setting if isinstance(row.model, str) else _setting
    return make(row.model, row.device, row.engine, row.precision)


@lru_cache(maxsize=1024)
def _named_setting(model: str, device: str, engine: EngineChoice, precision: Precision) -> Setting:
    return _setting(model, device, engine, precision)


def _setting(
    model: str | InlineModel,
    device: str,
    choice: EngineChoice,
    precision: Precision,
    calibration: Calibration | None = None,
) -> Setting:
    found = catalog.device(device)
    engine = catalog.engine(choice.name)
    deployment = Deployment(
        name="row",
        model=model,
        engine=choice,
        workload=Workload(arrival=Arrival(concurrency=1), input_tokens=1.0, output_tokens=1.0),
    )
    pool = Pool(name="row", device=device, nodes=None, devices_per_node=found.devices_per_node)
    spec = resolve_model(deployment, "")
    own = holding(calibration, found, choice.name)
    return Setting(
        deployment_index=0, pool_index=0, precision_index=0, deployment=deployment,
        spec=spec, site=resolve_site(pool, catalog.price_book(), ""), engine=engine,
        precision=served_precision(spec, precision, engine),
        cost=cost_of(found, choice, None, own), calibration=own,
    )  # fmt: skip


def closed_loop_of(setting: Setting, rows: list[PredictRow]) -> ClosedLoop:
    """Steady state of rows that share the setting and their roles."""
    loop = _aggregated if len(rows[0].groups) == 1 else _disaggregated
    with np.errstate(over="ignore", invalid="ignore"):
        return loop(setting, rows)


def _aggregated(setting: Setting, rows: list[PredictRow]) -> ClosedLoop:
    groups = [row.groups[0] for row in rows]
    return aggregated(step_model(setting, groups), loop_of(setting, rows, groups))


def _disaggregated(setting: Setting, rows: list[PredictRow]) -> ClosedLoop:
    by_role = [{g.role: g for g in row.groups} for row in rows]
    first, second = [r["prefill"] for r in by_role], [r["decode"] for r in by_role]
    model = step_model(setting, first)
    device = setting.site.device
    sizes = np.array(
        [prompt_cache_bytes(setting.spec, setting.precision.cache, r.input_tokens) for r in rows]
    )
    hand_over = HandOver(
        to_pool=0, request_bytes=1.0, rank_bytes_per_s=device.scale_out_bytes_per_s,
        link_bytes_per_s=np.inf, latency_s=0.0,
    )  # fmt: skip
    transfer = device.scale_out_latency_s + sizes * hand_over.seconds(model.layouts, setting.spec)
    # layer by layer behind the computation: only the last layer's part is waited for
    exposed = transfer / setting.spec.layers
    return disaggregated(
        model,
        step_model(setting, second),
        loop_of(setting, rows, first),
        loop_of(setting, rows, second),
        exposed,
    )


def step_model(setting: Setting, groups: list[PredictGroup]) -> StepModel:
    """Prices of the steps of these replicas, one layout a row."""
    return step_tables.step_model(setting, Layouts.of(*(g.parallelism for g in groups)))


def loop_of(setting: Setting, rows: list[PredictRow], groups: list[PredictGroup]) -> Loop:
    """What the rows ask of those replicas."""
    tier = setting.engine.tier(setting.site.device)
    return Loop(
        input_tokens=_column(r.input_tokens for r in rows),
        output_tokens=_column(r.output_tokens for r in rows),
        concurrency=_column(r.concurrency for r in rows),
        replicas=_column(g.replicas for g in groups),
        max_batch=_column(g.max_batch or tier.max_num_seqs for g in groups),
        batched_tokens=np.full(len(rows), float(tier.max_num_batched_tokens)),
    )


def _column(values: Any) -> Array:
    return np.fromiter(values, dtype=np.float64)


def _answer(row: PredictRow, setting: Setting, result: ClosedLoop, i: int, evidence: Evidence) -> Prediction:
    ttft, wait, tpot = (float(a[i]) for a in (result.ttft_s, result.wait_s, result.tpot_s))
    if not (np.isfinite(ttft) and np.isfinite(tpot) and tpot > 0):
        return Prediction(
            id=row.id, status="unsupported", reason="no finite step time for this configuration"
        )
    own = ttft - wait
    # waits of a loop that starts in one burst are spread evenly between none and twice the mean
    first = {"mean": ttft} | {name: own + 2.0 * q * wait for name, q in TAIL.items()}
    token = {"mean": tpot} | {name: tpot * f for name, f in TOKEN_SPREAD.items()}
    return Prediction(
        id=row.id, status="ok", ttft_s=first, tpot_s=token,
        output_tokens_per_s=float(result.output_tokens_per_s[i]), memory_ok=bool(result.fits[i]),
        evidence=evidence,
    )  # fmt: skip


def _evidence(row: PredictRow, setting: Setting) -> Evidence:
    """What the row's prediction rests on: that of its least sure group."""
    if setting.steps is None:
        return of_setting(setting)
    model = step_model(setting, list(row.groups))
    return together([of_candidate(model, i) for i in range(len(row.groups))])
