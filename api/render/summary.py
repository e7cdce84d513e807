"""One answer in sentences: what was found, how sure that is, what was searched."""

from api.render.quantities import amount, count, duration, percent
from models.plan import RankedPlans

HEADLINES = {
    "optimal": "optimal: no better plan exists in the model, proven",
    "feasible": "feasible: the limit came before the proof was complete",
    "infeasible": "infeasible: no plan serves this within the limits",
    "time_limit": "time limit: no plan was found in time",
}


def headline(answer: RankedPlans) -> str:
    """What the status means."""
    return HEADLINES[answer.status]


def proof_line(answer: RankedPlans) -> str:
    """Best value, bound, gap and time."""
    name, unit = answer.objective.name, answer.objective.unit
    best = f"{amount(answer.plans[0].objective_value)} {unit}" if answer.plans else "no plan"
    return (
        f"{name}: {best} · bound {amount(answer.bound)} · gap {percent(answer.gap)}"
        f" · {duration(answer.search.wall_s)}"
    )


def search_line(answer: RankedPlans) -> str:
    """How many configurations were looked at, step by step."""
    s = answer.search
    return (
        f"{count(s.candidates)} configurations → {count(s.priced)} priced → "
        f"{count(s.feasible)} within memory and SLO → {count(s.undominated)} worth combining"
    )


def dropped_line(answer: RankedPlans) -> str:
    """Why configurations were dropped, most frequent first; empty when none was."""
    rows = sorted(answer.search.dropped.items(), key=lambda row: (-row[1], row[0]))
    return ", ".join(f"{reason} {count(number)}" for reason, number in rows if number)
