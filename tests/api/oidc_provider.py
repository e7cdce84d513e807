"""A small OpenID Connect provider on a port of its own; its token endpoint checks PKCE and the secret."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT_ID = "shardwright test"
CLIENT_SECRET = "a secret: with/odd signs"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
Sign = Callable[[dict[str, Any]], str]


def public_keys(kid: str = "one") -> list[dict[str, Any]]:
    """The provider's keys as it shows them: one of each kind, and one that is not for signatures."""
    shown = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    curve = jwt.algorithms.ECAlgorithm.to_jwk(CURVE_KEY.public_key(), as_dict=True)
    other = jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_KEY.public_key(), as_dict=True)
    return [
        {**shown, "kid": kid, "use": "sig"},
        {**curve, "kid": "curve", "use": "sig"},
        {**other, "kid": "enc", "use": "enc"},
    ]


def rs256(claims: dict[str, Any], kid: str = "one", key: rsa.RSAPrivateKey = KEY) -> str:
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


def es256(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, CURVE_KEY, algorithm="ES256", headers={"kid": "curve"})


def unsigned(claims: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': 'one'})}.{_part(claims)}."


def hs256_with_the_public_key(claims: dict[str, Any]) -> str:
    """What fools a verifier that lets the token choose the algorithm."""
    pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'one'})}.{_part(claims)}"
    return f"{body}.{_base64(hmac.digest(pem, body.encode(), 'sha256'))}"


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class LittleProvider:
    """Everybody who comes is let in, as ``claims`` and ``sign`` say; codes are good once."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"shardwright_project": "ours"}
        self.sign: Sign = rs256
        self.keys = public_keys()
        self.parts: dict[str, Any] = {}
        self.faults: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self._waiting: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Go off the air; a second time is nothing."""
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def logs_in(self, address: str) -> str:
        """What a person's browser does at the provider: the URL it is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{self.issuer}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self._waiting[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def answer(self, path: str, form: dict[str, list[str]], authorization: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.faults:
            return self.faults[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(self.description()).encode()
        if path == "/keys":
            return 200, json.dumps({"keys": self.keys}).encode()
        if path == "/token":
            return self._token({name: values[0] for name, values in form.items()}, authorization)
        return 404, b"{}"

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.parts,
        }

    def _token(self, form: dict[str, str], authorization: str) -> tuple[int, bytes]:
        if _shown(form, authorization) != (CLIENT_ID, CLIENT_SECRET):
            return 401, b'{"error": "invalid_client"}'
        asked = self._waiting.pop(form.get("code", ""), None)
        challenge = _base64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
            or form.get("grant_type") != "authorization_code"
        ):
            return 400, b'{"error": "invalid_grant"}'
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "ann@example.org",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        token = self.sign({name: value for name, value in claims.items() if value is not None})
        return 200, json.dumps({"token_type": "Bearer", "access_token": "x", "id_token": token}).encode()


def _shown(form: dict[str, str], authorization: str) -> tuple[str, str]:
    if authorization.startswith("Basic "):
        name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        return unquote(name), unquote(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


def _handler(provider: LittleProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/authorize?"):
                self._send({})
                return
            self.send_response(302)
            self.send_header("Location", provider.logs_in(provider.issuer + self.path))
            self.end_headers()

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            self._send(parse_qs(self.rfile.read(length).decode()))

        def _send(self, form: dict[str, list[str]]) -> None:
            status, body = provider.answer(self.path, form, self.headers.get("authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
