"""Modules of the project, found on disk."""

import importlib
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("models", "solvers", "planner", "db", "api")


def files(*layers: str) -> list[Path]:
    """Every source file of these layers."""
    return sorted(path for layer in layers for path in (ROOT / layer).rglob("*.py"))


def name_of(path: Path) -> str:
    """Dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(layer: str) -> list[ModuleType]:
    """Every module of a layer, imported."""
    return [importlib.import_module(name_of(path)) for path in files(layer)]


def dataclasses_of(layer: str) -> list[type]:
    """Every dataclass a layer defines, private ones included."""
    return [
        item
        for module in modules(layer)
        for item in vars(module).values()
        if isinstance(item, type) and is_dataclass(item) and item.__module__ == module.__name__
    ]
