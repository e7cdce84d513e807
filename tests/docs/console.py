"""Console blocks of a page: commands after ``$``, continued after ``>``, then what they print.

``...`` stands for lines that are left out, or for the rest of a line; ``# exit N`` for the exit code.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ELIDED = "..."


@dataclass
class Step:
    """One command, the exit code it should end with, and the lines it should print."""

    command: str
    code: int = 0
    lines: list[str] = field(default_factory=list)


def steps(text: str) -> list[Step]:
    """All commands of a page, in order."""
    found: list[Step] = []
    for line in "".join(BLOCK.findall(text)).splitlines():
        if line.startswith("$ "):
            command, _, code = line[2:].partition(" # exit ")
            found.append(Step(command, int(code or 0)))
        elif line.startswith("> "):
            found[-1].command += "\n" + line[2:]
        elif found:
            found[-1].lines.append(line)
    return found


def run(listed: list[Step], folder: Path) -> None:
    """Run commands in one shell with this environment's programs first, and compare what they print."""
    script = "set -o pipefail\n" + "".join(
        f"echo '@@begin {i}'\n{step.command}\necho \"@@end $?\"\n" for i, step in enumerate(listed)
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONWARNINGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    parts = re.findall(r"@@begin \d+\n(.*?)@@end (\d+)\n", done.stdout, re.DOTALL)
    assert len(parts) == len(listed), done.stdout[-2000:]
    for step, (output, code) in zip(listed, parts, strict=True):
        assert int(code) == step.code, f"{step.command}\n{output}"
        agrees(step, output.splitlines())


def agrees(step: Step, printed: list[str]) -> None:
    """The lines of the page appear in order; others may stand between them only where it says so."""
    at, elided = 0, False
    for line in step.lines:
        if line == ELIDED:
            elided = True
            continue
        reach = printed[at:] if elided else printed[at : at + 1]
        matches = [i for i, text in enumerate(reach) if same(line, text)]
        assert matches, f"{step.command}: {line!r} is not in {reach[:20]}"
        at, elided = at + matches[0] + 1, False
    assert elided or not "".join(printed[at:]).strip(), f"{step.command}: also prints {printed[at:]}"


def same(line: str, text: str) -> bool:
    """Equal but for blanks at the ends, and for what ``...`` leaves out."""
    escaped = re.sub(r"([*?[])", r"[\1]", line.strip())
    return fnmatchcase(text.strip(), escaped.replace(ELIDED, "*"))
