"""Splitwise's machines as columns of the fleet program: rates from its published step times.

One rule for every design. A prefill machine runs full steps of 2,048 tokens. A decode machine holds as many
requests as its memory takes at their whole length, and runs a step of so many tokens. Nothing is kept free.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solvers.backends.registry import default_backend
from solvers.builder import ProgramBuilder
from solvers.csr import Csr
from solvers.fleet import Fleet
from solvers.program import Sense

PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("splitwise.json").read_text(encoding="utf-8"))
DESIGNS = {
    "AA": ("a100", "a100"),
    "HH": ("h100", "h100"),
    "HA": ("h100", "a100"),
    "HHcap": ("h100", "h100cap"),
}
"""Prefill and decode machine of each design."""
STEP_TOKENS = 2048
MIXED = 1.1
"""Times as long that work of the other phase takes on a machine: the simulator's factor for mixed batches."""
KV_BYTES = 2.0
"""Of one element of the cache: fp16."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Machine-seconds of one request, by machine type; a decode machine's requests at once."""

    prefill_s: dict[str, float]
    decode_s: dict[str, float]
    batch: int


def interpolated(points: dict[str, float], at: float) -> float:
    """Linear between the published points, along the outer segment beyond them."""
    x = [float(tokens) for tokens in points]
    y = list(points.values())
    k = min(max(int(np.searchsorted(x, at)) - 1, 0), len(x) - 2)
    return y[k] + (at - x[k]) * (y[k + 1] - y[k]) / (x[k + 1] - x[k])


def memory_batch(model: dict[str, Any], lengths: dict[str, float]) -> int:
    """Requests whose cache at full length fits beside the weights."""
    per_token = 2 * KV_BYTES * model["layers"] * model["hidden_size"]
    free = PUBLISHED["machines"]["memory_bytes"] - model["weight_bytes"]
    return int(free // (per_token * (lengths["input_tokens"] + lengths["output_tokens"])))


def rates(model: str = "bloom-176b", traffic: str = "conversation") -> Rates:
    """Price one request of this traffic; a cap on power slows prompts, never decoding."""
    figures, lengths = PUBLISHED["models"][model], PUBLISHED["traffic"][traffic]
    batch = memory_batch(figures, lengths)
    later_tokens = lengths["output_tokens"] - 1.0  # the first comes from the prefill machine
    prefill = {
        machine: lengths["input_tokens"] * steps[str(STEP_TOKENS)] / STEP_TOKENS
        for machine, steps in figures["prompt_step_s"].items()
    }
    decode = {
        machine: later_tokens * interpolated(steps, batch) / batch
        for machine, steps in figures["decode_step_s"].items()
    }
    return Rates(prefill_s=prefill, decode_s=decode | {"h100cap": decode["h100"]}, batch=batch)


def limit(budget: str) -> float:
    """What 40 H100 machines hold of a budget."""
    return float(PUBLISHED["machines"]["budget_h100"] * PUBLISHED["machines"]["rows"]["h100"][budget])


def fleet(design: str, budget: str, priced: Rates, demand_per_s: float = 1.0, limited: bool = True) -> Fleet:
    """Two columns, prefill and decode, on one budget."""
    first, second = DESIGNS[design]
    rows = PUBLISHED["machines"]["rows"]
    held = [rows[first][budget], rows[second][budget]]
    return Fleet(
        rate_per_s=np.array([1.0 / priced.prefill_s[first], 1.0 / priced.decode_s[second]]),
        supply_of=np.array([0, 1]),
        max_replicas=np.full(2, np.inf),
        identity_of=np.arange(2),
        uses=Csr.from_dense([held]),
        limit=np.array([limit(budget) if limited else np.inf]),
        channel_supplies=((0, 1),),
        channel_demand=np.zeros(1, dtype=np.int64),
        demand_per_s=np.array([demand_per_s]),
        link_bytes_per_request=Csr.empty(0, 1),
        link_bytes_per_s=np.zeros(0),
        tie_break=np.ones(2),
    )


def shared_per_s(design: str, budget: str, priced: Rates, counts: tuple[int, int] | None = None) -> float:
    """Most requests per second when pools help each other out: of these counts, else of the best ones.

    Capped machines take no prompts: nothing is published of how fast they are.
    """
    first, second = DESIGNS[design]
    rows = PUBLISHED["machines"]["rows"]
    prompt_s = priced.prefill_s.get(second, 0.0)
    m = ProgramBuilder()
    most = np.full(2, 1e3) if counts is None else np.array(counts, dtype=np.float64)
    n = m.columns("machines", np.zeros(2) if counts is None else most, most, integer=True)
    served = int(m.columns("served", 0.0, 1e4)[0])
    decoded_first = int(m.columns("decoded_by_first", 0.0, 1e4)[0])
    prompts_second = int(m.columns("prompts_by_second", 0.0, 1e4 if prompt_s else 0.0)[0])
    busy = ((served, prompts_second, priced.prefill_s[first], decoded_first, priced.decode_s[first]),
            (served, decoded_first, priced.decode_s[second], prompts_second, prompt_s))  # fmt: skip
    for k, (total, handed_on, own_s, taken, other_s) in enumerate(busy):
        terms = [(0, total, own_s), (0, handed_on, -own_s), (0, taken, MIXED * other_s), (0, n[k], -1.0)]
        m.rows(f"busy_{k}", terms, -np.inf, 0.0)
        m.rows(f"share_{k}", [(0, total, 1.0), (0, handed_on, -1.0)], 0.0, np.inf)
    held = [rows[first][budget], rows[second][budget]]
    m.rows("budget", [(0, n, held)], -np.inf, limit(budget) * (1 + 1e-12))
    goal = np.zeros(m.n_cols)
    goal[served] = 1.0
    program = m.finish(Sense.MAX, goal, name="shared_pools")
    return default_backend().solve(program, time_limit_s=10.0, gap=1e-6).objective
