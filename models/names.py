"""Looking things up by name: spelling is forgiven, guesses are offered, nothing is guessed silently."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from models.errors import UnknownName

_SEPARATORS = re.compile(r"[\s_-]+")
_MATCHES = 4
_LONGEST = 200


def plain(name: str) -> str:
    """Fold case and separators: ``"H100_SXM"`` and ``"h100-sxm"`` are the same name."""
    return _SEPARATORS.sub("-", name.strip().lower()).strip("-")


def index(entries: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Map every plain id and alias to its id; the first owner of an alias keeps it, ids win over aliases."""
    rows = [(own, list(others)) for own, others in entries]
    names = {plain(own): own for own, _ in rows}
    for own, others in rows:
        for other in others:
            names.setdefault(plain(other), own)
    return names


def resolve(name: object, names: Mapping[str, str], *, noun: str, pointer: str = "", hint: str = "") -> str:
    """Id that ``name`` stands for, or :class:`UnknownName` with the nearest ids.

    Parameters
    ----------
    names : Mapping[str, str]
        Plain name to id, from :func:`index`.
    noun : str
        What is looked up ("device"), for the message.
    hint : str
        Advice that is appended to the guesses.
    """
    if not isinstance(name, str):
        raise UnknownName(f"{noun} must be a name, got {name!r:.80}", pointer=pointer, hint=hint)
    found = names.get(plain(name))
    if found is not None:
        return found
    close = get_close_matches(plain(name)[:_LONGEST], names, n=2 * _MATCHES, cutoff=0.5)
    near = list(dict.fromkeys(names[c] for c in close))[:_MATCHES]
    guess = f"Maybe {', '.join(near)}." if near else f"Maybe look at the catalogue's {noun}s."
    raise UnknownName(f"unknown {noun} {name[:_LONGEST]!r}", pointer=pointer, hint=f"{guess} {hint}".strip())
