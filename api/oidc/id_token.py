"""The ID token: believed only where the provider signed it, for this service and this attempt, just now."""

import hmac
import logging
from collections.abc import Sequence
from typing import Any

from api.oidc.configuration import Configuration
from api.oidc.refusal import LoginRefused

log = logging.getLogger(__name__)
KINDS = {"RS256": ("RSA", None), "ES256": ("EC", "P-256")}
"""Algorithms and the keys they take. None with a shared secret: the public key would pass for it."""
NEEDED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
LEEWAY_S = 60
"""Clocks differ by this at most [s]."""
UNTRUSTED = "The answer of your organisation's login cannot be trusted. Please log in again."
OVER = "The proof of who you are has expired. Please log in again."
FOREIGN = "The proof of who you are was made for another service. Please log in again."


class UnknownKey(LoginRefused):
    """No key at hand fits; the provider may have new ones."""

    def __init__(self) -> None:
        super().__init__(UNTRUSTED)


def claims_of(token: str, keys: Sequence[Any], chosen: Configuration, nonce: str) -> dict[str, Any]:
    """What a token says, once all of it is checked.

    Raises
    ------
    LoginRefused
        It is not to be believed.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(header, keys),
            algorithms=[header["alg"]],
            audience=chosen.client_id,
            issuer=chosen.issuer,
            leeway=LEEWAY_S,
            options={"require": NEEDED, "enforce_minimum_key_length": True},
        )
    except jwt.ExpiredSignatureError as error:
        raise LoginRefused(OVER) from error
    except jwt.InvalidAudienceError as error:
        raise LoginRefused(FOREIGN) from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        log.warning("an ID token is refused: %r", error)
        raise LoginRefused(UNTRUSTED) from error
    _check_party(claims, chosen.client_id)
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise LoginRefused(UNTRUSTED)
    return claims


def _check_party(claims: dict[str, Any], client_id: str) -> None:
    """A token for several services names the one that asked for it."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise LoginRefused(FOREIGN)


def _key(header: dict[str, Any], keys: Sequence[Any]) -> Any:
    """The one key a header means; a key that is made for another algorithm never fits."""
    import jwt

    algorithm = header.get("alg")
    if algorithm not in KINDS:
        raise LoginRefused(UNTRUSTED)
    fitting = [key for key in keys if isinstance(key, dict) and _fits(key, algorithm)]
    if "kid" in header:
        fitting = [key for key in fitting if key.get("kid") == header["kid"]]
    if len(fitting) != 1:
        raise UnknownKey
    return jwt.PyJWK(fitting[0], algorithm=algorithm).key


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    kind, curve = KINDS[algorithm]
    return (
        key.get("kty") == kind
        and key.get("crv") == curve
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    )
