"""Stored documents inside a scenario: ``{"id": "cluster-...", "revision": 2}`` stands for their content."""

from collections.abc import Callable, Iterator
from typing import Any

from api.pointing import under
from db.records import Document
from models.errors import InvalidInput

Find = Callable[[str, str, int | None], Document | None]
MAX_REVISION = 2**31 - 1
SHARED = {"cluster": "clusters", "price_book": "price-books", "calibration": "calibrations"}


def resolve(scenario: dict[str, Any], find: Find) -> tuple[dict[str, Any], dict[str, int]]:
    """The scenario with every reference replaced, and the revision used of each stored document.

    A reference may stand for ``cluster`` and ``calibration``, for ``model``, ``workload`` and ``slo`` of a
    deployment, and for ``price_book``, whose prices then become those of the pools.
    """
    used: dict[str, int] = {}
    out = dict(scenario)
    if isinstance(out.get("deployments"), list):
        out["deployments"] = [dict(d) if isinstance(d, dict) else d for d in out["deployments"]]
    for owner, key, kind, pointer in _places(out):
        if is_reference(owner[key]):
            document = fetch(owner[key], kind, pointer, find)
            used[document.id] = document.revision
            owner[key] = document.body
    if isinstance(out.get("price_book"), dict):
        prices = _checked_prices(out.pop("price_book"))
        out["cluster"] = _priced(out.get("cluster"), prices)
    return out, used


def has_references(scenario: dict[str, Any]) -> bool:
    """Whether anything stored is named, so that the database has to be asked."""
    named = any(is_reference(owner[key]) for owner, key, _, _ in _places(scenario))
    return named or isinstance(scenario.get("price_book"), dict)


def has_inline_model(scenario: dict[str, Any]) -> bool:
    """Whether a deployment carries a ``config.json``, which takes long to read."""
    deployments = scenario.get("deployments")
    listed = deployments if isinstance(deployments, list) else []
    return any(isinstance(d, dict) and not isinstance(d.get("model"), str) for d in listed)


def is_reference(value: Any) -> bool:
    """Whether a value names a stored document instead of being one."""
    return isinstance(value, dict) and "id" in value and set(value) <= {"id", "revision"}


def read_revision(value: Any, pointer: str) -> int | None:
    """A revision number, or None for the newest.

    Raises
    ------
    InvalidInput
        Not a whole number from 1 up.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_REVISION:
        raise InvalidInput(f"a revision is a whole number from 1, got {value!r:.80}", pointer=pointer)
    return value


def _places(scenario: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str, str]]:
    """Where references may stand: the object, its key, the kind of document, the pointer."""
    for key, kind in SHARED.items():
        if key in scenario:
            yield scenario, key, kind, f"/{key}"
    deployments = scenario.get("deployments")
    for i, deployment in enumerate(deployments if isinstance(deployments, list) else []):
        for key, kind in (("model", "models"), ("workload", "workloads"), ("slo", "slos")):
            if isinstance(deployment, dict) and key in deployment:
                yield deployment, key, kind, f"/deployments/{i}/{key}"


def fetch(reference: dict[str, Any], kind: str, pointer: str, find: Find) -> Document:
    """The document a reference names.

    Raises
    ------
    InvalidInput
        There is none, or not at that revision.
    """
    key = reference["id"]
    revision = read_revision(reference.get("revision"), f"{pointer}/revision")
    found = find(kind, key, revision) if isinstance(key, str) else None
    if found is None:
        asked = f"{key!r:.100}" + (f" revision {revision}" if revision else "")
        raise InvalidInput(f"there is no {asked} among the stored {kind}", pointer=f"{pointer}/id")
    return found


def _checked_prices(prices: dict[str, Any]) -> dict[str, float]:
    """Prices that came inside the scenario, by the ids of their devices."""
    from api.document_kinds import KINDS

    with under("/price_book"):
        checked: dict[str, float] = KINDS["price-books"].check(prices)
    return checked


def _priced(cluster: Any, prices: dict[str, float]) -> Any:
    """The cluster with a price on each pool that names none of its own."""
    from models import catalog
    from models.errors import UnknownName

    def own_price(pool: Any) -> Any:
        if not isinstance(pool, dict) or pool.get("price_usd_per_device_hour") is not None:
            return pool
        try:
            device = catalog.device(pool.get("device", "")).id
        except UnknownName:
            return pool  # told with its own pointer when the scenario is read
        return {**pool, "price_usd_per_device_hour": prices[device]} if device in prices else pool

    if not isinstance(cluster, dict) or not isinstance(cluster.get("pools"), list):
        return cluster
    return {**cluster, "pools": [own_price(pool) for pool in cluster["pools"]]}
