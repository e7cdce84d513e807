"""Reads a Hugging Face ``config.json`` into a :class:`models.architecture.ModelSpec`."""

from planner.importers.hf_config.reader import read

__all__ = ["read"]
