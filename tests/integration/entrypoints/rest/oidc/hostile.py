"""A provider that says whatever a test has it say."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID = "flowtrack"
CLIENT_SECRET = "a secret that a hostile provider knows"


@dataclass(kw_only=True)
class Hostile:
    """What it says, and what it was asked. `sign` makes the ID token of its claims."""

    port: int
    name: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"}))
    published: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    sign: Callable[["Hostile", dict[str, Any]], str] | None = None
    userinfo: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    status: int = 200
    delay: float = 0.0
    padding: int = 0
    location: str | None = None
    # What it answers at a path instead, as it is written.
    written: dict[str, bytes] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.name}"

    def publish(self, *keys: RSAKey) -> None:
        self.published = [key.as_dict(private=False) for key in keys]

    def rotate(self) -> None:
        """Signs with another key from now on, and publishes that alone."""
        self.key = RSAKey.generate_key(2048, parameters={"kid": f"rotated {time.time_ns()}", "use": "sig"})
        self.publish(self.key)

    def token(self) -> str:
        """The ID token for the sign-in that was asked for last."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.claims}
        said = {name: value for name, value in said.items() if value is not None}
        return self.sign(self, said) if self.sign is not None else signed(self, said)

    def about(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.discovery,
        }


def signed(provider: Hostile, claims: dict[str, Any], *, key: RSAKey | None = None, kid: str | None = None) -> str:
    """As an honest provider signs."""
    key = key or provider.key
    # Escaped, so that it can say what no encoding carries.
    return jws.serialize_compact({"alg": "RS256", "kid": kid or str(key.kid)}, json.dumps(claims).encode(), key)


def unsigned(_: Hostile, claims: dict[str, Any]) -> str:
    """With `alg` none, and no signature."""
    parts = [json.dumps(each).encode() for each in ({"alg": "none", "kid": "one"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), ""])


def signed_with_shared_secret(_: Hostile, claims: dict[str, Any]) -> str:
    """With what the client knows too."""
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])


def signed_with_public_key(provider: Hostile, claims: dict[str, Any]) -> str:
    """With the published key taken for a shared secret."""
    head, body = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=")
        for each in ({"alg": "HS256", "kid": "one"}, claims)
    ]
    mac = hmac.digest(provider.key.as_pem(private=False), head + b"." + body, "sha256")
    return b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


class HostileServer:
    """Serves one on a thread of its own."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._numbers = count(1)
        self.provider = self.afresh()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def afresh(self) -> Hostile:
        """Forgets what it was told to say."""
        self.provider = Hostile(port=self._server.server_address[1], name=f"hostile{next(self._numbers)}")
        self.provider.publish(self.provider.key)
        return self.provider

    def __enter__(self) -> "HostileServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                self._answer(parse_qs(body))

            def _answer(self, form: dict[str, list[str]]) -> None:
                provider = server.provider
                path = self.path.partition("?")[0].removeprefix(f"/{provider.name}")
                provider.asked.append((path, form))
                time.sleep(provider.delay)
                body: dict[str, Any] = {}
                if path.endswith("openid-configuration"):
                    body = provider.about()
                elif path == "/keys":
                    body = {"keys": provider.published}
                elif path == "/token":
                    body = {"access_token": "an access token", "token_type": "Bearer", "id_token": provider.token()}
                elif path == "/userinfo":
                    body = provider.userinfo
                written = provider.written.get(path) or json.dumps(body).encode() + b" " * provider.padding
                self.send_response(302 if provider.location else provider.status)
                if provider.location:
                    self.send_header("Location", provider.location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def log_message(self, *_: Any) -> None:
                """Tests say what they asked."""

        return Handler
