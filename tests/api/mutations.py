"""Valid documents made wrong, the same way for the same seed: as trees, as bytes, as YAML."""

import copy
import gzip
import json
import random
import re
from collections.abc import Callable
from typing import Any

import yaml

from tests.api.hostile import VALUES, places

Bytes = Callable[[random.Random, bytes], bytes]
Tree = Callable[[random.Random, Any, Any], None]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
TOKENS = [
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e-999", b"9" * 5_000, b"9" * 400, b"-0", b"0x10"),
    *(b"1_000", b"01", b"1.", b"+1", b"true", b"null", b'""', b"[]", b"{}", b"1" + b"0" * 25, b"0.1e+400"),
]
ODD = [
    *(b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", "\u202e".encode(), b"\x1b[31m"),
    *("\u2028".encode(), "\U0001f4a5".encode(), b"\r", b"\t", b"\x85", b"\\", b'"', b"'", b"{", b"]", b":"),
    *(b",", b"#", b"%00", b"<script>", b"&a ", b"*a ", b"- ", b"? ", b"| ", b"---\n", b"${x}", b"{{7*7}}"),
]
WHOLE = [
    *(b"", b" ", b"\n" * 100, b"null", b"[]", b'"text"', b"7", b"\x00" * 50, b"\x89PNG\r\n\x1a\n\x00\x00"),
    *(
        b"<!doctype html><html><body>hello</body></html>",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>",
    ),
    *(b"PK\x03\x04" + b"\x00" * 30, b"%PDF-1.7\n%\xe2\xe3", b"\x7fELF\x02\x01", b"MZ\x90\x00", b"{" * 3_000),
    *(
        b"[" * 3_000,
        b'{"a":' * 500,
        b"[" * 60 + b"]" * 60,
        b"a: " * 50,
        b"- " * 3_000,
        b"\t\tx",
        b"{}",
        b"{}{}",
    ),
    *(b"SQLite format 3\x00", b"schema: x", b"a: b\n" * 2, b"[interface]\na=b", b"a,b\n1,2", b"\xef\xbb\xbf"),
]
TAGS = ["int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "map", "seq", "merge"]
YAML = [
    *(f'!!{tag} ""' for tag in TAGS),
    *(f"!!{tag} _" for tag in TAGS),
    *(f"!!{tag} {{a: 1}}" for tag in TAGS),
    *(f"!!{tag} [[1, 2], 3]" for tag in TAGS),
    *("!!python/object/apply:os.system [id]", "!!python/name:os.system", "!<x> a", "! a", "!local a"),
    *("&a [*a]", "&a {b: *a}", "*nowhere", "{<<: 3}", "{<<: [1]}", "{<<: &b {c: 1}, d: *b}", "=", "<<", "~"),
    *(
        "0x" + "f" * 5_000,
        "1:2:3",
        "0b_",
        "0o8",
        "-.inf",
        ".NaN",
        "2020-01-01",
        "2020-99-99",
        "1__0",
        "0b" * 9,
    ),
    *(
        "? [a]\n: b",
        "{[a]: b}",
        "{? {a: b} : c}",
        "{1: 2}",
        "{null: 1}",
        "{a: 1, a: 2}",
        "| \n x",
        '"\\ud800"',
    ),
    "[&a [x, x], &b [*a, *a, *a, *a], &c [*b, *b, *b, *b], &d [*c, *c, *c, *c], *d]",
    "&x ["
    + ", ".join(f"&l{i} [{', '.join(['*l' + str(i - 1)] * 9 if i else ['lol'])}]" for i in range(12))
    + "]",
]


def spoilt_tree(rng: random.Random, document: Any) -> Any:
    """A copy with one to three places replaced, taken away, doubled, wrapped, renamed or swapped."""
    box = [copy.deepcopy(document)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = rng.choice([p for p in places(box) if p])
        owner: Any = box
        for key in place[:-1]:
            owner = owner[key]
        rng.choice(TREE)(rng, owner, place[-1])
    return box[0]


def _replaced(rng: random.Random, owner: Any, key: Any) -> None:
    owner[key] = copy.deepcopy(rng.choice(VALUES))


def _dropped(rng: random.Random, owner: Any, key: Any) -> None:
    if isinstance(owner, dict):
        del owner[key]
    else:
        owner[key] = None


def _wrapped(rng: random.Random, owner: Any, key: Any) -> None:
    for _ in range(rng.choice((1, 2, 38, 39, 45, 300))):
        owner[key] = [owner[key]] if rng.random() < 0.5 else {"x": owner[key]}


def _repeated(rng: random.Random, owner: Any, key: Any) -> None:
    value = owner[key]
    if isinstance(value, list | str):
        owner[key] = (value * rng.choice((2, 30, 300)))[:3_000]
    else:
        owner[key] = [value] * rng.choice((1, 50))


def _added(rng: random.Random, owner: Any, key: Any) -> None:
    if isinstance(owner, dict):
        owner[
            rng.choice(("unknown", "", "a/b~c", "\0", "\ud800", "__proto__", "x" * 2_000, str(key) + " "))
        ] = 1
    else:
        owner.append(copy.deepcopy(rng.choice(VALUES)))


def _renamed(rng: random.Random, owner: Any, key: Any) -> None:
    if isinstance(owner, dict):
        owner[str(key).upper() if rng.random() < 0.5 else str(key)[:-1]] = owner.pop(key)


def _as_text(rng: random.Random, owner: Any, key: Any) -> None:
    owner[key] = (
        json.dumps(owner[key]) if rng.random() < 0.5 else f"{owner[key]}"[:200] + rng.choice("\0 '\u00e9")
    )


def _scaled(rng: random.Random, owner: Any, key: Any) -> None:
    value = owner[key]
    if isinstance(value, int | float) and abs(value) < 1e300:
        owner[key] = rng.choice(
            (-value, value * 10**30, value + 0.5, value * 1e-300, float(value), bool(value))
        )
    else:
        owner[key] = rng.choice((10**4_299, -(10**400), 2**64, 1.7e308))


TREE: list[Tree] = [_replaced, _replaced, _dropped, _wrapped, _repeated, _added, _renamed, _as_text, _scaled]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _flipped(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _inserted(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(ODD) + data[at:]


def _removed(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 12) :]


def _doubled(rng: random.Random, data: bytes) -> bytes:
    at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[at:end] + data[end:]


def _twice_the_key(rng: random.Random, data: bytes) -> bytes:
    pairs = list(re.finditer(rb'"[^"\n]{1,40}": ?("[^"\n]*"|[-\d.]+)', data))
    if not pairs:
        return data + data
    pair = rng.choice(pairs)
    return data[: pair.end()] + b", " + pair[0] + data[pair.end() :]


def _other_number(rng: random.Random, data: bytes) -> bytes:
    numbers = list(NUMBER.finditer(data))
    if not numbers:
        return rng.choice(TOKENS)
    one = rng.choice(numbers)
    return data[: one.start()] + rng.choice(TOKENS) + data[one.end() :]


def _encoded(rng: random.Random, data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    other = [text.encode(name, "replace") for name in ("utf-16", "utf-16-le", "utf-32", "utf-7", "cp037")]
    other += [b"\x1f\x8b\x08\x00" + data, gzip.compress(data, mtime=0), b"\xef\xbb\xbf" + data]
    other += [b"\xfe\xff" + data, data.replace(b"\n", b"\r\n"), data.replace(b" ", "\u00a0".encode())]
    return rng.choice(other)


def _whole(rng: random.Random, data: bytes) -> bytes:
    return rng.choice(WHOLE) if rng.random() < 0.7 else rng.randbytes(rng.randrange(200))


def _yaml_value(rng: random.Random, data: bytes) -> bytes:
    """One value replaced by something only YAML can say."""
    lines = data.split(b"\n")
    at = rng.choice([i for i, line in enumerate(lines) if b":" in line] or [0])
    head, _, _ = lines[at].partition(b":")
    lines[at] = head + b": " + rng.choice(YAML).encode()
    return b"\n".join(lines)


def _yaml_whole(rng: random.Random, data: bytes) -> bytes:
    odd = rng.choice(YAML).encode()
    return rng.choice((odd, b"a: " + odd, data + b"\n--- \n" + odd, b"%YAML 9.9\n---\n" + data, b"\t" + data))


BYTES: list[Bytes] = [
    *(_cut, _cut, _flipped, _inserted, _removed, _doubled, _twice_the_key, _other_number, _encoded, _whole),
]
YAML_BYTES: list[Bytes] = [*BYTES, _yaml_value, _yaml_value, _yaml_whole]


def mutated_json(rng: random.Random, document: Any) -> bytes:
    """The document as JSON, its tree or its bytes made wrong."""
    if rng.random() < 0.5:
        return json.dumps(spoilt_tree(rng, document), ensure_ascii=rng.random() < 0.8).encode(
            "utf-8", "surrogatepass"
        )
    return rng.choice(BYTES)(rng, json.dumps(document).encode())


def mutated_paste(rng: random.Random, document: Any) -> bytes:
    """The document as YAML or JSON text, its tree or its bytes made wrong."""
    changed = spoilt_tree(rng, document) if rng.random() < 0.3 else None
    if rng.random() < 0.5:
        text = json.dumps(document if changed is None else changed, indent=1)
    else:
        text = yaml.safe_dump(document if changed is None else changed, sort_keys=False, allow_unicode=True)
    data = text.encode("utf-8", "surrogatepass")
    return data if changed is not None else rng.choice(YAML_BYTES)(rng, data)
