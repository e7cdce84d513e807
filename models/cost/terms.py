"""Names of the fitted corrections: which parameters add up to the logarithm of which factor.

One definition serves both sides: the cost source sums the fitted values of these names, the fit builds its
design from them. A name that was not fitted counts as zero, so an unseen device, engine or version falls
back to what is common to the others.
"""

import re

NAMES = tuple[str, ...]


def family_group(family: str) -> str:
    """Device families whose kernels are fitted together."""
    return "blackwell" if family.startswith("blackwell") else family


def version_key(engine: str, version: str | None) -> str:
    """Engine with the part of its version that moves its speed; rows without a version are one group."""
    if not version:
        return f"{engine}/unstated"
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if not found:
        return f"{engine}/other"
    # SGLang counts its releases in the third place, the others in the second
    places = 3 if engine == "sglang" else 2
    return f"{engine}/{'.'.join(part or '0' for part in found.groups()[:places])}"


def rate(limit: str, kind: str, number_format: str, family: str, engine: str) -> NAMES:
    """Time of a kernel bound by ``limit`` ("compute" or "memory")."""
    names = (f"{limit}/{kind}", f"{kind}/{family_group(family)}", f"{kind}/{engine}")
    return (*names, f"{kind}/{number_format}") if kind.endswith("gemm") else names


def launch(kind: str, engine: str, version: str) -> NAMES:
    """Fixed time of the launches of a kernel."""
    return (f"launch/{kind}", *overhead(engine, version))


def overhead(engine: str, version: str) -> NAMES:
    """Everything that is paid per kernel, whatever its size."""
    return (f"overhead/{engine}", f"overhead/{version}")


def half_rows(kind: str) -> NAMES:
    """Rows at which a matrix product reaches half its speed."""
    return (f"half_rows/{kind}",)


def part(name: str, family: str, engine: str) -> NAMES:
    """Collectives, head and pipeline hops, by part of the breakdown."""
    return (f"part/{name}", f"{name}/{family_group(family)}", f"{name}/{engine}")


def small_kernel(family: str, engine: str, version: str) -> NAMES:
    """Time of a small kernel: rotary embedding, quantisation, routing."""
    return ("small", f"small/{family_group(family)}", f"small/{engine}", *overhead(engine, version))


def eager_kernel(engine: str) -> NAMES:
    """Launch from the host, where no CUDA graph is replayed: steps that carry a prompt."""
    return ("eager", f"eager/{engine}")


def host(what: str, engine: str) -> NAMES:
    """Host time per "step" or per "sequence"."""
    return (f"host_{what}/{engine}",)


def step(version: str) -> NAMES:
    """The whole step of one version."""
    return (f"step/{version}",)


def loop(quantity: str, engine: str, version: str) -> NAMES:
    """Constants of the serving loop: "fixed", "own", "steps" or "burst"."""
    return (quantity, f"{quantity}/{engine}", f"{quantity}/{version}")
