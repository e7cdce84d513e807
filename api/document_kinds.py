"""The kinds of stored documents: the field that holds each, and how it is checked before it is stored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le, MaxLen, MinLen

from api.body_schemas import CALIBRATION, DENSE
from api.pointing import token
from models import catalog, codec
from models.cluster import Cluster
from models.errors import Fault, InvalidInput
from models.scenario import InlineModel
from models.wire import WIRE
from models.workload import Slo, Workload

Check = Callable[[Any], Any]
PRICES = "usd_per_device_hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKind:
    """One kind: ``check`` returns the normalised document or raises :class:`InvalidInput`."""

    name: str
    field: str
    check: Check
    example: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrices:
    """Prices of one's own, by device [USD per device-hour]."""

    __pydantic_config__: ClassVar[Any] = WIRE

    usd_per_device_hour: Annotated[
        dict[Annotated[str, MinLen(1), MaxLen(200)], Annotated[float, Ge(0), Le(1e6)]],
        MinLen(1),
        MaxLen(1000),
    ]


def check_scenario(document: Any) -> Any:
    """A whole scenario: all unknown names are told at once, then what pricing would refuse later."""
    from planner import pipeline, scenario_file
    from planner.setting import resolve_model, resolve_site

    scenario = scenario_file.from_document(document)
    prices = catalog.price_book(scenario.price_book)
    faults: list[Fault] = []
    for i, pool in enumerate(scenario.cluster.pools):
        faults += _faults(partial(resolve_site, pool, prices, f"/cluster/pools/{i}"))
    for i, deployment in enumerate(scenario.deployments):
        faults += _faults(partial(resolve_model, deployment, f"/deployments/{i}"))
    if faults:
        first = faults[0]
        raise InvalidInput(first.detail, pointer=first.pointer, hint=first.hint, faults=tuple(faults))
    pipeline.validate(scenario)
    return codec.to_plain(scenario)


def _faults(look_up: Callable[[], object]) -> tuple[Fault, ...]:
    try:
        look_up()
    except InvalidInput as error:
        return error.faults
    return ()


def _check_model(document: Any) -> Any:
    """A catalogue id, or ``{"hf_config": <content of config.json>}``."""
    from planner.importers import hf_config

    if isinstance(document, str):
        with _at(""):
            catalog.model(document)
        return document
    inline = codec.from_plain(InlineModel, document)
    try:
        hf_config.read(inline.hf_config, id="inline")
    except InvalidInput as error:
        raise error.under("/hf_config") from None
    return document


def _check_cluster(document: Any) -> Any:
    cluster = codec.from_plain(Cluster, document)
    for i, pool in enumerate(cluster.pools):
        try:
            catalog.device(pool.device)
        except InvalidInput as error:
            raise error.under(f"/pools/{i}") from None
    return codec.to_plain(cluster)


def _check_workload(document: Any) -> Any:
    return codec.to_plain(codec.from_plain(Workload, document))


def _check_slo(document: Any) -> Any:
    return codec.to_plain(codec.from_plain(Slo, document))


def _check_calibration(document: Any) -> Any:
    """A calibration as ``shardwright calibrate`` writes it, its devices named as in the catalogue."""
    from planner import calibration_file

    return codec.to_plain(calibration_file.from_document(document))


def _check_prices(document: Any) -> Any:
    try:
        prices = codec.from_plain(StoredPrices, {PRICES: document}).usd_per_device_hour
    except InvalidInput as error:
        raise _without(f"/{PRICES}", error) from None
    checked = {}
    for name, usd in prices.items():
        with _at(f"/{token(name)}"):
            checked[catalog.device(name).id] = usd
    return checked


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    """Names the catalogue refuses at fields of its own, told where they stand in the document."""
    try:
        yield
    except InvalidInput as error:
        raise type(error)(error.message, pointer=pointer, hint=error.hint) from None


def _without(prefix: str, error: InvalidInput) -> InvalidInput:
    """The error seen from inside the field that holds the document while it is checked."""
    faults = tuple(replace(fault, pointer=fault.pointer.removeprefix(prefix)) for fault in error.faults)
    return type(error)(
        error.message, pointer=error.pointer.removeprefix(prefix), hint=error.hint, faults=faults
    )


KINDS = {
    kind.name: kind
    for kind in (
        DocumentKind(
            name="models", field="model", check=_check_model, example="meta-llama/Meta-Llama-3.1-70B"
        ),
        DocumentKind(
            name="clusters",
            field="cluster",
            check=_check_cluster,
            example={"pools": [{"name": "h100", "device": "h100-sxm", "nodes": 2, "devices_per_node": 8}]},
        ),
        DocumentKind(
            name="workloads",
            field="workload",
            check=_check_workload,
            example={"arrival": {"rate_per_s": 8.0}, "input_tokens": 3000, "output_tokens": 300},
        ),
        DocumentKind(
            name="slos",
            field="slo",
            check=_check_slo,
            example={"ttft_s": {"limit_s": 2.0, "percentile": 0.95}},
        ),
        DocumentKind(
            name="scenarios",
            field="scenario",
            check=check_scenario,
            example=DENSE,
        ),
        DocumentKind(name="price-books", field="price_book", check=_check_prices, example={"h100-sxm": 2.5}),
        DocumentKind(
            name="calibrations",
            field="calibration",
            check=_check_calibration,
            example=CALIBRATION,
        ),
    )
}
