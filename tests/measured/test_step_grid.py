"""The document: what it holds, what it refuses, and what it is about."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import codec
from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.precision import Precision
from planner.cost_sources.grid_files import grid_name, load_grids, save_grid
from planner.cost_sources.step_grid import GridAxes, LayoutSteps, StepGrid
from planner.setting import Setting
from tests.planner.scenes import LLAMA_70B, setting_of

positive = st.floats(1e-9, 1e6)


@st.composite
def grids(draw: st.DrawFn, grid: StepGrid) -> StepGrid:
    """The same grid with other axes and times."""
    axis = st.lists(st.integers(1, 10**6), min_size=2, max_size=4, unique=True)
    axes = GridAxes(**{name: tuple(float(k) for k in sorted(draw(axis))) for name in grid.axes.by_name()})

    def table(shape: tuple[int, int]) -> Any:
        row = st.lists(positive, min_size=shape[1], max_size=shape[1]).map(tuple)
        return draw(st.lists(row, min_size=shape[0], max_size=shape[0]).map(tuple))

    tables = {name: table(shape) for name, shape in axes.shapes().items()}
    return replace(grid, axes=axes, layouts=(LayoutSteps(parallelism=Parallelism(tp=4), **tables),))


@given(data=st.data())
def test_a_grid_survives_its_document(grid: StepGrid, data: st.DataObject) -> None:
    drawn = data.draw(grids(grid))
    assert codec.from_plain(StepGrid, codec.to_plain(drawn)) == drawn


def plain(grid: StepGrid) -> dict[str, Any]:
    content: dict[str, Any] = codec.to_plain(grid)
    return content


@pytest.mark.parametrize(
    ("where", "value", "pointer"),
    [
        (("axes", "decode_sequences"), [1.0, 1.0, 2.0], "/axes/decode_sequences"),
        (("axes", "prompts"), [0.5, 4.0], "/axes/prompts"),
        (("layouts", 0, "decode_s"), [[1.0, 1.0, 1.0]], "/layouts/0/decode_s"),
        (("layouts", 1, "chunk_s"), [[1.0, 1.0, 1.0], [1.0, 1.0], [1.0, 1.0, 1.0]], "/layouts/1/chunk_s"),
        (("layouts", 1, "prefill_s", 0, 1), 0.0, "/layouts/1/prefill_s"),
        (("layouts", 1, "prefill_s", 0, 1), -3.0, "/layouts/1/prefill_s"),
        (("layouts", 1, "parallelism"), {"tp": 1}, "/layouts/1/parallelism"),
        (("kind",), "guessed", "/kind"),
        (("schema",), "shardwright.step-grid/2", "/schema"),
        (("unknown",), 1, "/unknown"),
    ],
)
def test_a_broken_document_is_refused_where_it_is_broken(
    grid: StepGrid, where: tuple[Any, ...], value: Any, pointer: str
) -> None:
    content = plain(grid)
    place: Any = content
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(InvalidInput) as caught:
        codec.from_plain(StepGrid, content)
    assert caught.value.pointer == pointer


def test_it_covers_its_own_setting_only(grid: StepGrid, setting: Setting) -> None:
    assert grid.covers(setting)
    assert grid.covers(replace(setting, precision=Precision(weights="bf16", kv="bf16")))
    others = [
        replace(setting, precision=Precision(weights="fp8")),
        replace(setting, precision=Precision(kv="fp8")),
        setting_of(LLAMA_70B, engine="trtllm"),
        setting_of(setting.spec.id, engine="vllm"),
        setting_of(setting.spec.id, "h200-sxm", engine="trtllm"),
        # another model under the same name
        replace(setting, spec=replace(setting.spec, vocab_size=setting.spec.vocab_size + 1)),
    ]
    assert [grid.covers(other) for other in others] == [False] * len(others)


def test_files_are_found_again(grid: StepGrid, tmp_path: Path) -> None:
    newer = replace(grid, origin=replace(grid.origin, package_version="2"))
    paths = [save_grid(g, tmp_path / "grids") for g in (grid, newer, grid)]
    assert len(set(paths)) == 2
    assert load_grids(tmp_path / "grids") == (grid, newer)
    assert load_grids(paths[1]) == (newer,)
    assert load_grids(tmp_path) == ()


def test_the_name_tells_apart_all_that_changes_times(grid: StepGrid) -> None:
    origin = grid.origin
    variants = [
        grid,
        replace(grid, precision=Precision(weights="bf16", moe_weights="bf16", kv="fp8")),
        *(
            replace(grid, origin=replace(origin, **{field: "other"}))
            for field in ("package", "package_version", "system", "backend", "database_version", "mode")
        ),
        replace(grid, origin=replace(origin, factors={"prefill": 1.1, "decode": 1.0})),
    ]
    names = {grid_name(variant) for variant in variants}
    assert len(names) == len(variants)
    assert all("/" not in name and " " not in name for name in names)


def test_a_file_that_is_no_grid_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "a.steps.json"
    broken.write_text('{"schema": "shardwright.step-grid/1"}')
    with pytest.raises(InvalidInput, match=r"a\.steps\.json"):
        load_grids(tmp_path)
    with pytest.raises(InvalidInput, match=r"missing\.json"):
        load_grids(tmp_path / "missing.json")
