"""YAML or JSON text into plain dictionaries, safely: no duplicate keys, bounded depth and aliases."""

import json
import math
import re
from collections.abc import Hashable
from typing import Any

import yaml

from models.errors import InvalidInput, TooLarge

MAX_BYTES = 8_000_000
MAX_DEPTH = 40
MAX_NODES = 2_000_000
"""Nodes after aliases are expanded: an alias bomb is refused before it is built."""
MAX_BITS = 14_000
"""Of a whole number: Python writes none of more than 4,300 digits, though YAML's 0xfff... reads into one."""


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML that refuses duplicate keys; dates stay text, as in JSON."""


def _mapping(loader: Any, node: Any) -> dict[Hashable, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(key.value)
        if name in seen:
            raise InvalidInput(
                f"duplicate key {name!r} on line {key.start_mark.line + 1}",
                hint="Maybe one of the two should go.",
            )
        seen.add(name)
    loader.flatten_mapping(node)
    pairs: dict[Hashable, Any] = loader.construct_mapping(node, deep=True)
    return pairs


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in _StrictLoader.yaml_implicit_resolvers.items()
}

# YAML 1.1 takes 50e9 for text; people mean the number, as in JSON and YAML 1.2
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read(text: str | bytes, *, drop_non_finite: bool = False) -> Any:
    """Plain value of one document.

    ``drop_non_finite`` reads NaN and infinities as null: some published model configurations carry them in
    fields nobody plans with.

    Raises
    ------
    InvalidInput
        Not YAML or JSON, a duplicate key, NaN or infinity, an anchor inside itself.
    TooLarge
        Too many bytes, levels or nodes.
    """
    if len(text) > MAX_BYTES:
        raise TooLarge(f"the document has {len(text)} bytes, more than {MAX_BYTES}")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"the document is not UTF-8 text: {error.reason}") from None
    stripped = text.lstrip()
    value = _read_json(text) if stripped[:1] in ("{", "[") else None
    if value is None:
        value = _read_yaml(text)
    if drop_non_finite:
        value = _without_non_finite(value)
    check(value)
    return value


def _without_non_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_non_finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_non_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read_json(text: str) -> Any:
    """The value when the text is JSON; None when it may still be YAML in flow style."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise TooLarge(f"the document is nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError:
        return None
    except InvalidInput:
        raise
    except ValueError as error:
        # an integer of thousands of digits
        raise InvalidInput(f"not JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"duplicate key {twice!r}", hint="Maybe one of the two should go.")
    return out


def _read_yaml(text: str) -> Any:
    try:
        _bound_nesting(text)
        root = yaml.compose(text, Loader=_StrictLoader)
        _bound(root)
        return None if root is None else yaml.load(text, Loader=_StrictLoader)  # noqa: S506
    except RecursionError:
        raise TooLarge(f"the document is nested deeper than {MAX_DEPTH} levels") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" on line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        if "nesting depth" in str(problem):
            # PyYAML from 6.0.4 on stops by itself, before its events are counted here
            raise TooLarge(f"the document is nested deeper than {MAX_DEPTH} levels") from None
        raise InvalidInput(f"not YAML or JSON: {problem}{where}") from None
    except (ValueError, TypeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"not YAML or JSON: {error}") from None
    except (LookupError, AttributeError):
        # PyYAML's own constructors look into the text before they know it: !!int "", !!bool x, !!timestamp x
        raise InvalidInput(
            "not YAML or JSON: a tag does not fit its value", hint="Maybe leave out the tag (!!...)."
        ) from None


def _bound_nesting(text: str) -> None:
    """Count levels on the stream of events: composing a deep document would recurse in C without a limit."""
    depth = 0
    for event in yaml.parse(text, Loader=_StrictLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise TooLarge(f"the document is nested deeper than {MAX_DEPTH} levels")


def _bound(root: Any) -> None:
    """Count nodes with aliases expanded, level by level, so a bomb is met as a number."""
    level: list[Any] = [] if root is None else [root]
    total = depth = 0
    while level:
        total += len(level)
        depth += 1
        if depth > MAX_DEPTH:
            raise TooLarge(
                f"the document is nested deeper than {MAX_DEPTH} levels",
                hint="Maybe an anchor refers to itself.",
            )
        if total > MAX_NODES:
            raise TooLarge(f"the document expands to more than {MAX_NODES} values")
        level = [child for node in level for child in _children(node)]


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def check(value: Any, pointer: str = "", depth: int = 0) -> None:
    """Refuse what JSON cannot say: NaN, infinities, keys that are no text; bound the depth."""
    if depth > MAX_DEPTH:
        raise TooLarge(f"the document is nested deeper than {MAX_DEPTH} levels", pointer=pointer)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{value} is not a finite number", pointer=pointer)
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise TooLarge("a number has too many digits", pointer=pointer)
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidInput(f"key {key!r} is no text", pointer=pointer, hint="Maybe quote it.")
            check(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", depth + 1)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            check(item, f"{pointer}/{i}", depth + 1)
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise InvalidInput(f"{type(value).__name__} is no JSON value", pointer=pointer)
