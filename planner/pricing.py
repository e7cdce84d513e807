"""Prices candidates: the highest load each sustains within memory and SLO, and why the others fail.

The load of every candidate is found at once by false position on a logarithmic scale: latencies and
memory grow with the load, so the feasible loads of a candidate are an interval that starts at zero.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.cost.base import Array
from models.scenario import Role
from models.workload import Slo, SloLimit
from planner.bands import error_band_frac
from planner.colocated import (
    SHARES_FRAC,
    SplitLayouts,
    colocated,
    every_share,
    prompt_budget,
    split_rows,
)
from planner.encode_point import Encode
from planner.hand_over import HandOver
from planner.layouts import Layouts
from planner.operating_point import Aggregated, Decode, Prefill, Replica, State
from planner.setting import Setting
from planner.step import StepModel
from planner.traffic import Traffic

IDLE_BATCH = 1.0 / 64.0
"""Running sequences at which a replica counts as unloaded: what fails here fails at any load."""
MAX_BATCH = 8192.0
MAX_UTILISATION_FRAC = 0.98
ROUGH_STEPS, FINE_STEPS = 7, 6
BUDGETS_ABOVE_PROMPT = 3
"""Token budgets above the prompt worth trying: room for the prompt beside thousands of decodes."""
ENCODE_BATCHES = (1.0, 2.0, 4.0, 8.0)
"""Requests that an encode replica may take in one batch; tiles alone fill a device from a few on."""
TINY, HUGE = 1e-12, 1e12
STEEPEST = 1.0
"""Margins are capped at a factor e: near saturation latencies run away and would mislead the secant."""
PREFILL_SHARE_FRAC = 0.3
"""Share of an end-to-end limit given to the first token in disaggregated serving without a TTFT limit."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """Candidates of one setting and role that hold the SLO at some load; arrays over candidates."""

    setting: Setting
    role: Role
    hand_over: HandOver | None
    replica: Replica
    layouts: Layouts
    batched_tokens: Array
    load: Array
    state: State

    def __len__(self) -> int:
        return len(self.load)


@dataclass(frozen=True, kw_only=True)
class Unloaded:
    """What the candidates that fit could do at best, for the smallest relaxation of each limit.

    ``latency_s`` holds, by limit, the least latency of an unloaded candidate that meets all other limits.
    ``extra_bytes`` is the least device memory by which any layout misses its weights and one sequence.
    """

    latency_s: dict[str, float]
    extra_bytes: float


@dataclass(frozen=True, kw_only=True)
class RolePricing:
    """Outcome for one setting and role."""

    priced: Priced | None
    looked_at: int
    dropped: Counter[str]
    unloaded: Unloaded


def limits_of(
    role: Role, slo: Slo, upper_frac: Mapping[str, float], pool_frac: float = 0.0
) -> dict[str, SloLimit]:
    """Limits a role answers for, tightened by the upper end of each metric's error band where one is given.

    A disaggregated pair shares an end-to-end limit: the prefill side gets the TTFT limit (or a fixed
    share), the decode side what is left. Of the time to the first token an encode pool takes ``pool_frac``,
    and the replicas behind it the rest.
    """
    limits = slo.limits()
    if slo.e2e_s is not None:
        whole_s = slo.e2e_s.limit_s
        share_s = slo.ttft_s.limit_s if slo.ttft_s else PREFILL_SHARE_FRAC * whole_s
        share_s = min(share_s, 0.9 * whole_s)
        parts = {
            "encode": pool_frac * share_s,
            "prefill": (1.0 - pool_frac) * share_s,
            "decode": whole_s - share_s,
        }
        limits["e2e_s"] = replace(slo.e2e_s, limit_s=parts.get(role, whole_s - pool_frac * share_s))
    if slo.ttft_s is not None:
        frac = pool_frac if role == "encode" else 1.0 - pool_frac
        limits["ttft_s"] = replace(slo.ttft_s, limit_s=frac * slo.ttft_s.limit_s)
    if role in ("prefill", "encode"):
        limits.pop("tpot_s", None)
    if role == "decode":
        limits.pop("ttft_s", None)
    return {
        name: replace(limit, limit_s=limit.limit_s / max(upper_frac.get(name, 1.0), 1.0))
        for name, limit in limits.items()
    }


def price(
    setting: Setting,
    role: Role,
    layouts: Layouts,
    traffic: Traffic,
    hand_over: HandOver | None,
    confidence: str,
) -> RolePricing:
    """Highest sustained load of every layout and token budget of one role."""
    banded = ("ttft_s", "tpot_s", "e2e_s") if confidence == "band" else ()
    upper = {metric: error_band_frac(setting, metric)[1] for metric in banded}
    pool_frac = setting.images.pool_frac if setting.images is not None else 0.0
    limits = limits_of(role, setting.deployment.slo, upper, pool_frac)
    dropped: Counter[str] = Counter()
    rows, budgets = _with_budgets(setting, role, layouts, traffic, dropped)
    looked_at = sum(dropped.values()) + len(rows)
    replica = build_replica(setting, role, rows, traffic, budgets, hand_over)
    low, high = load_range(role, rows)
    good, unloaded = _possible(replica, low, limits, dropped)
    if not good.any():
        return RolePricing(priced=None, looked_at=looked_at, dropped=dropped, unloaded=unloaded)
    rows, budgets, low, high = rows.take(good), budgets[good], low[good], high[good]
    replica = build_replica(setting, role, rows, traffic, budgets, hand_over)
    # a prefill or encode step does not depend on the load: more steps cost next to nothing
    more = 3 if role in ("prefill", "encode") else 1
    # a rough bracket tells the best token budget of a layout; only that one is worth a fine load
    rough = bracket_load(replica, _ends(replica, low, high, limits), limits, ROUGH_STEPS * more)
    best = np.arange(len(rows))
    if not isinstance(layouts, SplitLayouts):  # shares of the SMs that are given are all wanted
        best = _best_budget(rows, replica.state(np.exp(rough.floor)).rate_per_s, budgets)
    dropped["worse_sm_share" if role == "colocated" else "worse_batch_limits"] += len(rows) - len(best)
    rows, budgets = rows.take(best), budgets[best]
    replica = build_replica(setting, role, rows, traffic, budgets, hand_over)
    load = np.exp(bracket_load(replica, rough.take(best), limits, FINE_STEPS * more).floor)
    priced = Priced(
        setting=setting, role=role, hand_over=hand_over, replica=replica, layouts=rows,
        batched_tokens=budgets, load=load, state=replica.state(load),
    )  # fmt: skip
    return RolePricing(priced=priced, looked_at=looked_at, dropped=dropped, unloaded=unloaded)


def build_replica(  # noqa: PLR0913
    setting: Setting,
    role: Role,
    layouts: Layouts,
    traffic: Traffic,
    budgets: Array,
    hand_over: HandOver | None,
) -> Replica:
    """Behaviour of a role over these layouts."""
    if isinstance(layouts, SplitLayouts):
        return colocated(setting, layouts, traffic, budgets)
    model = StepModel(setting=setting, layouts=layouts)
    if role == "prefill":
        assert hand_over is not None
        seconds = hand_over.seconds(layouts, setting.spec)
        return Prefill(model=model, traffic=traffic, batched_tokens=budgets, transfer_s=seconds)
    if role == "encode":
        assert hand_over is not None
        seconds = hand_over.split_seconds(layouts.dp)
        return Encode(model=model, traffic=traffic, batched_tokens=budgets, transfer_s=seconds)
    kind = Aggregated if role == "aggregated" else Decode
    return kind(model=model, traffic=traffic, batched_tokens=budgets)


def load_range(role: Role, layouts: Layouts) -> tuple[Array, Array]:
    """Loads between which the search runs."""
    ones = np.ones(len(layouts))
    if role in ("prefill", "encode"):
        return ones * 1e-3, ones * MAX_UTILISATION_FRAC
    return ones * IDLE_BATCH, MAX_BATCH * layouts.pp.astype(float)


def _with_budgets(
    setting: Setting, role: Role, layouts: Layouts, traffic: Traffic, dropped: Counter[str]
) -> tuple[Layouts, Array]:
    """Every useful layout with every token budget worth trying; decode needs none but its sequences."""
    if role == "colocated":
        split, refused = split_rows(layouts)
        dropped["rule:colocated"] += refused
        return split, np.full(len(split), prompt_budget(setting, traffic))
    useful = np.ones(len(layouts), dtype=bool)
    if role == "decode":
        # context parallelism splits prompts: decode gains nothing from it
        useful = layouts.cp == 1
    if role == "prefill":
        # a cache is handed over at once: splitting its copies for decode gains nothing here
        useful = layouts.dcp == 1
    ladder = token_budgets(setting, role, traffic)
    dropped["rule:role"] += int(np.count_nonzero(~useful)) * len(ladder)
    layouts = layouts.take(useful)
    rows = np.repeat(np.arange(len(layouts)), len(ladder))
    return layouts.take(rows), np.tile(ladder, len(layouts))


def token_budgets(setting: Setting, role: Role, traffic: Traffic) -> Array:
    """Values of ``max_num_batched_tokens`` that a role is tried with.

    A mixed step holds one prompt at most beside its decodes: budgets far above the prompt change nothing. An
    encode batch is counted in whole requests, so that more images per request never make it better.
    """
    if role == "encode":
        assert setting.images is not None
        return np.array(ENCODE_BATCHES) * setting.images.tokens
    ladder = np.array(setting.engine.batched_tokens_ladder, dtype=float)
    if role == "decode":
        return ladder[:1]
    if role == "prefill":
        return ladder
    if role == "colocated":
        # one budget; what is tried is the share of the SMs
        return np.full(len(SHARES_FRAC), prompt_budget(setting, traffic))
    return ladder[: int(np.searchsorted(ladder, traffic.new_tokens)) + BUDGETS_ABOVE_PROMPT]


def margin(replica: Replica, load: Array, limits: dict[str, SloLimit]) -> Array:
    """How far memory, token budget and every limit are from binding: log(limit / value), least of all."""
    state = replica.state(load)
    least = -np.log(np.clip(state.room_frac, TINY, HUGE))
    for metric, limit in limits.items():
        value = replica.latency(load, state, metric, limit.percentile)
        least = np.minimum(least, np.log(limit.limit_s / np.clip(value, TINY, HUGE)))
    clipped: Array = np.clip(least, -STEEPEST, STEEPEST)
    return clipped


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Logarithms of a feasible and an infeasible load of every candidate, with their margins."""

    floor: Array
    ceiling: Array
    above: Array
    below: Array

    def take(self, rows: Array) -> "Bracket":
        """The chosen candidates."""
        return Bracket(
            floor=self.floor[rows], ceiling=self.ceiling[rows], above=self.above[rows], below=self.below[rows]
        )


def _ends(replica: Replica, low: Array, high: Array, limits: dict[str, SloLimit]) -> Bracket:
    """The whole range, ``low`` known to be feasible; no range is left where ``high`` is feasible too."""
    floor, ceiling = np.log(low), np.log(high)
    above, below = margin(replica, low, limits), margin(replica, high, limits)
    return Bracket(floor=np.where(below >= 0.0, ceiling, floor), ceiling=ceiling, above=above, below=below)


def bracket_load(replica: Replica, bracket: Bracket, limits: dict[str, SloLimit], steps: int) -> Bracket:
    """Narrow the bracket of the largest feasible load of every candidate.

    Margins fall with the load, smoothly but for kinks, so false position on the logarithms is quick; every
    fourth step halves the bracket.
    """
    floor, ceiling, above, below = bracket.floor, bracket.ceiling, bracket.above, bracket.below
    last = np.zeros(floor.shape)
    for step in range(steps):
        secant = np.clip(above / np.maximum(above - below, TINY), 0.05, 0.95)
        middle = floor + (ceiling - floor) * (0.5 if step % 4 == 0 else secant)
        found = margin(replica, np.exp(middle), limits)
        good = found >= 0.0
        side = np.where(good, 1.0, -1.0)
        # Illinois rule: an end that stays twice loses half its weight, or the other one crawls
        stuck = side == last
        above = np.where(good, found, np.where(stuck, above / 2.0, above))
        below = np.where(good, np.where(stuck, below / 2.0, below), found)
        floor, ceiling, last = np.where(good, middle, floor), np.where(good, ceiling, middle), side
    return Bracket(floor=floor, ceiling=ceiling, above=above, below=below)


def _possible(
    replica: Replica, low: Array, limits: dict[str, SloLimit], dropped: Counter[str]
) -> tuple[Array, Unloaded]:
    """Candidates that work unloaded; the others are counted under the first reason they fail."""
    state = replica.state(low)
    fits = (state.room_frac <= 1.0) & (replica.longest_memory.sequences >= 1.0)
    dropped["memory"] += int(np.count_nonzero(~fits))
    latencies = {m: replica.latency(low, state, m, limit.percentile) for m, limit in limits.items()}
    meets = {m: latencies[m] <= limits[m].limit_s for m in limits}
    good = fits
    for metric, met in meets.items():
        dropped[f"slo:{metric.removesuffix('_s')}"] += int(np.count_nonzero(good & ~met))
        good = good & met
    best: dict[str, float] = {}
    for metric in limits:
        others = fits.copy()
        for other, met in meets.items():
            if other != metric:
                others &= met
        if others.any():
            best[metric] = float(latencies[metric][others].min())
    return good, Unloaded(latency_s=best, extra_bytes=_extra_bytes(replica))


def _extra_bytes(replica: Replica) -> float:
    """Device memory missing for weights and one longest sequence, on the layout that misses least [B]."""
    memory = replica.longest_memory
    missing = memory.kv_per_sequence - memory.kv_pool
    return float(max(missing.min(), 0.0)) if len(missing) else float("inf")


def _best_budget(layouts: Layouts, rate: Array, budgets: Array) -> Array:
    """One row per layout: the token budget with the highest rate, the smallest among equals."""
    key = np.stack([layouts.tp, layouts.pp, layouts.cp, layouts.dcp, layouts.dp, layouts.ep])
    _, group = np.unique(key, axis=1, return_inverse=True)
    order = np.lexsort((budgets, -np.round(rate, 9), group.ravel()))
    first = np.ones(len(order), dtype=bool)
    first[1:] = group.ravel()[order][1:] != group.ravel()[order][:-1]
    return np.sort(order[first])


def lighter_loads(priced: Priced, fractions: tuple[float, ...]) -> Iterator[Priced]:
    """The same candidates at shares of their highest load: fewer requests, in fewer seconds."""
    for fraction in fractions:
        load = priced.load * fraction
        yield replace(priced, load=load, state=priced.replica.state(load))


def each_share(priced: Priced, confidence: str) -> Iterator[Priced]:
    """Colocated candidates at every share of the SMs, not only the best one; others as they are."""
    if priced.role != "colocated":
        yield priced
        return
    layouts = every_share(priced.layouts)
    found = price(priced.setting, priced.role, layouts, priced.replica.traffic, None, confidence).priced
    if found is not None:
        yield found
