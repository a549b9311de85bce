"""Keys that sign our own statements, in our own database.

ES384 (RFC 7518), RFC 8785 canonical JSON, detached JWS (RFC 7515 appendix F), kid = RFC 7638 thumbprint.
Their lives are those of `key_lives`: a retired key verifies for ever, a revoked one verifies nothing.
"""

from __future__ import annotations

import datetime as dt

import rfc8785
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact, extract_compact, serialize_compact
from joserfc.util import urlsafe_b64encode

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.key_lives import AT_ONCE, KeptKey, KeyLives, KeyState, NewKey
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import signing_keys
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import Clock, Json

ALGORITHM = "ES384"
_CURVE = "P-384"


class DatabaseStatementSigner:
    """A `StatementSigner`. The first two keys are made when first needed."""

    def __init__(self, database: Database, masters: MasterKeys, clock: Clock) -> None:
        self._lives = KeyLives(database, masters, clock, table=signing_keys, use=KeyUse.SIGNING, line={}, make=_new_key)

    def sign(self, statement: Json) -> str:
        """The detached JWS of `statement`, by the current key. Raises ValueError for what is not JSON."""
        key = self._lives.current()
        header = {"alg": ALGORITHM, "kid": key.kid}
        private = ECKey.import_key(key.private)
        compact = serialize_compact(header, canonical(statement), private, algorithms=[ALGORITHM])
        protected, _, signature = compact.split(".")
        return f"{protected}..{signature}"

    def verify(self, statement: Json, jws: str) -> bool:
        """True when one of our keys, not revoked, signed exactly this statement; bad input is just False."""
        parts = jws.split(".")
        if len(parts) != 3 or parts[1]:
            return False
        try:
            payload = urlsafe_b64encode(canonical(statement)).decode("ascii")
            return self._verify_compact(f"{parts[0]}.{payload}.{parts[2]}")
        except (JoseError, Tampered, ValueError, TypeError, RecursionError):
            return False

    def public_jwks(self) -> Json:
        """Next, current and retired keys, public parts only (RFC 7517)."""
        return {"keys": [key.public for key in self.every_key() if key.state != KeyState.REVOKED]}

    def rotate(self, *, published_for: dt.timedelta = AT_ONCE) -> str:
        """The next key becomes the current one, a new next key is made; returns the current kid.

        Raises `Refused` (`key-too-new`) while the next key has not been published for that long.
        """
        return self._lives.rotate(published_for=published_for)

    def revoke(self, kid: str) -> None:
        """From now on nothing that this key signed verifies. A key in use is replaced first.

        Raises `Refused` (`key-unknown`).
        """
        self._lives.revoke(kid)

    def every_key(self) -> list[KeptKey]:
        """Every key there is, for whoever looks after them; the first two are made if there is none."""
        self._lives.current()
        return self._lives.all()

    def rotate_master(self) -> int:
        """Seals every private part again under the current master; returns how many."""
        return self._lives.rotate_master()

    # ------------------------------------------------------------------------------------------- verifying

    def _verify_compact(self, compact: str) -> bool:
        header = extract_compact(compact.encode("ascii")).headers()
        kid = header.get("kid")
        if not isinstance(kid, str) or set(header) != {"alg", "kid"}:
            return False
        ours = self._lives.find(kid)
        if ours is None or ours.state == KeyState.REVOKED:
            return False
        key = ECKey.import_key(ours.public)
        deserialize_compact(compact, key, algorithms=[ALGORITHM])
        return True


def canonical(statement: Json) -> bytes:
    """The RFC 8785 form: one statement, one sequence of bytes."""
    return rfc8785.dumps(statement)


def _new_key() -> NewKey:
    key = ECKey.generate_key(_CURVE)
    kid = key.thumbprint()
    public = {**key.as_dict(private=False), "kid": kid, "alg": ALGORITHM, "use": "sig"}
    return NewKey(kid, public, key.as_der(private=True))
