"""What one layout takes of a device: the memory of a plan, without planning."""

import numpy as np

from models import catalog
from models.cluster import Pool
from models.errors import InvalidInput
from models.memory_use import MemoryQuestion, MemoryUse
from models.plan import MemoryBytes
from models.scenario import Deployment
from models.workload import Arrival, Workload
from planner.layouts import Layouts, rules
from planner.memory_fit import MemoryFit, fit
from planner.reasons import rule_text
from planner.served_precision import served_precision
from planner.setting import Setting, cost_of, resolve_model, resolve_site
from planner.step import StepModel


def memory_use(asked: MemoryQuestion) -> MemoryUse:
    """Memory of the tightest rank of one replica.

    Raises
    ------
    InvalidInput
        A name that the catalogue does not hold, a configuration that cannot be read, or more pipeline
        stages than layers: a stage without a layer holds nothing that could be told.
    """
    setting = _setting(asked)
    _check_stages(asked.parallelism.pp, setting.spec.layers)
    layouts = Layouts.of(asked.parallelism)
    tier = setting.engine.tier(setting.site.device)
    seats = asked.max_num_seqs or tier.max_num_seqs
    batched = asked.max_num_batched_tokens or tier.max_num_batched_tokens
    found = fit(
        StepModel(setting=setting, layouts=layouts),
        asked.sequence_tokens,
        np.array([float(seats)]),
        np.array([float(batched)]),
    )
    one = float(found.kv_per_sequence[0])
    missing = max(one - float(found.kv_pool[0]), 0.0)
    broken = [name for name, obeys in rules(setting, layouts).items() if not obeys[0]]
    return MemoryUse(
        precision=setting.precision,
        memory_bytes=_parts(found),
        fits=missing == 0.0,
        missing_bytes=missing,
        sequence_bytes=one,
        sequences=int(found.sequences[0]) * asked.parallelism.dp,
        cache_tokens=float(found.tokens_per_pool[0]),
        max_num_seqs=seats,
        max_num_batched_tokens=batched,
        max_context_tokens=setting.spec.max_context_tokens,
        rules_failed=tuple(rule_text(name, setting) for name in broken),
    )


def _check_stages(pp: int, layers: int) -> None:
    if pp > layers:
        raise InvalidInput(
            f"pp={pp} is more than the {layers} layers of the model",
            pointer="/parallelism/pp",
            hint=f"Maybe pp={layers} at most.",
        )


def _parts(found: MemoryFit) -> MemoryBytes:
    weights, activations, engine = (float(a[0]) for a in (found.weights, found.activations, found.engine))
    pool = max(float(found.kv_pool[0]), 0.0)
    return MemoryBytes(
        weights=weights, kv_cache=pool, activations=activations, engine=engine,
        free=found.capacity - weights - pool - activations - engine, capacity=found.capacity,
    )  # fmt: skip


def _setting(asked: MemoryQuestion) -> Setting:
    """The replica on a pool of its device; traffic takes no part in memory."""
    device = catalog.device(asked.device)
    engine = catalog.engine(asked.engine.name)
    deployment = Deployment(
        name="replica",
        model=asked.model,
        engine=asked.engine,
        workload=Workload(arrival=Arrival(concurrency=1), input_tokens=1.0, output_tokens=1.0),
    )
    pool = Pool(name="pool", device=device.id, nodes=None, devices_per_node=device.devices_per_node)
    spec = resolve_model(deployment, "")
    return Setting(
        deployment_index=0, pool_index=0, precision_index=0, deployment=deployment, spec=spec,
        site=resolve_site(pool, catalog.price_book(), ""), engine=engine,
        precision=served_precision(spec, asked.precision or spec.precision, engine),
        cost=cost_of(device, asked.engine, None, None),
    )  # fmt: skip
