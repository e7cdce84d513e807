"""The shipped fit with a user's calibration on top."""

import hashlib
import json
from dataclasses import replace
from functools import cache

from models.calibration import Calibration
from models.cost import serving_fit
from models.cost.fitted import Fitted


def calibrated(calibration: Calibration) -> Fitted:
    """Kernel curves under the calibration's parameters; names it lacks keep their shipped values."""
    shipped = serving_fit.shipped()
    named = f"calibration {calibration.name}: {calibration.points} measured points"
    fit = replace(
        shipped,
        parameters={**shipped.parameters, **calibration.parameters},
        sources=(*shipped.sources, named, *calibration.sources),
        _kernels={},
        _overheads={},
    )
    return Fitted(name="calibrated", kind="calibrated", fit=fit)


@cache
def shipped_hash() -> str:
    """Which shipped fit this is: a hash over its constants and parameters."""
    content = serving_fit.document()
    text = json.dumps({key: content[key] for key in ("base", "parameters")}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
