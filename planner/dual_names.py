"""Duals of the relaxation under the names of the scenario."""

from models.scenario import Scenario
from planner.fleet_program import Translated


def named_duals(duals: dict[str, float], translated: Translated, scenario: Scenario) -> dict[str, float]:
    """Duals of the relaxation under the names of the scenario: pool:h100, demand:chat, limit:watt."""
    pools = [p.name for p in scenario.cluster.pools]
    times = len(translated.periods) or 1
    when = [f"@{name}" for name in translated.periods] or [""]
    supplies = [
        ":".join(
            [
                scenario.deployments[m].name,
                role,
                *([pools[g]] if g >= 0 else []),
                *([f"to {pools[h]}"] if h >= 0 else []),
                *([f"tier {tier}"] if tier else []),
            ]
        )
        for m, role, _, g, h, tier in translated.supplies
    ]
    # supplies of one period that differ in the format of their caches alone are told apart by it
    supplies = [
        f"{name}:{key[2]}" if supplies.count(name) > times else name
        for name, key in zip(supplies, translated.supplies, strict=True)
    ]
    families: dict[str, list[str]] = {
        "inventory": list(translated.resources),
        "demand": [f"demand:{name}" for name in translated.demands],
        "supply": [f"supply:{name}{when[i * times // len(supplies)]}" for i, name in enumerate(supplies)],
        "link": [
            f"link:{pools[a]}-{pools[b]}{when[i * times // len(translated.links)]}"
            for i, (a, b) in enumerate(translated.links)
        ],
    }
    named: dict[str, float] = {}
    for key, value in duals.items():
        family, _, index = key.rstrip("]").partition("[")
        known = families.get(family)
        named[known[int(index)] if known and index else key] = value
    return named
