"""The error band of a setting, and what it rests on."""

from typing import Literal

from models.calibration import Calibration
from models.cost import bands, terms
from models.cost.calibrated import shipped_hash
from models.cost.fitted import Fitted
from planner.setting import Setting

EvidenceKind = Literal["roofline", "fitted", "measured", "calibrated"]
SUREST_LAST: tuple[EvidenceKind, ...] = ("roofline", "fitted", "measured", "calibrated")


def error_band_frac(setting: Setting, metric: str) -> bands.Band:
    """Measured over predicted at the 10 % and 90 % quantile of rows like this one.

    A calibration's own band holds for the models it was measured on; its end-to-end time is mostly tokens.
    """
    own = setting.calibration
    if own is not None and _measured_model(own, setting):
        return own.error_band_frac["ttft_s" if metric == "ttft_s" else "tpot_s"]
    return bands.band_frac(metric, *_known(setting))


def evidence_level(setting: Setting) -> str:
    """What of the setting's model, device and engine has been measured, in words."""
    if setting.calibration is not None:
        return _calibration_words(setting.calibration, setting)
    return bands.evidence_level(*_known(setting))


def _measured_model(calibration: Calibration, setting: Setting) -> bool:
    system = calibration.system(setting.site.device.id, setting.engine.name)
    return system is not None and setting.spec.id in system.models


def _calibration_words(calibration: Calibration, setting: Setting) -> str:
    system = calibration.system(setting.site.device.id, setting.engine.name)
    points = system.points if system is not None else 0
    words = f"{points} measured points of {setting.site.device.id} under {setting.engine.name}"
    version = setting.deployment.engine.version
    if not _measured_model(calibration, setting):
        words += f", none of {setting.spec.id}"
    if system is not None and version and system.versions and version not in system.versions:
        words += f", none of version {version}"
    if calibration.fitted_on != shipped_hash():
        words += "; the shipped fit has changed since: calibrate again"
    return words


def _known(setting: Setting) -> tuple[str, str, str]:
    stated = setting.deployment.engine.version or setting.engine.version
    version = terms.version_key(setting.engine.name, stated)
    if isinstance(setting.cost, Fitted) and setting.cost.version:
        version = setting.cost.version  # what it was priced as: an unstated version is a group of its own
    return setting.spec.id, setting.site.device.family, version
