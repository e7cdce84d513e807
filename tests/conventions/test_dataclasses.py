"""One frozen, keyword-only dataclass per concept."""

import ast
from dataclasses import fields

import pytest

from tests.conventions.modules import LAYERS, dataclasses_of, files, name_of

DOMAIN = dataclasses_of("models")


@pytest.mark.parametrize("kind", DOMAIN, ids=lambda kind: kind.__name__)
def test_domain_types_are_frozen_and_lean(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
    if fields(kind) and kind.__name__ not in ("Fitted", "Roofline"):  # named once, without arguments
        assert all(field.kw_only for field in fields(kind))


@pytest.mark.parametrize("path", files(*LAYERS), ids=name_of)
def test_every_module_says_what_it_is_for(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    said = ast.get_docstring(ast.parse(text))
    assert said
    first = said.split("\n\n")[0].strip()
    assert first[0].isupper() or first[0] in "`\"'(" or first.startswith("r")
    assert first.rstrip().endswith((".", ":", "?", "!", ")")), first
    assert len(first) > 15


@pytest.mark.parametrize("path", files(*LAYERS), ids=name_of)
def test_names_are_not_catch_alls(path: object) -> None:
    stem = path.stem  # type: ignore[attr-defined]
    assert not {"utils", "util", "helpers", "helper", "misc", "common", "manager"} & set(stem.split("_"))
    assert not stem.endswith(("_v2", "_new", "_old", "2"))
