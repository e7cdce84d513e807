"""Prices candidates: the highest load each sustains within memory and SLO, and why the others fail.

The load of every candidate is found at once by false position (:mod:`planner.load_bracket`). Of very many
candidates, those that cannot be among the best are told by bounds first (:mod:`planner.screening`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.cost.base import Array
from models.scenario import Role
from models.workload import Slo, SloLimit
from planner.best_load import best_load
from planner.colocated import (
    SHARES_FRAC,
    SplitLayouts,
    colocated,
    every_share,
    prompt_budget,
    split_rows,
)
from planner.encode_point import Encode
from planner.evidence import upper_frac
from planner.hand_over import HandOver
from planner.layouts import Layouts, layout_numbers
from planner.load_bracket import bracket_load, whole_range
from planner.operating_point import Aggregated, Decode, Prefill, Replica, State
from planner.screening import screen
from planner.setting import Setting
from planner.stated_rates import StatedDecode, StatedPrefill
from planner.step import StepModel
from planner.step_tables import step_model
from planner.traffic import Traffic
from planner.unloaded import Unloaded, UnloadedCheck

IDLE_BATCH = 1.0 / 64.0
"""Running sequences at which a replica counts as unloaded: what fails here fails at any load."""
MAX_BATCH = 8192.0
MAX_UTILISATION_FRAC = 0.98
ROUGH_STEPS, FINE_STEPS = 7, 6
SCREENED_FROM = 1500
"""Candidates of one setting and role from which bounding them first is quicker than pricing them all."""
BUDGETS_ABOVE_PROMPT = 3
"""Token budgets above the prompt worth trying: room for the prompt beside thousands of decodes."""
ENCODE_BATCHES = (1.0, 2.0, 4.0, 8.0)
"""Requests that an encode replica may take in one batch; tiles alone fill a device from a few on."""
PREFILL_SHARE_FRAC = 0.3
"""Share of an end-to-end limit given to the first token in disaggregated serving without a TTFT limit."""


def _no_rows() -> Array:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Priced:
    """Candidates of one setting and role that hold the SLO at some load; arrays over candidates.

    ``source`` gives the rows they were among those offered, ``stream`` the traffic they were priced for and
    ``tier`` the limits they hold among those of the deployment. Where classes share them, ``classes`` holds
    the same candidates priced for each class, which ``serves`` those of them that it may use; ``state`` then
    has the largest rate.
    """

    setting: Setting
    role: Role
    hand_over: HandOver | None
    replica: Replica
    layouts: Layouts
    batched_tokens: Array
    load: Array
    state: State
    source: Array = field(default_factory=_no_rows)
    stream: int = 0
    tier: int = 0
    classes: tuple["Priced", ...] = ()
    serves: Array | None = None

    def by_stream(self) -> list[tuple[int, Array]]:
        """Requests of each stream alone that a replica sustains, 0 where it does not serve it."""
        if self.classes:
            return [pair for one in self.classes for pair in one.by_stream()]
        rates = self.state.rate_per_s
        return [(self.stream, rates if self.serves is None else np.where(self.serves, rates, 0.0))]

    def __len__(self) -> int:
        return len(self.load)


@dataclass(frozen=True, kw_only=True)
class RolePricing:
    """Outcome for one setting and role; ``by_class`` tells streams apart that share the replicas."""

    priced: Priced | None
    looked_at: int
    dropped: Counter[str]
    unloaded: Unloaded
    by_class: tuple[tuple[int, Unloaded], ...] = ()


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


def price(  # noqa: PLR0913
    setting: Setting,
    role: Role,
    layouts: Layouts,
    traffic: Traffic,
    hand_over: HandOver | None,
    confidence: str,
    needed: int | None = None,
) -> RolePricing:
    """Highest sustained load of every layout and token budget of one role.

    ``needed`` is the number of different plans wanted where candidates may be dropped for the bounds on their
    rates alone (see :mod:`planner.screening`); None prices all of them.
    """
    return price_sent(setting, role, layouts, traffic, (hand_over,), confidence, needed)[0]


def price_sent(  # noqa: PLR0913
    setting: Setting,
    role: Role,
    layouts: Layouts,
    traffic: Traffic,
    hand_overs: Sequence[HandOver | None],
    confidence: str,
    needed: int | None = None,
) -> list[RolePricing]:
    """The same for several hand-overs, which share memory and steps."""
    banded = ("ttft_s", "tpot_s", "e2e_s") if confidence == "band" else ()
    upper = {metric: upper_frac(setting, metric) for metric in banded}
    pool_frac = setting.images.pool_frac if setting.images is not None else 0.0
    limits = limits_of(role, setting.deployment.slo, upper, pool_frac)
    dropped: Counter[str] = Counter()
    rows, budgets = with_budgets(setting, role, layouts, traffic, dropped)
    looked_at = sum(dropped.values()) + len(rows)
    one = build_replica(setting, role, rows, traffic, budgets, hand_overs[0])
    # measured times jitter: bounds from loads that were tried would not hold
    bounded = needed if setting.steps is None else None
    found = []
    for hand_over in hand_overs:
        check = UnloadedCheck(limits=limits, dropped=Counter(dropped))
        replica = _sending(one, hand_over)
        priced = _price_rows(replica, role, hand_over, check, bounded, isinstance(layouts, SplitLayouts))
        found.append(
            RolePricing(priced=priced, looked_at=looked_at, dropped=check.dropped, unloaded=check.found)
        )
    return found


def price_offered(replica: Replica, role: Role, hand_over: HandOver | None, confidence: str) -> RolePricing:
    """Highest sustained load of all rows of a replica that hold the SLO, none dropped for another."""
    setting = replica.model.setting
    banded = ("ttft_s", "tpot_s", "e2e_s") if confidence == "band" else ()
    upper = {metric: upper_frac(setting, metric) for metric in banded}
    check = UnloadedCheck(limits=limits_of(role, setting.deployment.slo, upper), dropped=Counter())
    looked_at = len(replica.model.layouts)
    priced = _price_rows(replica, role, hand_over, check, None, every=True)
    return RolePricing(priced=priced, looked_at=looked_at, dropped=check.dropped, unloaded=check.found)


def _sending(replica: Replica, hand_over: HandOver | None) -> Replica:
    """The replica with this hand-over, where it has one."""
    if hand_over is None:
        return replica
    if isinstance(replica, Encode):
        return replica.sending_in(hand_over.split_seconds(replica.model.layouts.dp))
    if isinstance(replica, Prefill):
        return replica.sending_in(hand_over.seconds(replica.model.layouts, replica.model.setting.spec))
    return replica


def _price_rows(  # noqa: PLR0913
    replica: Replica,
    role: Role,
    hand_over: HandOver | None,
    check: UnloadedCheck,
    needed: int | None,
    every: bool,
) -> Priced | None:
    """Drop what fails, bracket roughly, keep the best token budget of each layout, bracket finely.

    With ``every`` all rows are wanted: shares of the SMs that are given.
    """
    low, high = load_range(role, replica.model.layouts)
    fit = np.flatnonzero(check.fits(replica, low))
    replica, low, high = replica.take(fit), low[fit], high[fit]
    source = fit
    if needed is not None and role != "colocated" and len(fit) >= SCREENED_FROM:
        failed = check.failed
        kept = screen(replica, low, high, check, needed)
        check.dropped["bounded"] += len(low) - len(kept) - (check.failed - failed)
        replica, low, high, source = replica.take(kept), low[kept], high[kept], source[kept]
    met, above, _ = check.meets(replica, low)
    if not met.any():
        return None
    good = np.flatnonzero(met)
    replica, low, high, above = replica.take(good), low[good], high[good], above[good]
    source = source[good]
    # a prefill or encode step does not depend on the load: more steps cost next to nothing
    more = 3 if role in ("prefill", "encode") else 1
    # a rough bracket tells the best token budget of a layout; only that one is worth a fine load
    whole = whole_range(replica, low, high, above, check.limits)
    rough = bracket_load(replica, whole, check.limits, ROUGH_STEPS * more)
    rate = replica.state(_best(replica, role, np.exp(rough.floor))).rate_per_s
    best = np.arange(len(rate))
    if not every:
        best = _best_budget(replica.model.layouts, rate, replica.batched_tokens)
    check.dropped["worse_sm_share" if role == "colocated" else "worse_batch_limits"] += len(rate) - len(best)
    replica = replica.take(best)
    fine = bracket_load(replica, rough.take(best), check.limits, FINE_STEPS * more)
    load = _best(replica, role, np.exp(fine.floor))
    return Priced(
        setting=replica.model.setting, role=role, hand_over=hand_over, replica=replica,
        layouts=replica.model.layouts, batched_tokens=replica.batched_tokens, load=load,
        state=replica.state(load), source=source[best],
    )  # fmt: skip


def _best(replica: Replica, role: Role, highest: Array) -> Array:
    """The load of the highest rate; prefill and encode replicas are loaded by time, not by sequences."""
    return highest if role in ("prefill", "encode") else best_load(replica, highest)


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
    if role == "encode":
        assert hand_over is not None
        seconds = hand_over.split_seconds(layouts.dp)
        own = StepModel(setting=setting, layouts=layouts)
        return Encode(model=own, traffic=traffic, batched_tokens=budgets, transfer_s=seconds)
    if role == "aggregated":
        model = step_model(setting, layouts)
        return Aggregated(model=model, traffic=traffic, batched_tokens=budgets)
    stated = setting.rate_factors is not None
    model = step_model(setting, layouts, host=not stated)
    if role == "prefill":
        assert hand_over is not None
        first = StatedPrefill if stated else Prefill
        seconds = hand_over.seconds(layouts, setting.spec)
        return first(model=model, traffic=traffic, batched_tokens=budgets, transfer_s=seconds)
    later = StatedDecode if stated else Decode
    return later(model=model, traffic=traffic, batched_tokens=budgets)


def load_range(role: Role, layouts: Layouts) -> tuple[Array, Array]:
    """Loads between which the search runs."""
    ones = np.ones(len(layouts))
    if role in ("prefill", "encode"):
        return ones * 1e-3, ones * MAX_UTILISATION_FRAC
    return ones * IDLE_BATCH, MAX_BATCH * layouts.pp.astype(float)


def with_budgets(
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


def _best_budget(layouts: Layouts, rate: Array, budgets: Array) -> Array:
    """One row per layout: the token budget with the highest rate, the smallest among equals."""
    group, _ = layout_numbers(layouts)
    order = np.lexsort((budgets, -np.round(rate, 9), group))
    first = np.ones(len(order), dtype=bool)
    first[1:] = group[order][1:] != group[order][:-1]
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
        yield replace(found, stream=priced.stream, tier=priced.tier)
