"""The memory bar of the form: what one device of a replica holds, from the fields as they are."""

from dataclasses import dataclass
from typing import Any

from api.pages.bars import Part, keys, stacked
from api.pages.form_reading import FormFault, read_form
from api.render.plan_table import precision_words
from api.render.quantities import count, gibibytes, scaled
from models import codec
from models.errors import ShardwrightError
from models.memory_use import MemoryQuestion, MemoryUse

PARTS = ("weights", "kv_cache", "activations", "engine", "free")
COLOURS = {"free": "free"}
NEEDED = ("hf_config", "cluster_yaml", "input_tokens", "output_tokens", "memory_tp")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBar:
    """Parts of the bar, or why there is none; ``end_percent`` is where the device ends."""

    words: str
    fits: bool
    parts: tuple[Part, ...] = ()
    end_percent: float = 100.0
    note: str = ""
    rules_failed: tuple[str, ...] = ()


def memory_bar(values: dict[str, str]) -> MemoryBar:
    """The bar for what stands in the form."""
    from planner.memory_use import memory_use

    scenario, faults = read_form({**values, "scenario_yaml": ""})
    missing = [fault for fault in faults if fault.field in NEEDED]
    if missing:
        return _none(missing[0])
    try:
        question = codec.from_plain(MemoryQuestion, _question(scenario, values))
        use = memory_use(question)
    except ShardwrightError as error:
        return MemoryBar(words=f"No memory to show: {error.message}", fits=False)
    return _bar(question, use)


def _none(fault: FormFault) -> MemoryBar:
    return MemoryBar(
        words=f"No memory to show yet: {fault.field.replace('_', ' ')}: {fault.detail}", fits=False
    )


def _question(scenario: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    deployment = scenario["deployments"][0]
    workload = deployment["workload"]
    formats = deployment["precisions"]
    tp = values.get("memory_tp", "").strip()
    return {
        "model": deployment["model"],
        "device": _first_device(scenario["cluster"]),
        "engine": deployment["engine"],
        "precision": formats[0] if formats else None,
        "parallelism": {"tp": int(tp) if tp.isdecimal() else 1},
        "sequence_tokens": workload["input_tokens"] + workload["output_tokens"],
    }


def _first_device(cluster: Any) -> Any:
    """Device of the first pool; what is none is told by the reader of the question."""
    pools = cluster.get("pools") if isinstance(cluster, dict) else None
    first = pools[0] if isinstance(pools, list) and pools else None
    return first.get("device", "") if isinstance(first, dict) else ""


def _bar(question: MemoryQuestion, use: MemoryUse) -> MemoryBar:
    memory = use.memory_bytes
    sizes = {name: getattr(memory, name) for name in PARTS}
    held = sum(max(size, 0.0) for size in sizes.values())
    tokens = count(question.sequence_tokens)
    layout = f"{question.parallelism.short()} on {question.device}"
    if use.fits:
        words = (
            f"{count(use.sequences)} sequences of {tokens} tokens fit at once with {layout}: "
            f"{gibibytes(memory.kv_cache)} of {gibibytes(memory.capacity)} are left for the KV cache."
        )
    else:
        words = (
            f"It does not fit with {layout}: every device lacks {gibibytes(use.missing_bytes)} "
            f"for the weights and one sequence of {tokens} tokens."
        )
    return MemoryBar(
        words=words,
        fits=use.fits,
        parts=tuple(stacked(sizes, keys(PARTS, COLOURS))),
        end_percent=round(100 * memory.capacity / max(held, memory.capacity), 3),
        note=_note(question, use),
        rules_failed=use.rules_failed,
    )


def _note(question: MemoryQuestion, use: MemoryUse) -> str:
    """What the figures rest on."""
    longest = (
        f" The model is made for {count(use.max_context_tokens)} tokens at most."
        if question.sequence_tokens > use.max_context_tokens
        else ""
    )
    return (
        f"{precision_words(use.precision)}; {question.engine.name} at its own limits of "
        f"{count(use.max_num_seqs)} sequences and {count(use.max_num_batched_tokens)} batched tokens."
        f"{longest} One sequence takes {scaled(use.sequence_bytes, 'B')} of a device. "
        "A plan tries every layout."
    )
