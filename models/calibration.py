"""A user's correction of the shipped fit, from benchmarks of their own (``shardwright.calibration/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from models.errors import InvalidInput
from models.wire import WIRE

Name = Annotated[str, MinLen(1), MaxLen(300)]
Metric = Literal["ttft_s", "tpot_s"]
ParameterName = Annotated[str, MinLen(1), MaxLen(200)]
LogFactor = Annotated[float, Ge(-7.0), Le(7.0)]
"""Logarithm of a factor: a thousandth to a thousand."""
Ratio = Annotated[float, Gt(0), Le(1e6)]
Share = Annotated[float, Ge(0), Le(1e6)]
METRICS: tuple[Metric, ...] = ("ttft_s", "tpot_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSystem:
    """One device under one engine that was measured: what the calibration holds for, and nothing else.

    Attributes
    ----------
    device, engine : str
        Id of the catalogue; name of the engine.
    versions : tuple of str
        Engine versions as stated; empty where none was.
    models : tuple of str
        Ids of the catalogue. Other models on this system are corrected too, in a band as wide as shipped.
    points : int
        Measured operating points.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    device: Name
    engine: Literal["vllm", "sglang", "trtllm"]
    versions: Annotated[tuple[Name, ...], MaxLen(100)] = ()
    models: Annotated[tuple[Name, ...], MinLen(1), MaxLen(100)]
    points: Annotated[int, Ge(1), Le(1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError:
    """Median of \\|predicted / measured - 1\\| over the points.

    ``left_out_frac`` predicts each point from the others alone; null where there is one configuration only.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    before_frac: Share
    after_frac: Share
    left_out_frac: Share | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Fitted parameters that replace shipped ones, where they hold, and how well they did.

    Attributes
    ----------
    systems : tuple of MeasuredSystem
        Devices and engines that were measured; on any other the shipped fit stays.
    parameters : Mapping of str to float
        Logarithms of factors, by the names of :mod:`models.cost.terms`.
    points : int
        Measured operating points the fit rests on.
    error_frac : Mapping of Metric to CalibrationError
        Errors before and after.
    error_band_frac : Mapping of Metric to (float, float)
        Measured over predicted at the 10 % and 90 % quantile of points left out, blended with the shipped
        band: the fewer points, the more of it.
    fitted_on : str
        Hash of the shipped fit that was corrected; another one asks for a new calibration.
    sources : tuple of str
        Where the measurements came from.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.calibration/1"] = "shardwright.calibration/1"
    name: Name
    kind: Literal["calibrated"] = "calibrated"
    systems: Annotated[tuple[MeasuredSystem, ...], MinLen(1), MaxLen(100)]
    parameters: Annotated[Mapping[ParameterName, LogFactor], MaxLen(2000)]
    points: Annotated[int, Ge(1), Le(1_000_000)]
    error_frac: Mapping[Metric, CalibrationError]
    error_band_frac: Mapping[Metric, tuple[Ratio, Ratio]]
    fitted_on: Annotated[str, MinLen(8), MaxLen(64)]
    sources: Annotated[tuple[Name, ...], MinLen(1), MaxLen(100)]

    def __post_init__(self) -> None:
        for i, system in enumerate(self.systems):
            pair = (system.device, system.engine)
            if pair in ((s.device, s.engine) for s in self.systems[:i]):
                raise InvalidInput(
                    f"{system.device} under {system.engine} is listed twice", pointer=f"/systems/{i}"
                )
        for field in ("error_frac", "error_band_frac"):
            missing = [name for name in METRICS if name not in getattr(self, field)]
            if missing:
                raise InvalidInput(f"{missing[0]} is missing", pointer=f"/{field}")
        for name, (low, high) in self.error_band_frac.items():
            if low > high:
                raise InvalidInput(
                    f"the band begins at {low:g} and ends at {high:g}", pointer=f"/error_band_frac/{name}"
                )

    def system(self, device: str, engine: str) -> MeasuredSystem | None:
        """What was measured of this device under this engine, if anything."""
        return next((s for s in self.systems if (s.device, s.engine) == (device, engine)), None)
