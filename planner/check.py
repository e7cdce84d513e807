"""Why not this one? A fixed configuration against a scenario: rules, memory, SLO, distance to the best."""

from dataclasses import replace
from typing import Any

import numpy as np

from models import codec
from models.check import CheckAnswer, CheckedGroup, CheckGroup
from models.errors import InvalidInput
from models.objective import level_unit
from models.parallelism import Parallelism
from models.prediction import PredictRow
from models.scenario import Scenario
from planner import pipeline
from planner.colocated import sm_share, split_rules, with_share
from planner.columns import gather
from planner.demand import demands
from planner.fleet_program import translate
from planner.hand_over import HandOver
from planner.layouts import Layouts, packing, rules
from planner.pricing import Priced, price
from planner.reasons import rule_text, unloaded_reasons
from planner.setting import Setting, Site, settings
from planner.streams import refuse_classes
from planner.traffic import Traffic, traffics
from planner.variants import (
    ENCODE_DEVICES,
    POOL_FRACS,
    embedding_hand_overs,
    hand_overs,
    role_setting,
)
from solvers import fleet as program
from solvers.ranked import k_best


def check(scenario: Scenario, config: Any) -> dict[str, Any]:
    """Answer for a list of groups, one group, an object with ``groups``, or a predict row.

    Raises
    ------
    InvalidInput
        The configuration cannot be read, or names a deployment or pool the scenario lacks.
    """
    refuse_classes(scenario, "check")
    groups = _groups(config)
    sites, _, found = settings(scenario)
    # which share of the first token an encode pool takes is the planner's to choose: the best one counts
    fracs = POOL_FRACS if any(g.role == "encode" for g in groups) else (0.0,)
    places = [_place(config, i) for i in range(len(groups))]
    verdicts = [
        _verdict(scenario, sites, found, dict(zip(places, groups, strict=True)), frac) for frac in fracs
    ]
    checked, reasons, value = max(verdicts, key=lambda v: _merit(scenario, v))
    best = pipeline.plan(scenario)
    best_value = best.plans[0].objective_value if best.plans else None
    distance = (
        None if value is None or best_value is None else abs(value - best_value) / max(abs(best_value), 1e-12)
    )
    answer_ = CheckAnswer(
        feasible=value is not None, reasons=tuple(reasons), groups=tuple(checked), objective=best.objective,
        objective_value=value, best_objective_value=best_value, gap_to_best=distance,
    )  # fmt: skip
    plain: dict[str, Any] = codec.to_plain(answer_)
    return plain


_Verdict = tuple[list[CheckedGroup], list[str], float | None]
"""Groups, what is wrong, and the value of the objective where nothing is."""


def _merit(scenario: Scenario, verdict: _Verdict) -> tuple[float, float]:
    """Larger for a better objective; without one, for fewer reasons against it."""
    _, reasons, value = verdict
    if value is None:
        return -np.inf, -float(len(reasons))
    _, sense = level_unit(scenario.levels[0])
    return (value if sense == "max" else -value), 0.0


def _verdict(
    scenario: Scenario,
    sites: list[Site],
    found: list[Setting],
    placed: dict[str, CheckGroup],
    pool_frac: float,
) -> _Verdict:
    """All groups, by their pointers, with encode groups at one share of the first token."""
    groups = list(placed.values())
    traffic = traffics(scenario, found)
    checked: list[CheckedGroup] = []
    priced: list[tuple[Priced, int]] = []
    for place, group in placed.items():
        setting = _setting(scenario, found, group, place)
        fed = any(
            g.role == "encode" and (g.deployment or scenario.deployments[0].name) == setting.deployment.name
            for g in groups
        )
        setting = role_setting(setting, group.role, pool_frac if fed else 0.0)
        answer, column = _check_group(scenario, sites, setting, group, traffic[setting.deployment_index])
        checked.append(answer)
        if column is not None:
            priced.append((column, group.replicas))
    reasons = [
        f"group {i} ({g.role} {g.parallelism.short()}): {r}" for i, g in enumerate(checked) for r in g.reasons
    ]
    value = None
    if not reasons:
        reasons += _inventory(scenario, groups)
        value = _objective_value(scenario, sites, traffic, priced) if not reasons else None
        if value is None and not reasons:
            reasons.append("the replicas do not sustain the traffic of the scenario within the SLO")
    return checked, reasons, value


def _place(config: Any, i: int) -> str:
    """Pointer of a group in what was pasted: a list, an object with groups, or the group itself."""
    if isinstance(config, list):
        return f"/{i}"
    return f"/groups/{i}" if "groups" in config else ""


def _groups(config: Any) -> list[CheckGroup]:
    """Groups of whatever was pasted."""
    if isinstance(config, dict) and "model" in config and "groups" in config:
        row = codec.from_plain(PredictRow, config)
        return [
            CheckGroup(role=g.role, replicas=g.replicas, parallelism=g.parallelism, precision=row.precision)
            for g in row.groups
        ]
    listed = config.get("groups", [config]) if isinstance(config, dict) else config
    if not isinstance(listed, list) or not listed:
        raise InvalidInput(
            "a configuration is a list of groups, an object with groups, or a predict row",
            hint='Maybe [{"role": "aggregated", "replicas": 2, "parallelism": {"tp": 8}}].',
        )
    groups = []
    for i, content in enumerate(listed):
        if isinstance(content, dict):
            # groups of a plan carry more than is needed to check them
            content = {k: v for k, v in content.items() if k in CHECKED_KEYS}
        try:
            groups.append(codec.from_plain(CheckGroup, content))
        except InvalidInput as error:
            raise error.under(_place(config, i)) from None
    return groups


CHECKED_KEYS = {"deployment", "role", "pool", "replicas", "parallelism", "precision", "sm_share_frac"}


def _setting(scenario: Scenario, found: list[Setting], group: CheckGroup, pointer: str) -> Setting:
    """The setting a group means: its deployment and pool, the first of each where it names none."""
    names = [d.name for d in scenario.deployments]
    pools = [p.name for p in scenario.cluster.pools]
    for field, given, known in (("deployment", group.deployment, names), ("pool", group.pool, pools)):
        if given is not None and given not in known:
            raise InvalidInput(
                f"no {field} is named {given!r}", pointer=f"{pointer}/{field}",
                hint=f"Maybe one of: {', '.join(known)}",
            )  # fmt: skip
    mine = [
        s
        for s in found
        if s.deployment_index == (names.index(group.deployment) if group.deployment else 0)
        and s.pool_index == (pools.index(group.pool) if group.pool else 0)
    ]
    if group.role == "encode" and mine[0].images is None:
        raise InvalidInput(
            f"the requests of {mine[0].deployment.name} carry no images for an encode group",
            pointer=f"{pointer}/role", hint="Maybe workload.images is missing in the scenario.",
        )  # fmt: skip
    # an encoder runs in bf16 whatever the language model does
    if group.precision is None or group.role == "encode":
        return mine[0]
    asked = group.precision
    same = [s for s in mine if (s.precision.weights, s.precision.experts, s.precision.cache)
            == (asked.weights, asked.experts, asked.cache)]  # fmt: skip
    if not same:
        allowed = ", ".join(f"{s.precision.weights}/{s.precision.cache}" for s in mine)
        raise InvalidInput(
            f"precision {asked.weights}/{asked.cache} is not among the scenario's",
            pointer=f"{pointer}/precision", hint=f"Maybe one of: {allowed}",
        )  # fmt: skip
    return same[0]


def _check_group(
    scenario: Scenario, sites: list[Site], setting: Setting, group: CheckGroup, traffic: Traffic
) -> tuple[CheckedGroup, Priced | None]:
    layouts = Layouts.of(group.parallelism)
    failed = [name for name, good in _rules(setting, group, layouts).items() if not bool(good[0])]
    if group.role == "colocated":
        failed += split_rules(setting, layouts)
        layouts = layouts if group.sm_share_frac is None else with_share(layouts, group.sm_share_frac.prefill)
    if not bool(packing(setting, layouts)[0]):
        failed.append("rule:whole_nodes")
    reasons = [rule_text(name, setting) for name in failed]
    priced, memory_ok = None, None
    if not failed:
        hand_over = _hand_over(scenario, sites, setting, group, traffic)
        result = price(setting, group.role, layouts, traffic, hand_over, scenario.options.slo_confidence)
        priced = None if result.priced is None else replace(result.priced, stream=setting.deployment_index)
        memory_ok = result.dropped.get("memory", 0) < max(result.looked_at, 1)
        if priced is None:
            reasons += unloaded_reasons(setting, result.dropped, result.unloaded)
    latency = (
        {
            m: float(priced.replica.latency(priced.load, priced.state, m, "mean")[0])
            for m in ("ttft_s", "tpot_s")
        }
        if priced is not None
        else {}
    )
    answer = CheckedGroup(
        role=group.role, pool=setting.site.pool.name, replicas=group.replicas, parallelism=group.parallelism,
        rules_failed=tuple(failed), reasons=tuple(reasons), memory_ok=memory_ok,
        request_per_s=None if priced is None else float(priced.state.rate_per_s[0]) * group.replicas,
        mean_latency_s=latency,
        sm_share_frac=group.sm_share_frac if priced is None else sm_share(priced.layouts, 0),
    )  # fmt: skip
    return answer, priced


def _rules(setting: Setting, group: CheckGroup, layouts: Layouts) -> dict[str, Any]:
    """Rules of the role by name; those of the language model's layouts do not hold for an encoder."""
    if group.role != "encode":
        return dict(rules(setting, layouts))
    side_by_side = group.parallelism == Parallelism(dp=group.parallelism.dp)
    return {"rule:encode": [side_by_side and group.parallelism.dp in ENCODE_DEVICES]}


def _hand_over(
    scenario: Scenario, sites: list[Site], setting: Setting, group: CheckGroup, traffic: Traffic
) -> HandOver | None:
    if group.role == "encode":
        return embedding_hand_overs(scenario, sites, setting)[setting.pool_index]
    if group.role != "prefill":
        return None
    return hand_overs(scenario, sites, setting, traffic)[setting.pool_index]


def _inventory(scenario: Scenario, groups: list[CheckGroup]) -> list[str]:
    reasons = []
    for pool in scenario.cluster.pools:
        held = sum(
            group.replicas * group.parallelism.devices
            for group in groups
            if (group.pool or scenario.cluster.pools[0].name) == pool.name
        )
        if pool.devices is not None and held > pool.devices:
            reasons.append(f"pool {pool.name} has {pool.devices} devices, the groups take {held}")
    return reasons


def _objective_value(
    scenario: Scenario, sites: list[Site], traffic: list[Traffic], priced: list[tuple[Priced, int]]
) -> float | None:
    """Value of the scenario's first objective with exactly these replicas; None when they fall short."""
    columns = gather([p for p, _ in priced])
    demand = demands(scenario, traffic, columns)
    translated = translate(scenario, sites, traffic, demand, columns)
    counts = np.array([float(n) for _, n in priced])
    fixed = replace(translated.fleet, max_replicas=counts)
    ranking = k_best(fixed, (program.max_goodput(),), k=1, time_limit_s=5.0)
    if not ranking.solutions:
        return None
    goodput = ranking.solutions[0].objective
    objective = translated.objectives[0]
    if objective.goal is program.Goal.MAX_GOODPUT:
        return goodput
    if goodput < demand.sum() * (1.0 - 1e-9):
        return None
    if objective.goal is program.Goal.MIN_COST:
        return float(objective.weight @ counts)
    served = k_best(fixed, (objective,), k=1, time_limit_s=5.0)
    return served.solutions[0].objective if served.solutions else None
