"""Prices replicas that several classes of traffic share: each class with its own traffic, at shared limits.

A layout is tried with every token budget under every class; the budget that serves most of the offered mix,
in the least of a replica's time, is the one it comes with.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.cost.base import Array
from planner.layouts import Layouts, layout_numbers
from planner.pricing import Priced, RolePricing, build_replica, load_range, price_offered, with_budgets
from planner.traffic import Traffic
from planner.variants import Variant


@dataclass(frozen=True, kw_only=True)
class Sharer:
    """One class that shares replicas: its stream, what is asked of it, and its way through the cluster."""

    stream: int
    rate_per_s: float
    traffic: Traffic
    variant: Variant


def price_shared(sharers: Sequence[Sharer], layouts: Layouts, confidence: str) -> RolePricing:
    """Highest sustained load of every layout for each class alone, at one token budget per layout."""
    first, role = sharers[0].variant, sharers[0].variant.role
    longest = max((s.traffic for s in sharers), key=lambda t: t.new_tokens)
    dropped: Counter[str] = Counter()
    rows, budgets = with_budgets(first.setting, role, layouts, longest, dropped)
    looked_at = len(sharers) * (len(rows) + sum(dropped.values()))
    dropped = Counter({name: len(sharers) * n for name, n in dropped.items()})
    offered = [
        build_replica(s.variant.setting, role, rows, s.traffic, budgets, s.variant.hand_over) for s in sharers
    ]
    alone = [
        price_offered(replica, role, s.variant.hand_over, confidence)
        for s, replica in zip(sharers, offered, strict=True)
    ]
    for one in alone:
        dropped.update(one.dropped)
    rate, load = np.zeros((len(sharers), len(rows))), np.zeros((len(sharers), len(rows)))
    load[:] = load_range(role, rows)[0]
    for k, one in enumerate(alone):
        if one.priced is not None:
            rate[k, one.priced.source] = one.priced.state.rate_per_s
            load[k, one.priced.source] = one.priced.load
    picked = _best_for_mix(rows, rate, budgets, np.array([s.rate_per_s for s in sharers]))
    dropped["worse_batch_limits"] += sum(len(one.priced) for one in alone if one.priced) - len(picked)
    outcome = RolePricing(
        priced=None, looked_at=looked_at, dropped=dropped, unloaded=alone[0].unloaded,
        by_class=tuple((s.stream, one.unloaded) for s, one in zip(sharers, alone, strict=True)),
    )  # fmt: skip
    if not len(picked):
        return outcome
    classes = []
    for k, (s, whole) in enumerate(zip(sharers, offered, strict=True)):
        if not rate[k, picked].any():
            continue
        replica = whole.take(picked)
        classes.append(
            Priced(
                setting=s.variant.setting, role=role, hand_over=s.variant.hand_over, replica=replica,
                layouts=replica.model.layouts, batched_tokens=replica.batched_tokens, load=load[k, picked],
                state=replica.state(load[k, picked]), stream=s.stream, serves=rate[k, picked] > 0.0,
            )
        )  # fmt: skip
    return replace(outcome, priced=together(classes))


def together(classes: Sequence[Priced]) -> Priced:
    """Candidates of all classes as one, whose rate is the largest of theirs."""
    if len(classes) == 1:
        return classes[0]
    highest = np.max([rates for one in classes for _, rates in one.by_stream()], axis=0)
    main = max(classes, key=lambda one: float(one.state.rate_per_s.sum()))
    return replace(main, state=replace(main.state, rate_per_s=highest), classes=tuple(classes), serves=None)


def _best_for_mix(rows: Layouts, rate: Array, budgets: Array, asked_per_s: Array) -> Array:
    """One row per layout: most of the mix served, then the least time for it, then the smallest budget."""
    share = asked_per_s / asked_per_s.sum()
    served = rate > 0.0
    covered = share @ served
    busy_s = np.divide(share[:, None], rate, out=np.zeros_like(rate), where=served).sum(axis=0)
    group, _ = layout_numbers(rows)
    order = np.lexsort((budgets, np.round(busy_s, 12), -np.round(covered, 12), group))
    order = order[covered[order] > 0.0]
    first = np.ones(len(order), dtype=bool)
    first[1:] = group[order][1:] != group[order][:-1]
    return np.sort(order[first])
