"""Stacked bars as data: where each part begins, how wide it is, and the letter that ties it to its row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from planner.explanation import WORDS

COLOURS = 8
LETTER_NEEDS_PERCENT = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a bar; positions in percent of its length."""

    letter: str
    name: str
    value: float
    start_percent: float
    width_percent: float
    colour: str

    @property
    def shows_letter(self) -> bool:
        """Whether the letter fits into the part."""
        return self.width_percent >= LETTER_NEEDS_PERCENT

    @property
    def middle_percent(self) -> float:
        """Where the letter stands."""
        return self.start_percent + self.width_percent / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """How a part is shown wherever it occurs."""

    letter: str
    colour: str
    words: str


def keys(names: Iterable[str], colours: Mapping[str, str] | None = None) -> dict[str, Key]:
    """One letter and colour per name, so that bars side by side can be compared.

    Lower-case letters: capital ones name the groups of a plan.
    """
    return {
        name: Key(
            letter=ascii_lowercase[i % len(ascii_lowercase)],
            colour=(colours or {}).get(name, f"c{i % COLOURS}"),
            words=WORDS.get(name, name.replace("_", " ")),
        )
        for i, name in enumerate(dict.fromkeys(names))
    }


def stacked(values: Mapping[str, float], known: Mapping[str, Key]) -> list[Part]:
    """Parts in the order of the keys; negative ones are shown as nothing."""
    total = sum(max(value, 0.0) for value in values.values()) or 1.0
    parts, start = [], 0.0
    for name, key in known.items():
        if name not in values:
            continue
        value = values[name]
        width = max(value, 0.0) / total * 100
        parts.append(
            Part(
                letter=key.letter,
                name=key.words,
                value=value,
                start_percent=round(start, 3),
                width_percent=round(width, 3),
                colour=key.colour,
            )
        )
        start += width
    return parts
