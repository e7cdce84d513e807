"""Layouts: every one obeys its engine, and nothing sensible is missing."""

import numpy as np
import pytest

from models.parallelism import Parallelism
from models.precision import BLOCK_OF
from planner.layouts import Layouts, enumerate_layouts, grid, head_divisor, packing
from tests.planner.scenes import (
    DEEPSEEK,
    EVERY_KIND,
    GPT_OSS,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    QWEN_MOE,
    kinds_of,
    layouts_of,
    setting_of,
)

ENGINES = ("vllm", "sglang", "trtllm")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", EVERY_KIND)
def test_every_layout_is_a_valid_parallelism_and_told_once(model: str, engine: str) -> None:
    setting = setting_of(model, engine=engine, nodes=2)
    layouts, looked_at, dropped = enumerate_layouts(setting)
    assert len(layouts) + sum(dropped.values()) == looked_at
    rows = [layouts.parallelism(i) for i in range(len(layouts))]  # raises where degrees contradict
    assert len(set(rows)) == len(rows)
    assert [p.devices for p in rows] == layouts.devices.tolist()
    assert [p.moe_tp for p in rows] == layouts.moe_tp.tolist()
    heads = head_divisor(setting.spec)
    assert all(heads % p.tp == 0 and p.pp <= setting.spec.layers and p.devices <= 16 for p in rows)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", [LLAMA_8B, LLAMA_70B])
def test_every_power_of_two_split_of_a_dense_model_is_tried(model: str, engine: str) -> None:
    layouts = enumerate_layouts(setting_of(model, engine=engine, nodes=2))[0]
    plain = (layouts.cp == 1) & (layouts.dcp == 1)
    found = set(zip(layouts.tp[plain].tolist(), layouts.pp[plain].tolist(), strict=True))
    asked = {(tp, pp) for tp in (1, 2, 4, 8, 16) for pp in (1, 2, 4, 8, 16) if tp * pp <= 16}
    assert asked <= found


@pytest.mark.parametrize("devices", range(1, 9))
def test_every_number_of_devices_up_to_eight_has_a_layout(devices: int) -> None:
    layouts = enumerate_layouts(setting_of(LLAMA_70B, nodes=1, each=devices))[0]
    assert devices in layouts.devices


def test_wide_expert_parallelism_is_tried() -> None:
    layouts = enumerate_layouts(setting_of(DEEPSEEK, nodes=4))[0]
    found = set(zip(layouts.dp.tolist(), layouts.ep.tolist(), layouts.tp.tolist(), strict=True))
    assert (32, 32, 1) in found
    assert (8, 8, 1) in found


def test_replicas_lie_in_a_node_or_take_whole_ones() -> None:
    setting = setting_of(LLAMA_70B, nodes=4)
    for devices, good in ((4, True), (8, True), (12, False), (16, True), (24, True), (20, False)):
        assert bool(packing(setting, layouts_of(pp=devices))[0]) == good


def test_replicas_may_span_the_nodes_of_a_rack() -> None:
    setting = setting_of(LLAMA_70B, "gb200", nodes=18, each=4)
    for devices, good in ((2, True), (4, True), (8, True), (6, False), (64, True), (72, True)):
        assert bool(packing(setting, layouts_of(pp=devices))[0]) == good


@pytest.mark.parametrize("model", [DEEPSEEK, GPT_OSS])
def test_blocks_of_a_format_are_not_cut(model: str) -> None:
    setting = setting_of(model)
    block = BLOCK_OF[setting.precision.experts]
    layouts = enumerate_layouts(setting)[0]
    moe = next(k.ffn for k in kinds_of(setting) if getattr(k.ffn, "experts", 0))
    multiple = setting.engine.expert_width_multiple.get(setting.precision.experts, 1)
    inner = -(-moe.expert_intermediate_size // multiple) * multiple
    assert (inner % layouts.moe_tp == 0).all()
    assert (inner // layouts.moe_tp % block == 0).all()


@pytest.mark.parametrize("model", [MIXTRAL, QWEN_MOE])
def test_experts_of_implied_engines_are_spread_fully_or_not(model: str) -> None:
    layouts = enumerate_layouts(setting_of(model))[0]
    assert set(np.unique(layouts.ep == layouts.stage_devices)) == {True, False}
    assert ((layouts.ep == 1) | (layouts.ep == layouts.stage_devices)).all()


def test_the_grid_holds_no_replica_wider_than_its_pool() -> None:
    for each in (1, 3, 8):
        assert grid(setting_of(MIXTRAL, nodes=1, each=each)).devices.max() <= each


def test_layouts_of_rows_are_their_rows() -> None:
    rows = [
        Parallelism(tp=4, pp=2),
        Parallelism(dp=8, ep=8),
        Parallelism(tp=8, dcp=2, sequence_parallel=True),
    ]
    layouts = Layouts.of(*rows)
    assert [layouts.parallelism(i) for i in range(3)] == rows
    assert layouts.take(np.array([2])).parallelism(0) == rows[2]
