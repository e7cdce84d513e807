"""What stands in the way, and the smallest change of each kind."""

from collections.abc import Iterator

from api.render.quantities import amount
from models.plan import Infeasibility, Relaxation


def infeasible_lines(told: Infeasibility) -> Iterator[str]:
    """Sentences for a terminal."""
    if told.binding:
        yield "What stands in the way:"
        yield from (f"  - {reason}" for reason in told.binding)
    if told.relaxations:
        yield "Smallest change of each kind:"
        yield from (f"  - {relaxation_words(r)}" for r in told.relaxations)


def relaxation_words(relaxation: Relaxation) -> str:
    """One change, and whether it is enough on its own."""
    before, after = amount(relaxation.from_), amount(relaxation.to)
    effect = "makes it feasible" if relaxation.makes_feasible else "helps, but is not enough on its own"
    if relaxation.to is None:
        return f"{relaxation.change}: no value of it is enough on its own"
    return f"{relaxation.change}: {before} → {after}, {effect}"
