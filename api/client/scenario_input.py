"""What a caller may give as a scenario, as plain data to send."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from api.client.answers import Document
from api.client.errors import Refused
from models import codec
from models.errors import InvalidInput
from models.scenario import Scenario

ScenarioInput = Mapping[str, Any] | str | PathLike[str] | Scenario
"""Plain data, the path of a YAML or JSON file, or the domain's own type."""
UNDER = "/scenario"


def question(scenario: ScenarioInput | Document) -> dict[str, Any]:
    """Body of a job: the scenario itself, or the name of a stored one."""
    if isinstance(scenario, Document):
        if scenario.kind != "scenarios":
            raise Refused(None, f"a document of the kind {scenario.kind} is no scenario")
        return {"scenario_id": scenario.id, "revision": scenario.revision}
    return {"scenario": plain(scenario)}


def plain(scenario: ScenarioInput) -> dict[str, Any]:
    """A scenario as plain data; paths inside a file are followed from the folder it lies in.

    Raises
    ------
    Refused
        The file cannot be read; nothing was sent.
    """
    if isinstance(scenario, Scenario):
        out: dict[str, Any] = codec.to_plain(scenario)
        return out
    if isinstance(scenario, Mapping):
        return dict(scenario)
    try:
        return _of_file(Path(scenario))
    except InvalidInput as error:
        inside = error.under(UNDER)
        raise Refused(None, inside.message, errors=inside.faults) from None


def _of_file(path: Path) -> dict[str, Any]:
    content = _read(path, "", drop_non_finite=False)
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} holds no scenario", hint="Maybe the file is empty, or holds a list.")
    base = path.resolve().parent
    deployments = content.get("deployments")
    if isinstance(deployments, list):
        content["deployments"] = [
            _with_config(d, base, f"/deployments/{i}") for i, d in enumerate(deployments)
        ]
    if isinstance(content.get("calibration"), str):
        content["calibration"] = _read(base / content["calibration"], "/calibration")
    return content


def _with_config(deployment: Any, base: Path, pointer: str) -> Any:
    """A deployment whose ``config.json`` stands in it instead of its path."""
    model = deployment.get("model") if isinstance(deployment, dict) else None
    if not isinstance(model, dict) or not isinstance(model.get("hf_config"), str):
        return deployment
    config = _read(base / model["hf_config"], f"{pointer}/model/hf_config")
    return {**deployment, "model": {**model, "hf_config": config}}


def _read(path: Path, pointer: str, *, drop_non_finite: bool = True) -> Any:
    from planner.importers import document

    try:
        return document.read(path.read_bytes(), drop_non_finite=drop_non_finite)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}", pointer=pointer, hint="Maybe the path has a typo."
        ) from None
    except InvalidInput as error:
        raise error.under(pointer) from None
