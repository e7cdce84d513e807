"""Processor time of pricing 10,000 fixed configurations, in two mixes.

    python benchmarks/predict_speed.py [--rows 10000] [--runs 3]

``measured-like``: five models on six devices and three engines, as benchmark collections look; many rows
share a model, a device, an engine and a precision, and are priced together. ``uniform``: every row draws
from the whole catalogue, so hardly two rows can be. Lengths, loads and degrees differ from row to row.
"""

import argparse
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

from models import catalog
from planner.predict import predict

Row = dict[str, Any]
SEED = 1
LENGTHS = (100, 128, 256, 500, 512, 1000, 1024, 2000, 2048, 4000, 4096, 8000, 8192)
ENGINES = ("vllm", "sglang", "trtllm")
MEASURED_LIKE: tuple[tuple[str, tuple[dict[str, str], ...]], ...] = (
    ("MiniMaxAI/MiniMax-M2.5", ({"weights": "fp8", "moe_weights": "fp8"}, {"weights": "fp8_block"})),
    ("Qwen/Qwen3-32B", ({"weights": "bf16"}, {"weights": "fp8"})),
    ("openai/gpt-oss-120b", ({"weights": "bf16", "moe_weights": "mxfp4"},)),
    ("deepseek-ai/DeepSeek-V3", ({"weights": "fp8", "moe_weights": "fp8_block"}, {"weights": "nvfp4"})),
    ("meta-llama/Meta-Llama-3.1-8B", ({"weights": "bf16"}, {"weights": "fp8"})),
)
MEASURED_DEVICES = ("h100-sxm", "h200-sxm", "b200-sxm", "b300-sxm", "gb200", "gb300")
FORMATS = ("bf16", "fp8", "fp8_block", "int8", "int4", "mxfp4", "nvfp4")


def row(draw: random.Random, number: int, model: str, device: str, precision: dict[str, str]) -> Row:
    """One configuration with lengths, load and degrees of its own; one in twenty is a prefill-decode pair."""
    pair = draw.random() < 0.05
    groups = [group(draw, role) for role in (("prefill", "decode") if pair else ("aggregated",))]
    return {
        "id": str(number),
        "model": model,
        "device": device,
        "engine": {"name": draw.choice(ENGINES), "version": None},
        "precision": precision,
        "input_tokens": draw.choice(LENGTHS) + draw.randrange(64),
        "output_tokens": draw.choice(LENGTHS) + draw.randrange(64),
        "concurrency": draw.choice((4, 8, 16, 32, 64, 128, 256, 512)),
        "groups": groups,
    }


def group(draw: random.Random, role: str) -> Row:
    """Equal replicas of one role."""
    tp = draw.choice((1, 2, 4, 8))
    ep = draw.choice((1, tp))
    return {"role": role, "replicas": draw.randint(1, 4), "parallelism": {"tp": tp, "ep": ep}}


def measured_like(draw: random.Random, number: int) -> Row:
    """A row as collections of measurements hold them."""
    model, precisions = draw.choice(MEASURED_LIKE)
    return row(draw, number, model, draw.choice(MEASURED_DEVICES), draw.choice(precisions))


def uniform(draw: random.Random, number: int) -> Row:
    """A row drawn from the whole catalogue."""
    device = draw.choice([d.id for d in catalog.devices()])
    precision = {"weights": draw.choice(FORMATS), "kv": draw.choice(("bf16", "fp8", "auto"))}
    return row(draw, number, draw.choice(catalog.model_ids()), device, precision)


def shared(rows: list[Row]) -> int:
    """Sets of rows that can be priced together."""
    keys = (
        (r["model"], r["device"], r["engine"]["name"], *sorted(r["precision"].items()), len(r["groups"]))
        for r in rows
    )
    return len(set(keys))


def report(name: str, make: Callable[[random.Random, int], Row], count: int, runs: int) -> None:
    """Time one mix: the first run reads presets and fills caches, the others are warm."""
    draw = random.Random(SEED)
    rows = [make(draw, i) for i in range(count)]
    seconds = []
    for _ in range(runs + 1):
        started = time.process_time()
        answers = predict(rows)
        seconds.append(time.process_time() - started)
    status = ", ".join(f"{n:,} {s}" for s, n in Counter(a["status"] for a in answers).most_common())
    warm = median(seconds[1:])
    print(
        f"| {name} | {count:,} | {shared(rows):,} | {status} | {seconds[0]:.2f} | {warm:.2f} "
        f"| {count / warm:,.0f} |",
        flush=True,
    )


def main() -> None:
    """Print one line per mix."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3, help="warm runs")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; seconds are processor time\n")
    print("| mix | rows | priced together in | status | cold [s] | warm [s] | rows/s |")
    print("|---|--:|--:|---|--:|--:|--:|")
    report("measured-like", measured_like, asked.rows, asked.runs)
    report("uniform", uniform, asked.rows, asked.runs)


if __name__ == "__main__":
    main()
