"""Seeded scenarios that combine periods, reserves, compound objectives, images, power levels and caps."""

from random import Random
from typing import Any

from tests.planner.scenes import LLAMA_8B, deployment, pool

TEXT = (LLAMA_8B, "Qwen/Qwen3-8B")
IMAGES = "openbmb/MiniCPM-V-2_6"
SINGLE = (
    "max_goodput", "max_attainment", "min_cost", "min_usd_per_million_tokens", "min_devices", "min_power",
    "min_joule_per_token", "min_ttft", "min_tpot", "min_e2e",
)  # fmt: skip
WEIGHTED = tuple(name for name in SINGLE if name.startswith("min_"))
NAMES = ("chat", "a.b", "x/y", "dokumenté", "[bold]red[/bold]", "pool:h100@t", "0")


def combined(seed: int) -> dict[str, Any]:
    """One scenario document; the same seed gives the same one."""
    draw = Random(seed)
    names = draw.sample(NAMES, 2)[: draw.choice((1, 1, 2))]
    return {
        "schema": "shardwright.scenario/1",
        "name": f"combined {seed}",
        "deployments": [_deployment(draw, name) for name in names],
        "cluster": {"pools": [_pool(draw, g) for g in range(draw.choice((1, 1, 2)))]},
        "objective": _objective(draw),
        "limits": _limits(draw),
        "reserve": {"failure": draw.choice((None, None, "device", "node", "rack"))},
        "periods": _periods(draw, names),
        "starting": draw.choice(({}, {"fixed_s": 0.0}, {"fixed_s": 600, "load_bytes_per_s_per_device": 1e9})),
        "options": {
            "top_k": draw.choice((1, 2, 3)),
            "time_limit_s": 1.0,
            "gap": draw.choice((1e-4, 0.01)),
            "roles": draw.choice((None, ["aggregated"], ["aggregated", "colocated"], ["prefill", "decode"])),
            "sensitivity": draw.random() < 0.15,
        },
    }


def _deployment(draw: Random, name: str) -> dict[str, Any]:
    images = draw.random() < 0.2
    made: dict[str, Any] = deployment(
        name,
        IMAGES if images else draw.choice(TEXT),
        rate=draw.choice((0.5, 3.0, 12.0)),
        tokens=draw.choice(((500, 100), (2000, 200), ({"mean": 800, "cv": 0.5}, 50))),
        slo=draw.choice((None, None, {}, {"ttft_s": {"limit_s": 1.0}}, {"e2e_s": {"limit_s": 20.0}})),
        engine={"name": "sglang" if draw.random() < 0.4 else "vllm"},
    )
    if images:
        made["workload"]["images"] = {"per_request": draw.choice((0, 0.5, 2))}
    if draw.random() < 0.2:
        made["workload"]["arrival"] = {"concurrency": draw.choice((1, 20))}
    return made


def _pool(draw: Random, index: int) -> dict[str, Any]:
    each = draw.choice((1, 2, 3))
    made: dict[str, Any] = pool(
        ("h100", "other.pool/[x]")[index],
        draw.choice(("h100-sxm", "l40s", "a100-sxm-80gb")),
        draw.choice((None, 1, 2, 3)),
        each,
        price_usd_per_device_hour=draw.choice((0.0, 1.0, 2.5)),
        nodes_per_rack=draw.choice((1, 1, 2)),
    )
    if draw.random() < 0.3:
        low = {"name": "low", "peak_watt": 250, "compute_frac": 0.6}
        made["power_levels"] = [low, {**low, "name": "[dim]", "memory_bandwidth_frac": 0.8}]
    if draw.random() < 0.3:
        made["watt"] = {"idle": 50, "peak": 400, "cap": draw.choice((300, 2000, 1e6))}
    if draw.random() < 0.2:
        made["device_factors"] = {"memory_bytes_per_s": draw.choice((0.5, 1.0, 2.0))}
    return made


def _objective(draw: Random) -> Any:
    kind = draw.choice(("single", "single", "minimize", "weighted", "pareto"))
    if kind == "single":
        return draw.choice(SINGLE)
    if kind == "minimize":
        return {"minimize": draw.sample(SINGLE, draw.choice((1, 2, 3)))}
    if kind == "weighted":
        return {"weighted": {name: draw.choice((1e-3, 1.0, 100.0)) for name in draw.sample(WEIGHTED, 2)}}
    return {"pareto": draw.sample(SINGLE, 2), "points": draw.choice((2, 4))}


def _limits(draw: Random) -> dict[str, Any]:
    limits = {"devices": draw.choice((1, 3, 8)), "watt": draw.choice((500, 5000)), "usd_per_hour": 10.0}
    return {name: limits[name] for name in limits if draw.random() < 0.25}


def _periods(draw: Random, names: list[str]) -> list[dict[str, Any]]:
    if draw.random() < 0.5:
        return []
    made: list[dict[str, Any]] = [{"name": "peak", "hours": draw.choice((0.25, 8))}]
    for t in range(draw.choice((0, 1, 2))):
        scale = draw.choice((0.0, 0.3, {name: draw.choice((0.0, 0.1, 1.5)) for name in names}))
        made.append({"name": ("night", "a.b/[red]")[t], "hours": draw.choice((1, 6)), "rate_scale": scale})
    return made
