"""Login through an organisation: the whole flow against a real little provider, and every way to cheat."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import func, select

from api.caller import COOKIE
from api.oidc import sign_in, ticket
from api.pages.oidc_login import TICKET_COOKIE
from api.settings import Settings
from db.access import AccessRepository
from db.access_tables import ProjectRow, SessionRow
from models.errors import InvalidInput
from tests.api.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OTHER_KEY,
    LittleProvider,
    es256,
    hs256_with_the_public_key,
    public_keys,
    rs256,
    unsigned,
)

BUTTON = "Log in with your organisation"


class Visitor:
    """A browser at a service that knows the little provider."""

    def __init__(self, client: TestClient, provider: LittleProvider) -> None:
        self.client = client
        self.provider = provider
        self.services = client.app.state.services  # type: ignore[attr-defined]

    def get(self, url: str) -> Any:
        return self.client.get(url, follow_redirects=False)

    def leaves(self) -> str:
        answer = self.get("/login/oidc")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def logs_in(self) -> Any:
        return self.get(self.provider.logs_in(self.leaves()))

    def stored(self) -> tuple[int, int]:
        """How many sessions and projects there are."""
        with self.services.database.reading() as session:
            counts = [
                session.scalar(select(func.count()).select_from(row)) for row in (SessionRow, ProjectRow)
            ]
        return counts[0], counts[1]

    def is_refused(self, answer: Any, status: int, words: str, before: tuple[int, int]) -> None:
        """Back at the login page with a sentence; no session, no project, nothing of the inside."""
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        assert words in answer.text
        assert BUTTON in answer.text
        assert "Traceback" not in answer.text
        assert COOKIE not in answer.cookies
        assert self.stored() == before
        assert self.get("/").headers["location"] == "/login"


@pytest.fixture
def provider() -> Iterator[LittleProvider]:
    started = LittleProvider()
    yield started
    started.stop()


def oidc_settings(provider: LittleProvider, **changes: Any) -> dict[str, Any]:
    return {
        "requires_keys": True,
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        **changes,
    }


@pytest.fixture
def visitor(make_client: Callable[..., TestClient], provider: LittleProvider) -> Visitor:
    return Visitor(make_client(**oidc_settings(provider)), provider)


def test_a_person_logs_in_works_and_logs_out(visitor: Visitor) -> None:
    assert BUTTON in visitor.get("/login").text
    answer = visitor.logs_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = answer.headers.get_list("set-cookie")
    session = next(cookie for cookie in cookies if cookie.startswith(COOKIE))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert visitor.get("/").status_code == 200
    made = visitor.client.put("/v1/scenarios/x", json={})
    assert made.status_code not in (401, 403)
    assert visitor.get("/v1/keys").status_code == 403  # write, not admin
    with visitor.services.database.reading() as stored:
        access = AccessRepository(stored)
        assert "ours" in access.projects()
        deed = next(row for row in access.audit("ours", 10, None).items if "oidc" in row.action)
        secret = visitor.client.cookies[COOKIE]
        assert access.session(secret) is not None
    assert deed.actor == "oidc ann@example.org"
    assert deed.detail["scope"] == "write"
    assert visitor.client.post("/logout", follow_redirects=False).status_code == 303
    assert visitor.get("/").headers["location"] == "/login"


def test_the_browser_keeps_a_short_lived_ticket_that_scripts_cannot_read(visitor: Visitor) -> None:
    answer = visitor.get("/login/oidc")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{TICKET_COOKIE}=")
    for mark in ("HttpOnly", "SameSite=lax", "Path=/login/oidc", f"Max-Age={ticket.LASTS_S}"):
        assert mark in cookie
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    again = dict(parse_qsl(urlsplit(visitor.leaves()).query))
    assert asked["redirect_uri"] == "http://testserver/login/oidc/callback"
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_the_scope_of_the_claim_is_the_scope_of_the_session(visitor: Visitor, scope: str) -> None:
    visitor.provider.claims["shardwright_scope"] = scope
    assert visitor.logs_in().status_code == 303
    assert visitor.get("/v1/keys").status_code == (200 if scope == "admin" else 403)
    posted = visitor.client.post("/v1/plans", json={}, follow_redirects=False).status_code
    assert (posted == 403) == (scope == "read")


def test_tokens_signed_on_a_curve_are_taken_too(visitor: Visitor) -> None:
    visitor.provider.sign = es256
    assert visitor.logs_in().status_code == 303


def test_a_provider_that_takes_the_secret_in_the_form_only(visitor: Visitor) -> None:
    visitor.provider.parts["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert visitor.logs_in().status_code == 303


def test_a_provider_may_change_its_keys(visitor: Visitor) -> None:
    assert visitor.logs_in().status_code == 303
    visitor.provider.keys = public_keys("two")
    visitor.provider.sign = lambda claims: rs256(claims, "two")
    assert visitor.logs_in().status_code == 303
    assert visitor.provider.asked.count("/keys") == 2


def test_another_server_of_the_service_finishes_what_one_began(
    make_client: Callable[..., TestClient], provider: LittleProvider
) -> None:
    one, two = (Visitor(make_client(**oidc_settings(provider)), provider) for _ in range(2))
    back = provider.logs_in(one.leaves())
    two.client.cookies.set(TICKET_COOKIE, one.client.cookies[TICKET_COOKIE], path="/login/oidc")
    assert two.get(back).headers["location"] == "/"


def test_a_fixed_redirect_url_and_a_default_project(
    make_client: Callable[..., TestClient], provider: LittleProvider
) -> None:
    provider.claims = {}
    fixed = "https://plans.example.org/login/oidc/callback"
    more = oidc_settings(provider, oidc_redirect_url=fixed, oidc_default_project="everybody")
    visitor = Visitor(make_client(**more), provider)
    back = provider.logs_in(visitor.leaves())
    assert back.startswith(f"{fixed}?")
    assert visitor.get(back.replace("https://plans.example.org", "")).headers["location"] == "/"
    with visitor.services.database.reading() as stored:
        who = AccessRepository(stored).session(visitor.client.cookies[COOKIE])
    assert (who.project, who.scope) == ("everybody", "write")


UNTRUSTED = "cannot be trusted"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "another attempt"}, UNTRUSTED),
        ({"nonce": None}, UNTRUSTED),
        ({"aud": "another service"}, "made for another service"),
        ({"aud": [CLIENT_ID, "another service"]}, "made for another service"),
        ({"azp": "another service"}, "made for another service"),
        ({"aud": None}, UNTRUSTED),
        ({"exp": 1_000_000_000}, "has expired"),
        ({"exp": None}, UNTRUSTED),
        ({"exp": float("inf")}, UNTRUSTED),
        ({"iat": 4_000_000_000}, UNTRUSTED),
        ({"iss": "https://elsewhere.example"}, UNTRUSTED),
        ({"sub": None}, UNTRUSTED),
        ({"sub": 7}, UNTRUSTED),
        ({"sub": "a\0b"}, "no name that can be kept"),
        ({"sub": ""}, "no name that can be kept"),
        ({"shardwright_project": None}, "no project here"),
        ({"shardwright_project": "Not A Name"}, "a project that is none"),
        ({"shardwright_project": "ours\n"}, "a project that is none"),
        ({"shardwright_project": ["ours"]}, "a project that is none"),
        ({"shardwright_scope": "root"}, "a scope that is none"),
        ({"shardwright_scope": ["admin"]}, "a scope that is none"),
    ],
    ids=str,
)
def test_what_the_token_says_has_to_be_right(visitor: Visitor, claims: dict[str, Any], words: str) -> None:
    before = visitor.stored()
    visitor.provider.claims.update(claims)
    visitor.is_refused(visitor.logs_in(), 403, words, before)


FORGERIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "alg none": unsigned,
    "HS256 with the public key": hs256_with_the_public_key,
    "unknown kid": lambda claims: rs256(claims, "nobody's"),
    "another key": lambda claims: rs256(claims, "one", OTHER_KEY),
    "a key for encryption": lambda claims: rs256(claims, "enc", OTHER_KEY),
    "RS256 with the name of the curve key": lambda claims: rs256(claims, "curve"),
    "signature cut off": lambda claims: rs256(claims).rpartition(".")[0] + ".",
    "no token": lambda claims: "nonsense",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_who_signed_the_token_has_to_be_the_provider(visitor: Visitor, forgery: str) -> None:
    before = visitor.stored()
    visitor.provider.sign = FORGERIES[forgery]
    visitor.is_refused(visitor.logs_in(), 403, UNTRUSTED, before)


NOT_HERE = "did not begin in this browser"


def test_a_wrong_state_is_refused_before_the_provider_is_asked(visitor: Visitor) -> None:
    before = visitor.stored()
    back = visitor.provider.logs_in(visitor.leaves())
    answer = visitor.get(f"{back.partition('state=')[0]}state=wrong")
    visitor.is_refused(answer, 403, NOT_HERE, before)
    assert "/token" not in visitor.provider.asked
    visitor.is_refused(visitor.get(back), 403, NOT_HERE, before)  # the ticket went with the first answer


def test_another_browser_cannot_be_logged_in_by_a_link(visitor: Visitor) -> None:
    before = visitor.stored()
    back = visitor.provider.logs_in(visitor.leaves())
    visitor.client.cookies.clear()
    visitor.is_refused(visitor.get(back), 403, NOT_HERE, before)


def test_a_state_is_good_once_even_where_the_cookie_is_put_back(visitor: Visitor) -> None:
    address = visitor.leaves()
    kept = visitor.client.cookies[TICKET_COOKIE]
    assert visitor.get(visitor.provider.logs_in(address)).status_code == 303
    assert TICKET_COOKIE not in visitor.client.cookies
    before = visitor.stored()
    visitor.client.cookies.clear()
    visitor.client.cookies.set(TICKET_COOKIE, kept, path="/login/oidc")
    again = visitor.get(visitor.provider.logs_in(address))  # a new code for the old state
    visitor.is_refused(again, 403, "was used before", before)


def test_a_code_the_provider_does_not_know_is_refused(visitor: Visitor) -> None:
    before = visitor.stored()
    back = visitor.provider.logs_in(visitor.leaves())
    answer = visitor.get(back.replace("code=", "code=x"))
    visitor.is_refused(answer, 403, "is over or was used before", before)


def test_a_ticket_that_is_changed_or_over_is_refused(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = visitor.stored()
    back = visitor.provider.logs_in(visitor.leaves())
    body, _, seal = visitor.client.cookies[TICKET_COOKIE].partition(".")
    for forged in (f"{body[:-1]}A.{seal}", f"{body}.", body, "ä.ö", "."):
        headers = {"Cookie": f"{TICKET_COOKIE}={forged}".encode()}
        visitor.client.cookies.clear()
        answer = visitor.client.get(back, headers=headers, follow_redirects=False)
        visitor.is_refused(answer, 403, NOT_HERE, before)
    later = time.time() + ticket.LASTS_S + 1
    monkeypatch.setattr(ticket.time, "time", lambda: later)
    headers = {"Cookie": f"{TICKET_COOKIE}={body}.{seal}"}
    answer = visitor.client.get(back, headers=headers, follow_redirects=False)
    visitor.is_refused(answer, 403, NOT_HERE, before)


def test_somebody_the_provider_does_not_let_in(visitor: Visitor) -> None:
    before = visitor.stored()
    state = dict(parse_qsl(urlsplit(visitor.leaves()).query))["state"]
    answer = visitor.get(f"/login/oidc/callback?error=access_denied&state={state}")
    visitor.is_refused(answer, 403, "did not let you in", before)


def test_an_answer_that_names_another_provider(visitor: Visitor) -> None:
    before = visitor.stored()
    back = visitor.provider.logs_in(visitor.leaves())
    visitor.is_refused(visitor.get(f"{back}&iss=https://elsewhere.example"), 403, NOT_HERE, before)


def test_a_provider_that_is_down_from_the_start(visitor: Visitor) -> None:
    before = visitor.stored()
    visitor.provider.stop()
    visitor.is_refused(visitor.get("/login/oidc"), 502, "does not answer", before)


@pytest.mark.parametrize("path", ["/token", "/keys"])
@pytest.mark.parametrize(
    "fault", [(500, b"{}"), (200, b"<html>"), (200, b"[]"), (302, b"{}"), (200, b"[" * 200_000)]
)
def test_a_provider_that_fails_on_the_way_back(visitor: Visitor, path: str, fault: tuple[int, bytes]) -> None:
    before = visitor.stored()
    visitor.provider.faults[path] = fault
    visitor.is_refused(visitor.logs_in(), 502, "The login of your organisation", before)
    visitor.provider.faults.clear()
    assert visitor.logs_in().status_code == 303  # nothing of it was kept


@pytest.mark.parametrize(
    "parts",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly(visitor: Visitor, parts: dict[str, Any]) -> None:
    before = visitor.stored()
    visitor.provider.parts = parts
    visitor.is_refused(visitor.get("/login/oidc"), 502, "not set up well", before)
    visitor.provider.parts = {}
    assert visitor.logs_in().status_code == 303


def test_an_answer_without_end_is_not_read_to_the_end(visitor: Visitor) -> None:
    before = visitor.stored()
    visitor.provider.faults["/token"] = (200, b" " * 3_000_000)
    visitor.is_refused(visitor.logs_in(), 502, "no answer that can be read", before)


def test_without_the_setting_there_is_no_button_and_no_way_in(make_client: Callable[..., TestClient]) -> None:
    client = make_client(requires_keys=True)
    assert BUTTON not in client.get("/login").text
    for path in ("/login/oidc", "/login/oidc/callback?code=x&state=y"):
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code == 403
        assert "knows no login of an organisation" in answer.text


ON = {
    "requires_keys": True,
    "oidc_issuer": "https://login.example.org",
    "oidc_client_id": "x",
    "oidc_client_secret": SecretStr("hidden"),
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requires_keys": False}, "start with --keys"),
        ({"oidc_client_id": ""}, "SHARDWRIGHT_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": SecretStr("")}, "SHARDWRIGHT_OIDC_CLIENT_SECRET"),
        ({"oidc_issuer": "http://login.example.org"}, "oidc_issuer"),
        ({"oidc_issuer": "https://["}, "oidc_issuer"),
        ({"oidc_redirect_url": "ftp://x"}, "oidc_redirect_url"),
        ({"oidc_default_project": "Not A Name"}, "is no name"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_told_while_the_service_starts(changes: dict[str, Any], words: str) -> None:
    assert sign_in.sign_in_of(Settings(**ON)) is not None
    with pytest.raises(InvalidInput) as told:
        sign_in.sign_in_of(Settings(**{**ON, **changes}))
    assert words in str(told.value)
    assert "hidden" not in str(told.value)


def test_a_missing_library_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.oidc.configuration.find_spec", lambda name: None if name == "jwt" else httpx2)
    with pytest.raises(InvalidInput, match=r"needs jwt\n.*shardwright\[oidc\]"):
        sign_in.sign_in_of(Settings(**ON))


def test_settings_do_not_show_the_secret() -> None:
    assert "hidden" not in repr(Settings(**ON))
