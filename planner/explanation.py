"""Why this plan: where the time goes, what binds, what is worth a warning."""

from collections.abc import Mapping

from models.plan import Cost, Explanation, Predicted
from models.scenario import Scenario
from planner.group_run import GroupRun, statistic_name
from planner.setting import Site
from planner.streams import streams_of

BINDING_FRAC = 0.03
"""A limit whose margin is below this share counts as binding."""

WORDS = {
    "gemm": "dense matrix products",
    "attention": "attention and its KV cache",
    "experts": "expert matrix products",
    "elementwise": "norms and activations",
    "all_reduce": "tensor-parallel all-reduce",
    "all_to_all": "expert exchange",
    "context": "context-parallel exchange",
    "head": "output head and sampling",
    "pipeline": "pipeline hops",
    "host": "host work of the engine",
    "encoder": "the image encoder",
}


def explain(  # noqa: PLR0913
    scenario: Scenario, sites: list[Site], runs: list[GroupRun], predicted: Mapping[str, Predicted],
    cost: Cost, used: int,
) -> Explanation:  # fmt: skip
    """Explanation of one plan."""
    breakdown = {
        f"{r.priced.setting.deployment.name}/{r.priced.role}/{r.priced.layouts.parallelism(r.row).short()}": {
            k: v for k, v in r.parts_s.items() if v > 0
        }
        for r in runs
    }
    return Explanation(
        bottleneck=_bottleneck(runs),
        binding=tuple(_binding(scenario, sites, runs, predicted, cost, used)),
        why_not=(),
        breakdown_s=breakdown,
        warnings=tuple(dict.fromkeys(_warnings(runs))),
    )


def _bottleneck(runs: list[GroupRun]) -> str:
    """The largest part of the step of the group that holds most devices."""
    main = max(runs, key=lambda r: r.assignment.replicas * int(r.priced.layouts.devices[r.row]))
    total = sum(main.parts_s.values())
    name, seconds = max(main.parts_s.items(), key=lambda kv: kv[1])
    share = 100.0 * seconds / total if total else 0.0
    return f"{WORDS.get(name, name)}: {share:.0f} % of a step of the {main.priced.role} replicas"


def _binding(  # noqa: PLR0913
    scenario: Scenario, sites: list[Site], runs: list[GroupRun], predicted: Mapping[str, Predicted],
    cost: Cost, used: int,
) -> list[str]:  # fmt: skip
    found = []
    for g, site in enumerate(sites):
        held = _most_held([r for r in runs if r.priced.setting.pool_index == g])
        if site.capacity is not None and held == site.capacity:
            found.append(f"pool {site.pool.name}: all {held} devices are used")
    caps = scenario.limits
    for name, cap, value in (
        ("devices", caps.devices, float(used)),
        ("watt", caps.watt, cost.watt),
        ("usd_per_hour", caps.usd_per_hour, cost.usd_per_hour or 0.0),
    ):
        if cap is not None and value >= cap * (1.0 - BINDING_FRAC):
            found.append(f"limits.{name}: {value:g} of {cap:g}")
    for stream in streams_of(scenario):
        for metric, limit in stream.deployment.slo.limits().items():
            value = getattr(predicted[stream.name], metric)[statistic_name(limit.percentile)]
            if value >= limit.limit_s * (1.0 - BINDING_FRAC):
                found.append(
                    f"slo.{stream.name}.{metric}: {value:.4g} s of {limit.limit_s:g} s "
                    f"({statistic_name(limit.percentile)})"
                )
    return found


def _most_held(runs: list[GroupRun]) -> int:
    """Devices that groups hold together: in the steady state, or in the fullest period of a day."""
    by_period = [r.assignment.by_period or (r.assignment.replicas,) for r in runs]
    devices = [int(r.priced.layouts.devices[r.row]) for r in runs]
    return max(
        (sum(n * d for n, d in zip(counts, devices, strict=True)) for counts in zip(*by_period, strict=True)),
        default=0,
    )


def _warnings(runs: list[GroupRun]) -> list[str]:
    found = []
    for r in runs:
        deployment, setting = r.priced.setting.deployment, r.priced.setting
        version = deployment.engine.version
        if version is not None and version != setting.engine.version:
            found.append(
                f"engine {deployment.engine.name} {version} is not in the catalogue; "
                f"rules and reserves are those of {setting.engine.version}"
            )
        if r.priced.role == "colocated":
            found.append(
                "colocated replicas: how phases share SMs and memory bandwidth is assumed, not measured"
            )
        if setting.images is not None and setting.images.encodes:
            found.append(
                f"the image encoder of {setting.spec.id} is priced from kernel curves; "
                "no serving run with images stands behind its times and its memory"
            )
        longest, known = r.limits.max_model_len, setting.spec.max_context_tokens
        if longest > known:
            found.append(
                f"requests of {longest} tokens exceed the context of {setting.spec.id}, {known} tokens"
            )
    return found
