"""Documents are read safely: what cannot be JSON is refused by name, bombs are met as a number."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput, TooLarge
from planner.importers import document

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.floats(
    allow_nan=False, allow_infinity=False
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@QUICK
@given(value=st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_json_is_read_as_json(value: Any) -> None:
    assert document.read(json.dumps(value)) == value
    assert document.read(json.dumps(value).encode()) == value


@QUICK
@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused(text: Any) -> None:
    try:
        value = document.read(text)
    except InvalidInput:
        return
    document.check(value)
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 2.5, null]", {"a": 1, "b": ["x", 2.5, None]}),
        ("{a: 1, b: {c: true}}", {"a": 1, "b": {"c": True}}),
        ("# only a comment\na: 2001-01-01", {"a": "2001-01-01"}),
        ("base: &b {k: 1, m: 2}\nown: {<<: *b, k: 3}", {"base": {"k": 1, "m": 2}, "own": {"k": 3, "m": 2}}),
        ("\ufeffa: 1", {"a": 1}),
        ("", None),
    ],
)
def test_yaml_is_read_as_plain_values(text: str, value: Any) -> None:
    assert document.read(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2", '{"a": 1, "a": 2}', "{a: 1, a: 2}", "x:\n  b: 1\n  b: 2",
        "a: .nan", "a: .inf", "a: -.inf", '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}',
        "a: !!float nan", "!!python/object/apply:os.system ['true']", "a: !unknown x", "a: !!binary aGk=",
        "a: !!set {x, y}", "a: !!timestamp 2001-01-01", "1: x", "? [a]\n: b", "~: 1", "true: 1",
        "[1, 2", "a: 'open", "a: 1\n---\nb: 2", "a: '\x00'", b"\xff\xfe\xff", "a: b: c", "\tx: 1", "*nowhere",
    ],
)  # fmt: skip
def test_what_is_no_plain_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidInput):
        document.read(text)


def nine_by_nine() -> str:
    lines = ['a: &a ["x","x","x","x","x","x","x","x","x"]']
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{two}: &{two} [" + ",".join([f"*{one}"] * 9) + "]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        nine_by_nine(), "a: &x [*x]", "a: &x {k: *x}", "[" * 5000, '{"a":' * 500 + "1" + "}" * 500,
        "[" * 43 + "]" * 43, "- " * 300 + "1", " " * (document.MAX_BYTES + 1),
    ],
    ids=["bomb", "loop", "loop in a mapping", "open", "deep json", "43 levels", "deep yaml", "long"],
)  # fmt: skip
def test_bombs_are_too_large(text: str) -> None:
    with pytest.raises(TooLarge):
        document.read(text)


def test_bounds_admit_what_is_within_them() -> None:
    levels = document.MAX_DEPTH - 1
    assert document.read("[" * levels + "]" * levels) is not None
    assert len(document.read(json.dumps(list(range(100_000))))) == 100_000


def test_messages_name_the_place() -> None:
    with pytest.raises(InvalidInput, match="duplicate key 'b' on line 3"):
        document.read("a: 1\nb: 2\nb: 3")
    with pytest.raises(InvalidInput) as error:
        document.read('{"a": [1, {"b": NaN}]}')
    assert error.value.pointer == "/a/1/b"


def test_configurations_with_infinities_are_read_on_request() -> None:
    """Some published configurations carry them in fields nobody plans with."""
    text = '{"rope": {"limit": Infinity, "low": -Infinity}, "x": [NaN, 1.5]}'
    read = document.read(text, drop_non_finite=True)
    assert read == {"rope": {"limit": None, "low": None}, "x": [None, 1.5]}


def test_an_integer_of_five_thousand_digits_is_refused() -> None:
    try:
        document.read('{"a": ' + "1" * 5000 + "}")
    except InvalidInput:
        return
    except ValueError as error:
        pytest.fail(f"not an InvalidInput: {error}")


@pytest.mark.parametrize(("text", "value"), [("50e9", 50e9), ("1e-3", 1e-3), ("1.5e9", 1.5e9)])
def test_numbers_with_an_exponent_are_numbers(text: str, value: float) -> None:
    assert document.read(f"a: {text}") == document.read(f'{{"a": {text}}}') == {"a": value}


def test_pointers_escape_their_separators() -> None:
    with pytest.raises(InvalidInput) as error:
        document.read('{"a/b": {"c~": NaN}}')
    assert error.value.pointer == "/a~1b/c~0"
