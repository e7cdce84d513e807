"""A setting: one deployment at one precision on one pool, everything resolved to catalogue objects."""

from dataclasses import dataclass, replace
from typing import TypeVar

from models import catalog
from models.architecture import ModelSpec
from models.cluster import Pool
from models.cost.base import CostSource
from models.cost.registry import COST_SOURCES
from models.engine import Engine
from models.errors import InvalidInput
from models.hardware import Device
from models.precision import Precision
from models.price_book import PriceBook
from models.scenario import Deployment, InlineModel, Scenario
from planner.importers import hf_config

DEFAULT_COST_SOURCE = "fitted"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A pool with its device resolved: capacities, domain, prices and power after all overrides.

    Attributes
    ----------
    domain : int
        Devices a replica is packed into: a scale-up domain, at least a node.
    fabric : int
        Devices that share the scale-up fabric; less than a node for cards bridged in pairs.
    capacity : int or None
        Devices of the pool; None when the pool is to be sized.
    """

    pool: Pool
    device: Device
    domain: int
    fabric: int
    capacity: int | None
    price_usd_per_hour: float | None
    idle_watt: float
    peak_watt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a candidate is priced in; indices point into the scenario's lists."""

    deployment_index: int
    pool_index: int
    precision_index: int
    deployment: Deployment
    spec: ModelSpec
    site: Site
    engine: Engine
    precision: Precision
    cost: CostSource


def resolve_model(deployment: Deployment, pointer: str) -> ModelSpec:
    """The architecture a deployment names or carries.

    Raises
    ------
    InvalidInput
        Unknown id, or a configuration that cannot be read; the pointer leads into the scenario.
    """
    try:
        if isinstance(deployment.model, InlineModel):
            return hf_config.read(deployment.model.hf_config, id=f"{deployment.name} (inline)")
        return catalog.model(deployment.model)
    except InvalidInput as error:
        inner = "/model/hf_config" if isinstance(deployment.model, InlineModel) else ""
        raise error.under(pointer + inner) from None


def resolve_site(pool: Pool, prices: PriceBook, pointer: str) -> Site:
    """The pool with catalogue figures filled in where it does not override them."""
    try:
        device = catalog.device(pool.device)
    except InvalidInput as error:
        raise error.under(pointer) from None
    if pool.inter_node is not None:
        device = replace(
            device,
            scale_out_bytes_per_s=pool.inter_node.bytes_per_s_per_device or device.scale_out_bytes_per_s,
            scale_out_latency_s=_first(pool.inter_node.latency_s, device.scale_out_latency_s),
        )
    domain = pool.scale_up_domain or max(device.scale_up_domain or 0, pool.devices_per_node)
    if domain < pool.devices_per_node or domain % pool.devices_per_node:
        raise InvalidInput(
            f"scale_up_domain={domain} is no multiple of devices_per_node={pool.devices_per_node}",
            pointer=f"{pointer}/scale_up_domain",
            hint="Maybe leave it out: the device's own domain, else the node, is taken.",
        )
    watt = pool.watt
    listed = prices.rows.get(device.id)
    return Site(
        pool=pool,
        device=device,
        domain=domain if pool.devices is None else min(domain, pool.devices),
        fabric=min(domain, pool.scale_up_domain or device.scale_up_domain or domain),
        capacity=pool.devices,
        price_usd_per_hour=_first(pool.price_usd_per_device_hour, listed.usd_per_hour if listed else None),
        idle_watt=_first(watt.idle if watt else None, device.idle_watt),
        peak_watt=_first(watt.peak if watt else None, device.peak_watt),
    )


def _first(override: T | None, default: T) -> T:
    return default if override is None else override


def settings(scenario: Scenario) -> tuple[list[Site], list[ModelSpec], list[Setting]]:
    """Every (deployment, precision, pool) of the scenario."""
    prices = catalog.price_book(scenario.price_book)
    sites = [
        resolve_site(pool, prices, f"/cluster/pools/{i}") for i, pool in enumerate(scenario.cluster.pools)
    ]
    specs = [resolve_model(d, f"/deployments/{i}") for i, d in enumerate(scenario.deployments)]
    found = [
        Setting(
            deployment_index=m,
            pool_index=g,
            precision_index=q,
            deployment=deployment,
            spec=spec,
            site=site,
            engine=catalog.engine(deployment.engine.name),
            precision=precision,
            cost=COST_SOURCES[DEFAULT_COST_SOURCE],
        )
        for m, (deployment, spec) in enumerate(zip(scenario.deployments, specs, strict=True))
        for q, precision in enumerate(precisions_of(deployment, spec))
        for g, site in enumerate(sites)
    ]
    return sites, specs, found


def precisions_of(deployment: Deployment, spec: ModelSpec) -> tuple[Precision, ...]:
    """Allowed formats: those listed, else the checkpoint's own."""
    return deployment.precisions or (spec.precision,)
