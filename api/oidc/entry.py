"""From what a provider says of a person to what the person may do here."""

from typing import Any

from api.oidc.configuration import Configuration
from api.oidc.refusal import LoginRefused
from api.project_names import check_project
from db.access import SCOPES, Identity
from models.errors import InvalidInput

DEFAULT_SCOPE = "write"
MOST_SIGNS = 255
"""Longest name of a person (OpenID Connect Core, section 2, sub)."""
ASK = "Please ask whoever runs this service."


def entry_of(claims: dict[str, Any], chosen: Configuration) -> Identity:
    """Project, scope and name of a person.

    Raises
    ------
    LoginRefused
        The person has no project here, or a scope that is none.
    """
    person = str(claims["sub"])
    if not 0 < len(person) <= MOST_SIGNS or not person.isprintable():
        raise LoginRefused(f"Your organisation's login gives you no name that can be kept. {ASK}")
    return Identity(
        project=_project(claims.get(chosen.project_claim), chosen),
        scope=_scope(claims.get(chosen.scope_claim), chosen),
        actor=f"oidc {person}",
    )


def _project(claimed: Any, chosen: Configuration) -> str:
    if claimed is None:
        if not chosen.default_project:
            raise LoginRefused(f"Your organisation's login gives you no project here. {ASK}")
        return chosen.default_project
    try:
        return check_project(claimed if isinstance(claimed, str) else "")
    except InvalidInput as error:
        words = f"Your organisation's login gives you a project that is none ({chosen.project_claim}). {ASK}"
        raise LoginRefused(words) from error


def _scope(claimed: Any, chosen: Configuration) -> str:
    if claimed is None:
        return DEFAULT_SCOPE
    if not isinstance(claimed, str) or claimed not in SCOPES:
        raise LoginRefused(
            f"Your organisation's login gives you a scope that is none ({chosen.scope_claim}): "
            f"it may be {', '.join(SCOPES)}. {ASK}"
        )
    return claimed
