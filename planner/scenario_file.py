"""Scenario files: text to a checked scenario; paths are followed for files only, never for requests."""

from pathlib import Path
from typing import Any

from models import codec
from models.errors import InvalidInput
from models.scenario import Scenario
from planner.importers import document


def read(text: str | bytes, *, base: Path | None = None) -> Scenario:
    """Scenario of a YAML or JSON text; ``base`` is the folder its paths are relative to.

    Raises
    ------
    InvalidInput
        With every fault at once, each with a JSON pointer.
    """
    return from_document(document.read(text), base=base)


def from_document(content: Any, *, base: Path | None = None) -> Scenario:
    """Scenario of plain dictionaries and lists; without ``base`` a path is refused."""
    if not isinstance(content, dict):
        raise InvalidInput(
            "a scenario is an object with schema, deployments and cluster",
            hint="Maybe the file is empty, or holds a list.",
        )
    document.check(content)
    return codec.from_plain(Scenario, _with_calibration(_inlined(content, base), base))


def _inlined(content: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """The document with every ``hf_config`` path replaced by the file's content."""
    deployments = content.get("deployments")
    if not isinstance(deployments, list):
        return content
    return {
        **content,
        "deployments": [
            _with_model(d, base, f"/deployments/{i}/model/hf_config") for i, d in enumerate(deployments)
        ],
    }


def _with_model(deployment: Any, base: Path | None, pointer: str) -> Any:
    model = deployment.get("model") if isinstance(deployment, dict) else None
    path = model.get("hf_config") if isinstance(model, dict) else None
    if not isinstance(path, str) or not isinstance(model, dict):
        return deployment
    if base is None:
        raise InvalidInput(
            "a path is not allowed here",
            pointer=pointer,
            hint="Maybe paste the content of config.json as an object.",
        )
    return {**deployment, "model": {**model, "hf_config": _load(base / path, pointer)}}


def _with_calibration(content: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """The document with a calibration that is named by its file replaced by what the file holds."""
    path = content.get("calibration")
    if not isinstance(path, str):
        return content
    if base is None:
        raise InvalidInput(
            "a path is not allowed here",
            pointer="/calibration",
            hint='Maybe {"id": "..."} of a stored calibration, or the calibration itself.',
        )
    return {**content, "calibration": _load(base / path, "/calibration")}


def _load(path: Path, pointer: str) -> Any:
    try:
        return document.read(path.read_bytes(), drop_non_finite=True)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}",
            pointer=pointer,
            hint="Maybe the path is relative to another folder than the scenario's.",
        ) from None
    except InvalidInput as error:
        raise error.under(pointer) from None
