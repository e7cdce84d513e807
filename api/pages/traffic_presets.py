"""Kinds of traffic to begin with: lengths and limits that are assumed, and say so."""

from dataclasses import dataclass

from models.hardware import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPreset:
    """Fields of one kind of traffic, and what they rest on."""

    id: str
    title: str
    kind: Kind
    source: str
    fields: dict[str, str]


def _fields(tokens: tuple[int, int], prefix_hit: int, ttft_s: str, tpot_ms: str) -> dict[str, str]:
    """Input and output [tokens], input in the prefix cache [%], limits at p95."""
    return {
        "input_tokens": str(tokens[0]),
        "output_tokens": str(tokens[1]),
        "prefix_hit_percent": str(prefix_hit),
        "ttft_limit_s": ttft_s,
        "ttft_percentile": "0.95",
        "tpot_limit_ms": tpot_ms,
        "tpot_percentile": "0.95",
        "e2e_limit_s": "",
    }


TRAFFIC = (
    TrafficPreset(
        id="chat",
        title="Chat",
        kind="assumed",
        source="lengths near the means of the Azure LLM trace 2023 (1,155 in, 211 out); limits assumed",
        fields=_fields((1200, 200), 0, "1", "50"),
    ),
    TrafficPreset(
        id="rag",
        title="Answers from documents (RAG)",
        kind="assumed",
        source="a question with a handful of passages; no trace",
        fields=_fields((6000, 300), 20, "2", "50"),
    ),
    TrafficPreset(
        id="summarise",
        title="Summarising",
        kind="assumed",
        source="one long document, a page of summary; no trace",
        fields=_fields((16000, 500), 0, "10", "80"),
    ),
    TrafficPreset(
        id="code",
        title="Code completion",
        kind="assumed",
        source="lengths near the means of the Azure LLM trace 2023, code (2,048 in, 28 out); limits assumed",
        fields=_fields((2000, 30), 30, "0.5", "30"),
    ),
    TrafficPreset(
        id="agents",
        title="Agents",
        kind="assumed",
        source="long prompts that grow turn by turn, mostly cached; no trace",
        fields=_fields((12000, 400), 80, "2", "30"),
    ),
)


def traffic_preset(name: str) -> TrafficPreset | None:
    """One kind of traffic by id."""
    return next((t for t in TRAFFIC if t.id == name), None)
