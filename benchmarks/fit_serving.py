"""Fit the corrections of the kernel curves to measured serving rows and write models/data/serving_fit.json.

Usage: python benchmarks/fit_serving.py --data DIR [--write]
"""

import argparse
import json
from pathlib import Path

import numpy as np

from planner.calibration import design, folds, measured_rows, robust_fit, serving_document

TARGET = Path(__file__).parents[1] / "models" / "data" / "serving_fit.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="directory that holds calibration/")
    parser.add_argument("--write", action="store_true", help=f"replace {TARGET.name}")
    options = parser.parse_args()
    rows = [r for r in measured_rows.read_directory(options.data) if not r.suspected]
    arrays = design.build(rows)
    theta = robust_fit.fit(arrays, np.ones(len(arrays.rows), dtype=bool))
    by_family = folds.left_out(arrays, [r.family for r in arrays.rows], on_fold=print)
    content = serving_document.document(arrays, theta, by_family, arrays.rows)
    if options.write:
        TARGET.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content["fit"], indent=1), json.dumps(content["bands"], indent=1))


if __name__ == "__main__":
    main()
