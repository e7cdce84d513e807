"""Stacked bars as data: where each part begins, how wide it is, and the letter that ties it to its row."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase

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


def stacked(values: Mapping[str, float], colours: Mapping[str, str] | None = None) -> list[Part]:
    """Parts in the order given; negative ones are shown as nothing."""
    total = sum(max(value, 0.0) for value in values.values()) or 1.0
    parts, start = [], 0.0
    for i, (name, value) in enumerate(values.items()):
        width = max(value, 0.0) / total * 100
        parts.append(
            Part(
                letter=ascii_uppercase[i % len(ascii_uppercase)],
                name=name.replace("_", " "),
                value=value,
                start_percent=round(start, 3),
                width_percent=round(width, 3),
                colour=(colours or {}).get(name, f"c{i % COLOURS}"),
            )
        )
        start += width
    return parts
