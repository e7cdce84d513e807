"""Launches of an engine's modules, relative to those of the curve that all engines share.

Loads and arithmetic are the device's: given time, every engine gets a kernel close to the fastest one. How
many kernels the experts of a layer are run by (sort, quantise, first and second product, activation, sum) is
the engine's own choice, and the operator tables time that module engine by engine. So only the launch
constant of the curve is fitted to an engine's own timings; all others stay.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from planner.calibration.kernels import operations, pools, tables
from planner.calibration.kernels.cauchy_fit import Aim, fit
from planner.calibration.kernels.curve_fit import LEAST, MOST, SPREAD, Curve, residuals
from planner.calibration.kernels.kernel_fits import KernelFit
from planner.calibration.kernels.pools import Counted, Pool
from planner.calibration.kernels.samples import Samples
from planner.measurement.robust_fit import Array

ENGINES = ("vllm", "sglang", "trtllm")
MODULES = ("moe_perf",)
"""Tables that time several kernels as one module; in the others a launch is a launch."""
LAUNCH = 2
"""Place of the launch constant among those of a curve."""
STARTS = (0.5, 1.0, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchFit:
    """Launches of one engine over those of the shared curve.

    Attributes
    ----------
    engine : str
        As the catalogue names it.
    pool : Pool
        Its own timings.
    launch_frac : float
        Factor on the launch constant of the curve.
    before, after : tuple of float
        Residuals (median, 90 % quantile) of \\|log predicted/measured\\| with the factor 1 and with this one.
    """

    engine: str
    pool: Pool
    launch_frac: float
    before: tuple[float, float]
    after: tuple[float, float]

    @property
    def name(self) -> str:
        """Key of the row."""
        return f"{self.engine}/{self.pool.name}"


def counted_engines(directory: Path) -> Iterator[tuple[str, list[tuple[str, Counted]]]]:
    """Every engine's own timings of the modules, beside the device's folder."""
    for engine in ENGINES:
        found: list[tuple[str, Counted]] = []
        for folder in tables.DEVICES:
            for name in MODULES:
                timed = tables.read_engine(directory, folder, name, engine)
                found.append((folder, operations.operations(name, timed)))
        yield engine, found


def fit_launches(
    engines: Iterable[tuple[str, Iterable[tuple[str, Counted]]]], kernels: Iterable[KernelFit]
) -> Iterator[LaunchFit]:
    """One fit per engine and row of a family that has a curve, in their order."""
    curves: Mapping[str, Curve] = {k.pool.name: k.curve for k in kernels}
    for engine, by_folder in engines:
        for pool in pools.pools(by_folder):
            if pool.family and pool.name in curves:
                yield fit_launch(engine, pool, curves[pool.name])


def fit_launch(engine: str, pool: Pool, curve: Curve) -> LaunchFit:
    """The factor that meets most of the engine's timings best."""
    own = replace(curve, launch_s=float(np.exp(_log_launch_s(pool.samples, curve))))
    return LaunchFit(
        engine=engine,
        pool=pool,
        launch_frac=own.launch_s / curve.launch_s,
        before=residuals(curve, pool.samples),
        after=residuals(own, pool.samples),
    )


def _log_launch_s(found: Samples, curve: Curve) -> float:
    only = slice(LAUNCH, LAUNCH + 1)
    usual = np.log([curve.launch_s])
    aim = Aim(
        log_s=np.log(found.seconds), usual=usual, spread=SPREAD[only], least=LEAST[only], most=MOST[only]
    )

    def model(theta: Array) -> tuple[Array, Array]:
        launch_s = float(np.exp(theta[0]))
        seconds = replace(curve, launch_s=launch_s).seconds(found)
        return np.log(seconds), (found.launches * launch_s / seconds)[:, None]

    return float(fit(model, usual + np.log(STARTS)[:, None], aim)[0])
