"""Access tokens: JWTs signed with Ed25519, by keys that all processes share and the JWKS shows."""

import json
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from secrets import token_urlsafe
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet, OKPKey
from joserfc.jws import extract_compact

from core.auth.errors import TokenInvalid
from core.auth.model import ACCESS_LIFE
from core.auth.read_models import Claims
from core.kernel.actor import Role

# RFC 9864 renames EdDSA to Ed25519; clients' libraries know the old name, so we sign with it and accept both.
_ALGORITHMS = ["EdDSA", "Ed25519"]
_TYPE = "at+jwt"
# A bound on what is remembered, not on what is accepted: 10,000 tokens are about 10 MB.
_REMEMBERED = 10_000
_LONGEST = 4096

warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


class SigningKey:
    """A key pair with its id."""

    def __init__(self, key: OKPKey) -> None:
        self.key = key
        self.kid = str(key.kid)

    @staticmethod
    def generate() -> "SigningKey":
        return SigningKey(OKPKey.generate_key("Ed25519", {"kid": token_urlsafe(12), "use": "sig"}, private=True))

    @staticmethod
    def read(private_jwk: bytes) -> "SigningKey":
        return SigningKey(OKPKey.import_key(json.loads(private_jwk)))

    @staticmethod
    def read_public(public_jwk: str) -> "SigningKey":
        """A key that was retired: it verifies and no longer signs."""
        return SigningKey(OKPKey.import_key(json.loads(public_jwk)))

    def public_jwk(self) -> dict[str, Any]:
        """What the JWKS shows."""
        return {**self.key.as_dict(private=False), "alg": "EdDSA"}

    def private_jwk(self) -> bytes:
        """A secret: to be sealed before it is stored."""
        return json.dumps(self.key.as_dict(private=True)).encode()


class JwtAccessTokens:
    """Signs with the first key; verifies with any of them.

    A token that was verified is remembered until it expires, since checking a signature costs as much as answering.
    That its login session is still open is not remembered: the database says so in every request.
    """

    def __init__(self, *, issuer: str) -> None:
        self._issuer = issuer
        self._keys: Sequence[SigningKey] = ()
        self._key_set = KeySet([])
        self._remembered: OrderedDict[str, tuple[Claims, float]] = OrderedDict()

    def use(self, keys: Sequence[SigningKey]) -> None:
        """Takes the keys, the one that signs first."""
        if [key.kid for key in keys] == [key.kid for key in self._keys]:
            return
        self._keys = keys
        self._key_set = KeySet([key.key for key in keys])
        self._remembered.clear()

    def lacks_key_of(self, token: str) -> bool:
        """Whether a token names a key that is not among ours; whether it is worth anything, nobody has looked yet."""
        if len(token) > _LONGEST or not token.isascii():
            return False
        try:
            header = extract_compact(token.encode()).protected
            named, kind = header.get("kid"), header.get("typ")
        except (JoseError, ValueError, TypeError, AttributeError):
            return False
        return isinstance(named, str) and kind == _TYPE and all(named != key.kid for key in self._keys)

    def jwks(self) -> dict[str, Any]:
        """The public halves."""
        return {"keys": [key.public_jwk() for key in self._keys]}

    def sign(self, claims: Claims, *, at: datetime) -> str:
        key = self._keys[0]
        header = {"alg": "EdDSA", "kid": key.kid, "typ": _TYPE}
        body = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": str(claims.account_id),
            "user_id": str(claims.user_id),
            "company_id": str(claims.company_id),
            "role": str(claims.role),
            "sid": str(claims.session_id),
            "jti": str(uuid4()),
            "iat": int(at.timestamp()),
            "exp": int((at + ACCESS_LIFE).timestamp()),
        }
        return jwt.encode(header, body, key.key, algorithms=_ALGORITHMS)

    def verify(self, token: str, *, at: datetime) -> Claims:
        now = at.timestamp()
        known = self._remembered.get(token)
        if known is not None:
            if now < known[1]:
                return known[0]
            del self._remembered[token]
            raise TokenInvalid
        claims, expires = self._verified(token, now=now)
        self._remembered[token] = (claims, expires)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return claims

    def _verified(self, token: str, *, now: float) -> tuple[Claims, float]:
        if len(token) > _LONGEST or not token.isascii():
            raise TokenInvalid
        registry = jwt.JWTClaimsRegistry(
            now=int(now),
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._issuer},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            decoded = jwt.decode(token, self._key_set, algorithms=_ALGORITHMS)
            if decoded.header.get("typ") != _TYPE:
                raise TokenInvalid
            registry.validate(decoded.claims)
            given = decoded.claims
            claims = Claims(
                account_id=UUID(given["sub"]),
                user_id=UUID(given["user_id"]),
                company_id=UUID(given["company_id"]),
                session_id=UUID(given["sid"]),
                role=Role(given["role"]),
            )
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TokenInvalid from error
        return claims, float(given["exp"])
