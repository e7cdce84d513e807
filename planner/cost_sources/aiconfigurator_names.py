"""Our names of devices, engines and number formats as aiconfigurator-core has them."""

from models.parallelism import Parallelism
from planner.setting import Setting

SYSTEMS = {
    "a100-sxm-80": "a100_sxm",
    "a100-pcie-80": "a100_pcie",
    "h100-sxm": "h100_sxm",
    "h100-pcie": "h100_pcie",
    "h200-sxm": "h200_sxm",
    "b200-sxm": "b200_sxm",
    "b300-sxm": "b300_sxm",
    "gb200": "gb200",
    "gb300": "gb300",
    "l4": "l4",
    "l40s": "l40s",
    "rtx-pro-6000-server": "rtx_pro_6000_server",
}
"""System by device id; no other device of the catalogue was measured."""
BACKENDS = {"vllm": "vllm", "sglang": "sglang", "trtllm": "trtllm"}
GEMM = {
    "bf16": "bfloat16", "fp8": "fp8", "fp8_block": "fp8_block", "int8": "sq", "int4": "int4_wo",
    "nvfp4": "nvfp4",
}  # fmt: skip
STATIC = ("trtllm",)
"""Engines whose per-tensor fp8 checkpoints bring the scales of activations: none are worked out per step."""
EXPERTS = {
    "bf16": ("bfloat16",), "fp8": ("fp8", "fp8_block"), "fp8_block": ("fp8_block",), "int4": ("int4_wo",),
    "nvfp4": ("nvfp4",), "mxfp4": ("w4a8_mxfp4_mxfp8", "w4a16_mxfp4"),
}  # fmt: skip
"""In order of preference: expert kernels were collected for fewer formats, and the next best of a row takes
the same bytes."""
WIDENED = {"nvfp4": "nvfp4_wo", "w4a8_mxfp4_mxfp8": "w4a16_mxfp4"}
"""What the 4-bit formats become on a device that multiplies none: weights widened to bf16."""
CACHE = {"bf16": "bfloat16", "fp8": "fp8"}
WIDEST = {"gb200": 4, "gb300": 4}
WIDEST_DEFAULT = 8
"""Devices of the largest collective that was measured, by system; wider ones would be extrapolated."""


def formats_of(setting: Setting) -> list[dict[str, str | None]] | str:
    """Modes for a setting's precision in order of preference, or why there are none.

    Attention over an fp8 cache multiplies in fp8 where the weights are quantised too, except in vLLM: what
    the package assumes for such checkpoints; bf16 is the way out where it has no such table.
    """
    precision, moe = setting.precision, setting.spec.is_moe
    gemm, experts = GEMM.get(precision.weights), EXPERTS.get(precision.experts, ())
    static = precision.weights == "fp8" and setting.engine.name in STATIC
    if gemm is None:
        return f"products with weights in {precision.weights} were not measured"
    if moe and not experts:
        return f"experts in {precision.experts} were not measured"
    if "fp4" not in setting.site.device.peak_flop_per_s:
        gemm = WIDENED.get(gemm, gemm)
        experts = tuple(dict.fromkeys(WIDENED.get(e, e) for e in experts))
    narrow = precision.cache == "fp8" and precision.weights != "bf16" and setting.engine.name != "vllm"
    return [
        {"gemm": product, "experts": expert, "cache": CACHE[precision.cache], "attention": attention}
        for product in (("fp8_static", gemm) if static else (gemm,))
        for expert in (experts if moe else (None,))
        for attention in (("fp8", "bfloat16") if narrow else ("bfloat16",))
    ]


def unpriceable(layout: Parallelism, system: str) -> str:
    """Why the package cannot price a layout from measurements; empty where it can."""
    widest = WIDEST.get(system, WIDEST_DEFAULT)
    if layout.cp > 1 or layout.dcp > 1:
        return "context parallelism is not offered by the measured source"
    if layout.sequence_parallel:
        return "sequence parallelism is not offered by the measured source"
    if layout.stage_devices > widest:
        return f"a stage of {layout.stage_devices} devices is wider than the {widest} that were measured"
    return ""
