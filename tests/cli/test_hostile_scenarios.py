"""Whatever a scenario file holds, the command ends with a documented code, never with a traceback."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import Result

from tests.api.hostile import spoilt

Run = Callable[..., Result]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(document=spoilt())
def test_a_spoilt_scenario_ends_with_a_documented_code(
    run: Run, asked: Any, document: dict[str, Any]
) -> None:
    result = run("plan", "-", "--format", "json", input=json.dumps(document))
    assert result.exit_code in (0, 2, 3, 5), result.exception
    if result.exit_code in (2, 5):
        assert result.stderr.startswith("error: -: ")
        assert result.stdout == ""
        assert "root:" not in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [*a]", "anchor"),
        ("a: &a {b: *a}", "anchor"),
        ("- &x [1]\n- {<<: *x}", "not YAML"),
        ("name: a\nname: b", "duplicate key 'name'"),
        ('{"name": 1, "name": 2}', "duplicate key 'name'"),
        ("a: .inf", "not a finite number"),
        ("a: !!python/object/apply:os.system [id]", "not YAML"),
        ("? [1]\n: 2", "error"),
        ("1: 2", "no text"),
        ("\x00", "not YAML"),
        ("&" * 10, "not YAML"),
    ],
)
def test_a_hostile_document_is_refused(run: Run, asked: list[Any], text: str, words: str) -> None:
    result = run("plan", "-", input=text)
    assert result.exit_code == 2, result.exception
    assert words in result.stderr
    assert asked == []


def test_an_alias_bomb_is_refused_before_it_goes_off(run: Run, asked: list[Any]) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    result = run("plan", "-", input="\n".join(levels))
    assert result.exit_code == 2, result.exception
    assert "expands to more than" in result.stderr
    assert asked == []
