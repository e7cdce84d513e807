"""Why somebody is not let in, in a sentence for the login page."""

from http import HTTPStatus


class LoginRefused(Exception):
    """No session is opened.

    Parameters
    ----------
    words
        What the person reads.
    status
        403 where it is about the person or the browser, 502 where the provider fails.
    """

    def __init__(self, words: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


def provider_fails(what: str) -> LoginRefused:
    """The provider does not do its part."""
    return LoginRefused(
        f"The login of your organisation {what}. Maybe try again in a moment, or log in with an API key.",
        HTTPStatus.BAD_GATEWAY,
    )
