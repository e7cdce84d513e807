"""Names of projects: short, plain, fit for logs and labels."""

import re

from models.errors import InvalidInput

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}\Z")


def check_project(name: str) -> str:
    """The name, if it is one.

    Raises
    ------
    InvalidInput
        It is not.
    """
    if not _NAME.match(name):
        raise InvalidInput(
            f"project {name[:80]!r} is no name",
            pointer="/project",
            hint="Maybe use up to 63 small letters, digits, - and _, beginning with a letter or digit.",
        )
    return name
