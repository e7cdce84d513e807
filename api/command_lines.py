"""Pasted engine command lines: recognised, so that they are not mistaken for a broken document."""

import re

from models.errors import NotBuilt

_COMMAND_LINE = re.compile(
    r"^\s*(?:\S*/)?(?:vllm|sglang|trtllm\S*|python[0-9.]*|docker|mpirun|env|\w+=\S*)(?:\s|$)|\s--?[A-Za-z]"
)
LONGEST_LOOKED_AT = 10_000


def is_command_line(text: str) -> bool:
    """Whether a text begins like a command of an engine, or carries options like one."""
    return _COMMAND_LINE.search(text[:LONGEST_LOOKED_AT]) is not None


def not_read_yet() -> NotBuilt:
    """The refusal of a pasted engine command line."""
    return NotBuilt(
        "reading an engine command line is not built yet",
        hint='Maybe write it as groups: [{"role": "aggregated", "replicas": 2, "parallelism": {"tp": 8}}].',
    )
