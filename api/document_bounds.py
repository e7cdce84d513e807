"""How many values one document may hold: checking a value costs more than sending it."""

from models.errors import TooLarge

MAX_VALUES = 200_000
"""Five thousand predict rows hold about 175,000."""


def check_values(text: str) -> None:
    """Refuse a JSON or YAML text that may hold too many values, judged by what separates them.

    Raises
    ------
    TooLarge
        More than ``MAX_VALUES`` separators.
    """
    if sum(text.count(mark) for mark in (",", ":", "\n")) > MAX_VALUES:
        raise TooLarge(
            f"the document holds more than {MAX_VALUES:,} values", hint="Maybe send it in several parts."
        )
