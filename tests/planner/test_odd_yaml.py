"""Tags that do not fit their values, and numbers without end, are faults of the document."""

import pytest

from models.errors import InvalidInput
from planner.importers import document


@pytest.mark.parametrize(
    "text", ['!!int ""', "!!int _", '!!float ""', "!!bool x", "!!timestamp x", "a: 0x" + "f" * 5_000]
)
def test_odd_values_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"a tag does not fit its value|too many digits"):
        document.read(text)
