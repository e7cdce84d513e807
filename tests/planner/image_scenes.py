"""Scenarios with images that several tests share."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from models import codec
from models.parallelism import Parallelism
from models.scenario import Scenario
from planner.encode_point import Encode
from planner.layouts import Layouts
from planner.pricing import build_replica
from planner.setting import Setting, settings
from planner.traffic import traffics
from planner.variants import embedding_hand_overs, role_setting
from tests.planner.scenes import deployment, pool, scenario

MINICPM = "openbmb/MiniCPM-V-2_6"
EXAMPLE = Path(__file__).parents[2] / "examples/minicpm-v-2x8-a100.yaml"
WITHOUT_POOL = ["aggregated", "prefill", "decode"]


def two_nodes(**options: Any) -> Scenario:
    """The example: four images a request on sixteen A100, which an encode pool serves best."""
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["options"] = {**document["options"], "top_k": 1, **options}
    return codec.from_plain(Scenario, document)


def photos(  # noqa: PLR0913
    images: float,
    *,
    tiles: int | None = None,
    rate: float = 4.0,
    tokens: tuple[Any, Any] = (100, 100),
    limits_s: tuple[float, float] = (1.5, 0.05),
    pools: Any = None,
    roles: Any = None,
    **more: Any,
) -> Scenario:
    """Requests with ``images`` images each for MiniCPM-V, on two A100 unless told otherwise."""
    slo = {
        "ttft_s": {"limit_s": limits_s[0], "percentile": 0.95},
        "tpot_s": {"limit_s": limits_s[1], "percentile": 0.95},
    }
    chat = deployment(model=MINICPM, rate=rate, tokens=tokens, slo=slo)
    chat["workload"]["images"] = {"per_request": images, "tiles": tiles}
    options = {"top_k": 1, "gap": 1e-9, "roles": roles, **more.pop("options", {})}
    return scenario(chat, pools=pools or [a100(each=2)], options=options, **more)


def a100(name: str = "a100", nodes: int | None = 1, each: int = 4, **more: Any) -> Any:
    """Pool of A100 with 80 GB, priced so that money can be asked about."""
    return pool(
        name=name, device="a100-sxm-80", nodes=nodes, each=each, price_usd_per_device_hour=2.0, **more
    )


def encoder(asked: Scenario, devices: int = 1, batch: float = 1.0) -> tuple[Encode, Setting]:
    """One encode replica of that many devices and requests a batch."""
    sites, _, found = settings(asked)
    setting = role_setting(found[0], "encode", 0.5)
    assert setting.images is not None
    replica = build_replica(
        setting, "encode", Layouts.of(Parallelism(dp=devices)), traffics(asked, found)[0],
        np.array([batch * setting.images.tokens]), embedding_hand_overs(asked, sites, setting)[0],
    )  # fmt: skip
    assert isinstance(replica, Encode)
    return replica, setting
