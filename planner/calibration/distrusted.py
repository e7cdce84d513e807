"""Measured rows that no plain serving run explains, with the reason each."""

import json
from functools import cache
from importlib.resources import files


@cache
def reasons() -> dict[str, str]:
    """Reason by id of the row."""
    text = (files("models") / "data" / "distrusted_rows.json").read_text()
    return {name: group["reason"] for group in json.loads(text)["reasons"] for name in group["ids"]}
