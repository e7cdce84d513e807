"""Whole situations to begin with: each fills the form with a question that can be asked as it stands."""

from dataclasses import dataclass

MIXED_POOLS = """\
pools:
  - {name: big, device: h100-sxm, nodes: 1, devices_per_node: 8}
  - {name: small, device: l40s, nodes: 4, devices_per_node: 4}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One situation: its id in the address, what it is, and the fields that differ from the defaults."""

    id: str
    title: str
    words: str
    fields: dict[str, str]


PRESETS = (
    Preset(
        id="chat-70b",
        title="Chat with a 70B model",
        words="Dense 70B in fp8 on two nodes of 8 H100: the most requests within the SLO.",
        fields={"name": "chat with a 70B model"},
    ),
    Preset(
        id="long-context",
        title="Summarise long documents",
        words="60,000 tokens in, 500 out, on two nodes of 8 H200: the cache decides.",
        fields={
            "name": "summarise long documents",
            "kv": "fp8",
            "device": "h200-sxm",
            "rate_per_s": "0.5",
            "input_tokens": "60000",
            "output_tokens": "500",
            "ttft_limit_s": "20",
            "tpot_limit_ms": "80",
            "memory_tp": "4",
        },
    ),
    Preset(
        id="experts",
        title="Serve a mixture of experts",
        words="DeepSeek-V3 as published, SGLang, four nodes of 8 H200.",
        fields={
            "name": "serve a mixture of experts",
            "model": "deepseek-ai/DeepSeek-V3",
            "weights": "",
            "engine": "sglang",
            "device": "h200-sxm",
            "nodes": "4",
            "rate_per_s": "10",
            "input_tokens": "4000",
            "output_tokens": "500",
            "ttft_percentile": "mean",
            "tpot_percentile": "mean",
            "memory_tp": "8",
        },
    ),
    Preset(
        id="code",
        title="Assist with code on mixed pools",
        words="A 30B mixture of experts over 8 H100 and 16 L40S: which traffic goes where.",
        fields={
            "name": "assist with code on mixed pools",
            "model": "Qwen/Qwen3-30B-A3B",
            "cluster_yaml": MIXED_POOLS,
            "rate_per_s": "20",
            "input_tokens": "2000",
            "output_tokens": "60",
            "ttft_limit_s": "1",
            "tpot_limit_ms": "30",
            "memory_tp": "1",
        },
    ),
    Preset(
        id="least-cost",
        title="Least cost for a small model",
        words="An 8B model at 5 requests a second on as many L40S as it takes.",
        fields={
            "name": "least cost for a small model",
            "model": "meta-llama/Meta-Llama-3.1-8B",
            "device": "l40s",
            "nodes": "",
            "devices_per_node": "1",
            "rate_per_s": "5",
            "input_tokens": "1000",
            "output_tokens": "250",
            "objective": "min_cost",
            "memory_tp": "1",
        },
    ),
    Preset(
        id="agents",
        title="Run agents on one node",
        words="gpt-oss-120b on 8 H100; four fifths of every prompt is in the cache already.",
        fields={
            "name": "run agents on one node",
            "model": "openai/gpt-oss-120b",
            "weights": "",
            "nodes": "1",
            "rate_per_s": "6",
            "input_tokens": "12000",
            "output_tokens": "400",
            "prefix_hit_percent": "80",
            "ttft_limit_s": "2",
            "tpot_limit_ms": "30",
            "memory_tp": "2",
        },
    ),
)


def preset(name: str) -> Preset | None:
    """One situation by id."""
    return next((p for p in PRESETS if p.id == name), None)
