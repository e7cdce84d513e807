"""A setting: one deployment at one precision on one pool, everything resolved to catalogue objects."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from models import catalog
from models.architecture import ModelSpec
from models.calibration import Calibration
from models.cluster import Pool, PowerLevel
from models.cost.base import CostSource
from models.cost.calibrated import calibrated
from models.cost.registry import COST_SOURCES
from models.engine import Engine
from models.errors import InvalidInput
from models.hardware import Device
from models.precision import Precision
from models.price_book import PriceBook
from models.rate_factors import RateFactors
from models.scenario import Deployment, EngineChoice, InlineModel, Scenario
from planner.image_work import ImageWork, images_of
from planner.importers import hf_config
from planner.served_precision import served_precision

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
    power_level: str | None = None

    def at(self, level: PowerLevel | None) -> "Site":
        """The same pool with its devices at a lower power level; None: at full power."""
        if level is None:
            return self
        device = replace(
            self.device,
            peak_flop_per_s={k: v * level.compute_frac for k, v in self.device.peak_flop_per_s.items()},
            memory_bytes_per_s=self.device.memory_bytes_per_s * level.memory_bandwidth_frac,
        )
        return replace(
            self, device=device, power_level=level.name, peak_watt=level.peak_watt,
            idle_watt=min(self.idle_watt, level.peak_watt),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a candidate is priced in; indices point into the scenario's lists.

    ``calibration`` is the user's, where it holds for this device and engine; ``cost`` then carries it.
    ``steps`` makes the step model of some layouts where measured step times are at hand; None: our own.
    ``images`` is what requests with images make a replica do; None: text only.
    ``rate_factors`` stand in place of our queue where the scenario states them.
    """

    deployment_index: int
    pool_index: int
    precision_index: int
    deployment: Deployment
    spec: ModelSpec
    site: Site
    engine: Engine
    precision: Precision
    cost: CostSource
    calibration: Calibration | None = None
    steps: Callable[..., Any] | None = None
    images: ImageWork | None = None
    rate_factors: RateFactors | None = None


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
    if pool.device_factors is not None:
        device = pool.device_factors.scaled(device)
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


def resolve_calibration(calibration: Calibration | None, pointer: str) -> Calibration | None:
    """The calibration with ids of the catalogue for the names it uses.

    Raises
    ------
    InvalidInput
        A device that the catalogue does not hold.
    """
    if calibration is None:
        return None
    systems = []
    for i, system in enumerate(calibration.systems):
        try:
            systems.append(replace(system, device=catalog.device(system.device).id))
        except InvalidInput as error:
            raise error.under(f"{pointer}/systems/{i}") from None
    return replace(calibration, systems=tuple(systems))


def holding(calibration: Calibration | None, device: Device, engine: str) -> Calibration | None:
    """The calibration if it was measured on this device under this engine."""
    measured = calibration is not None and calibration.system(device.id, engine) is not None
    return calibration if measured else None


def cost_of(
    device: Device, choice: EngineChoice, default: str | None, calibration: Calibration | None
) -> CostSource:
    """Where prices come from; ``default`` is the version assumed where none is stated.

    Under a calibration, a version that is not stated is the measured one. One that was measured without
    its version holds for every version.
    """
    if calibration is None:
        return COST_SOURCES[DEFAULT_COST_SOURCE].serving(choice.name, choice.version or default)
    system = calibration.system(device.id, choice.name)
    versions = system.versions if system is not None else ()
    version = (choice.version or versions[0]) if versions else None
    return calibrated(calibration).serving(choice.name, version)


def _first(override: T | None, default: T) -> T:
    return default if override is None else override


def settings(scenario: Scenario) -> tuple[list[Site], list[ModelSpec], list[Setting]]:
    """Every (deployment, precision, pool) of the scenario."""
    prices = catalog.price_book(scenario.price_book)
    sites = [
        resolve_site(pool, prices, f"/cluster/pools/{i}") for i, pool in enumerate(scenario.cluster.pools)
    ]
    specs = [resolve_model(d, f"/deployments/{i}") for i, d in enumerate(scenario.deployments)]
    images = [
        images_of(d.workload, spec, f"/deployments/{i}")
        for i, (d, spec) in enumerate(zip(scenario.deployments, specs, strict=True))
    ]
    calibration = resolve_calibration(scenario.calibration, "/calibration")
    found = [
        Setting(
            deployment_index=m,
            pool_index=g,
            precision_index=q,
            deployment=deployment,
            spec=spec,
            site=site,
            engine=engine,
            precision=served_precision(spec, precision, engine),
            cost=cost_of(site.device, deployment.engine, engine.version, own),
            calibration=own,
            images=images[m],
            rate_factors=scenario.options.rate_factors,
        )
        for m, (deployment, spec) in enumerate(zip(scenario.deployments, specs, strict=True))
        for engine in (catalog.engine(deployment.engine.name),)
        for q, precision in enumerate(precisions_of(deployment, spec))
        for g, whole in enumerate(sites)
        for site in map(whole.at, (None, *whole.pool.power_levels))
        for own in (holding(calibration, site.device, engine.name),)
    ]
    return sites, specs, found


def precisions_of(deployment: Deployment, spec: ModelSpec) -> tuple[Precision, ...]:
    """Allowed formats: those listed, else the checkpoint's own."""
    return deployment.precisions or (spec.precision,)
