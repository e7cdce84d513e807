"""The settings of the login, checked while the service starts rather than at the first person."""

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from api.project_names import check_project
from api.settings import Settings
from models.errors import InvalidInput

LIBRARIES = ("httpx2", "jwt", "cryptography")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the operator and the provider agreed on."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_url: str
    project_claim: str
    default_project: str
    scope_claim: str

    def __repr__(self) -> str:
        return f"Configuration({self.issuer!r}, {self.client_id!r})"


def configuration_of(settings: Settings) -> Configuration | None:
    """The login as it is set; None where it is off.

    Raises
    ------
    InvalidInput
        A setting is missing or wrong, or the libraries are not installed.
    """
    if not settings.oidc_issuer:
        return None
    chosen = Configuration(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirect_url=settings.oidc_redirect_url,
        project_claim=settings.oidc_project_claim,
        default_project=settings.oidc_default_project,
        scope_claim=settings.oidc_scope_claim,
    )
    _check_reach(settings)
    for name in ("client_id", "client_secret", "project_claim", "scope_claim"):
        if not getattr(chosen, name):
            raise _unfit(f"oidc_{name}", "is empty", f"set SHARDWRIGHT_OIDC_{name.upper()}")
    for name in ("issuer", "redirect_url"):
        url = getattr(chosen, name)
        if url and not is_safe_url(url):
            raise _unfit(
                f"oidc_{name}", f"{url!r} is no https URL", "use https; http is for this machine only"
            )
    if chosen.default_project:
        check_project(chosen.default_project)
    return chosen


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can read or change what goes there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


def _check_reach(settings: Settings) -> None:
    """A login that protects nothing is a mistake that nobody would see."""
    if not settings.requires_keys:
        raise _unfit("oidc_issuer", "is set, but everybody may do everything", "start with --keys")
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise _unfit(
            "oidc_issuer",
            f"needs {', '.join(missing)}",
            "install the extra oidc: pip install 'shardwright[oidc]'",
        )


def _unfit(setting: str, what: str, way_out: str) -> InvalidInput:
    return InvalidInput(f"{setting} {what}", pointer=f"/{setting}", hint=f"Maybe {way_out}.")
