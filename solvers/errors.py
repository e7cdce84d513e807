"""The one error of this package: an instance that does not describe a problem."""


class InvalidInstance(ValueError):
    """A field of a problem instance is missing, of the wrong kind or out of range.

    Parameters
    ----------
    message
        Names the field and the value found there.
    pointer
        JSON pointer of the field.
    hint
        Advice; begins with "Maybe".
    """

    def __init__(self, message: str, pointer: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer
        self.hint = hint
