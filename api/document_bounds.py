"""What any stored document keeps to: not too many values, and texts that every database can hold."""

from typing import Any

from api.pointing import token
from models.errors import InvalidInput, TooLarge

MAX_VALUES = 200_000
"""Checking a value costs more than sending it; five thousand predict rows hold about 175,000."""


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


def check_texts(value: Any, pointer: str = "") -> None:
    """Refuse NUL characters, which PostgreSQL cannot store; the depth was bounded on reading.

    Raises
    ------
    InvalidInput
        With the pointer of the text, or of the object whose key holds one.
    """
    if isinstance(value, str) and "\0" in value:
        raise InvalidInput("the text holds a NUL character", pointer=pointer)
    if isinstance(value, dict):
        for key, item in value.items():
            check_texts(key, pointer)
            check_texts(item, f"{pointer}/{token(key)}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            check_texts(item, f"{pointer}/{i}")
