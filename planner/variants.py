"""What the layouts of a setting are priced as: roles, pools they send to, shares of the first token."""

from dataclasses import dataclass, replace

import numpy as np

from models.encoder_memory import embedding_bytes
from models.parallelism import Parallelism
from models.precision import Precision
from models.scenario import DEFAULT_ROLES, Role, Scenario
from models.workload import Slo
from planner.colocated import splits_sms
from planner.hand_over import HandOver, prompt_cache_bytes
from planner.layouts import Layouts
from planner.setting import Setting, Site
from planner.traffic import Traffic

POOL_FRACS = (0.25, 0.5, 0.75)
"""Shares of the TTFT limit that an encode pool is tried with; what is behind it gets the rest."""
ENCODE_DEVICES = (1, 2, 4, 8)
"""Devices of an encode replica, which share the tiles of a request."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to price a setting; ``layouts`` where they are not those of the language model."""

    setting: Setting
    role: Role
    hand_over: HandOver | None = None
    layouts: Layouts | None = None


def roles_of(scenario: Scenario) -> tuple[Role, ...]:
    """Roles the search may use."""
    return scenario.options.roles or DEFAULT_ROLES


def variants_of(scenario: Scenario, sites: list[Site], setting: Setting, traffic: Traffic) -> list[Variant]:
    """Roles of a setting, each also behind an encode pool where requests carry images.

    A replica that hands over comes once for every pool that may take what it sends.
    """
    found = _language_variants(scenario, sites, setting, traffic, 0.0)
    asked = "encode" in roles_of(scenario) and setting.engine.can("disaggregation")
    if setting.images is None or not asked:
        return found
    for frac in pool_fracs(setting.deployment.slo):
        served = _language_variants(scenario, sites, setting, traffic, frac)
        found += [v for v in served if v.role != "decode"]
        # the encoder has one precision: one pool serves all of the language model's
        if setting.precision_index == 0:
            found += _encode_variants(scenario, sites, role_setting(setting, "encode", frac))
    return found


def role_setting(setting: Setting, role: Role, pool_frac: float) -> Setting:
    """The setting as a role sees its images; ``pool_frac`` is the share of an encode pool, 0 without one."""
    images = setting.images
    if images is None:
        return setting
    if role == "encode":
        bf16 = Precision(weights="bf16", kv=setting.precision.kv)
        return replace(setting, images=images.in_pool(pool_frac), precision=bf16)
    if role == "decode":
        return replace(setting, images=images.in_decode())
    return setting if pool_frac == 0.0 else replace(setting, images=images.behind_pool(pool_frac))


def _language_variants(
    scenario: Scenario, sites: list[Site], setting: Setting, traffic: Traffic, pool_frac: float
) -> list[Variant]:
    """Roles that hold the language model; a prefill replica once for every pool its caches may go to."""
    asked = roles_of(scenario)
    found: list[tuple[Role, HandOver | None]] = [("aggregated", None)] if "aggregated" in asked else []
    # one token is no answer to decode: its prompt is all there is
    hands_over = traffic.output_tokens >= 2.0 and setting.engine.can("disaggregation")
    if "decode" in asked and "prefill" in asked and hands_over:
        found += [("prefill", h) for h in hand_overs(scenario, sites, setting, traffic)]
        found.append(("decode", None))
    # split replicas encode for themselves
    if "colocated" in asked and pool_frac == 0.0 and traffic.output_tokens >= 2.0 and splits_sms(setting):
        found.append(("colocated", None))
    return [
        Variant(setting=role_setting(setting, role, pool_frac), role=role, hand_over=h) for role, h in found
    ]


def _encode_variants(scenario: Scenario, sites: list[Site], setting: Setting) -> list[Variant]:
    """Encode replicas of one device or a few that share the tiles of a request, for every pool they feed."""
    layouts = encode_layouts(setting)
    return [
        Variant(setting=setting, role="encode", layouts=layouts, hand_over=h)
        for h in embedding_hand_overs(scenario, sites, setting)
    ]


def embedding_hand_overs(scenario: Scenario, sites: list[Site], setting: Setting) -> list[HandOver]:
    """Transfer of a mean request's embeddings from this setting's pool to every pool."""
    assert setting.images is not None
    size = embedding_bytes(setting.images.encoder, setting.spec.hidden_size, setting.images.tiles)
    return [hand_over_between(scenario, sites, setting.pool_index, g, size) for g in range(len(sites))]


def encode_layouts(setting: Setting) -> Layouts:
    """Whole encoders side by side: powers of two inside a node, never more devices than tiles."""
    assert setting.images is not None
    most = min(setting.site.pool.devices_per_node, setting.site.capacity or np.inf, setting.images.most_tiles)
    return Layouts.of(*(Parallelism(dp=n) for n in ENCODE_DEVICES if n <= most))


def pool_fracs(slo: Slo) -> tuple[float, ...]:
    """Shares of the first token that an encode pool is tried with; one where nothing limits it."""
    return POOL_FRACS if slo.ttft_s is not None or slo.e2e_s is not None else POOL_FRACS[:1]


def hand_overs(scenario: Scenario, sites: list[Site], setting: Setting, traffic: Traffic) -> list[HandOver]:
    """Transfer of caches from this setting's pool to every pool."""
    size = prompt_cache_bytes(setting.spec, setting.precision.cache, traffic.input_tokens)
    return [hand_over_between(scenario, sites, setting.pool_index, g, size) for g in range(len(sites))]


def hand_over_between(
    scenario: Scenario, sites: list[Site], source: int, target: int, request_bytes: float
) -> HandOver:
    """Inside a pool the network of its nodes; between pools a link of the scenario, else the slower network.

    Without a link of its own a pair of pools shares what the smaller one's devices can send together.
    """
    ends = [sites[source], sites[target]]
    slower = min(s.device.scale_out_bytes_per_s for s in ends)
    latency = max(s.device.scale_out_latency_s for s in ends)
    shared = np.inf
    if source != target:
        names = (ends[0].pool.name, ends[1].pool.name)
        links = [k for k in scenario.cluster.links if {k.from_, k.to} == set(names)]
        directed = [k for k in links if (k.from_, k.to) == names] or links
        if directed:
            shared, latency = directed[0].bytes_per_s, latency + directed[0].latency_s
        elif all(s.capacity is not None for s in ends):
            shared = slower * min(s.capacity or 0 for s in ends)
    return HandOver(
        to_pool=target, request_bytes=request_bytes, rank_bytes_per_s=slower, link_bytes_per_s=float(shared),
        latency_s=latency,
    )  # fmt: skip
