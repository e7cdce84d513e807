"""Fit the kernel curves to operator tables and write models/data/kernel_efficiency.json.

Usage: python benchmarks/fit_kernels.py --tables DIR [--write]

DIR is the folder systems/data of the package aiconfigurator_core, which the optional extra "measured" brings.
Beside the residuals of the new rows, |log predicted/measured|, stand those of the present ones at
the same shapes, and those of a curve fitted to half of the shapes at the other half.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import InvalidInput
from planner.calibration.kernels import document, kernel_fits, launch_fits, link_fits, pools
from planner.calibration.kernels.curve_fit import Curve, residuals
from planner.calibration.kernels.kernel_fits import KernelFit
from planner.calibration.kernels.launch_fits import LaunchFit

TARGET = Path(__file__).parents[1] / "models" / "data" / "kernel_efficiency.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tables", type=Path, required=True, help="folder systems/data of aiconfigurator_core"
    )
    parser.add_argument("--write", action="store_true", help=f"replace {TARGET.name}")
    options = parser.parse_args()
    present = json.loads(TARGET.read_text(encoding="utf-8"))
    try:
        kernels, links = fitted(options.tables, present)
        launches = launches_of(options.tables, kernels)
    except InvalidInput as error:
        parser.error(str(error))
    content = document.document(present, kernels, links, launches)
    gone = sorted(set(present["kernels"]) - set(content["kernels"]))
    print("rows left out:", ", ".join(gone) or "none")
    if options.write:
        TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def fitted(directory: Path, present: Mapping[str, Any]) -> tuple[list[KernelFit], dict[str, Any]]:
    print(f"{'row':38s} {'points':>6s}  {'present':>11s}  {'fitted':>11s}  {'held out':>11s}  (median/p90)")
    kernels = []
    for fit in kernel_fits.fit_kernels(pools.pools(kernel_fits.counted_tables(directory))):
        pool = fit.pool
        was = residuals(Curve.of_row(present_row(present["kernels"], fit)), pool.samples)
        now = (fit.residual_median_frac, fit.residual_p90_frac)
        shown = "  ".join(f"{median:5.3f}/{p90:5.3f}" for median, p90 in (was, now, fit.held_out))
        print(f"{pool.name:38s} {pool.samples.rows.size:6d}  {shown}")
        kernels.append(fit)
    links = link_fits.fit_links(directory, present["links"])
    for family, found in links.items():
        row = present["links"].get(family, present["links"]["default"])
        before = f"{row['reduce_base_s']:.2e} + {row['reduce_step_s']:.1e}"
        after = f"{found.base_s:.2e} + {found.step_s:.1e}"
        print(f"all-reduce/{family:27s} {found.points:6d}  {before} -> {after} s per doubling")
    return kernels, links


def launches_of(directory: Path, kernels: list[KernelFit]) -> list[LaunchFit]:
    found = []
    for fit in launch_fits.fit_launches(launch_fits.counted_engines(directory), kernels):
        was, now = (f"{median:5.3f}/{p90:5.3f}" for median, p90 in (fit.before, fit.after))
        points = fit.pool.samples.rows.size
        print(f"{fit.name:45s} {points:6d}  {was} -> {now}  launches x {fit.launch_frac:.2f}")
        found.append(fit)
    return found


def present_row(rows: Mapping[str, Any], fit: KernelFit) -> Mapping[str, float]:
    """The row that would be used today: a family's, that of all families, one without format."""
    names = (fit.pool.name, f"{fit.pool.kind}/{fit.pool.format}", fit.pool.kind, "default")
    row: Mapping[str, float] = next(rows[name] for name in names if name in rows)
    return row


if __name__ == "__main__":
    main()
