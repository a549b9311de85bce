"""Who a backend client is: a signed assertion, judged as SMART Backend Services says (SMART-R308, R319 to R334).

What cannot be tied to a registered key gets one and the same answer, so that nobody learns who is registered; our log
says more. The key alone decides the algorithm, never the assertion.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from joserfc import jwt
from joserfc.errors import JoseError

from fhir_plugin.adapters.backend_clients import ALGORITHM_OF, BackendClient, PublicKey, UnusableKeys, public_keys
from fhir_plugin.errors import Refused
from fhir_plugin.ports import Clock
from smart_launch import SmartError, Transport

log = structlog.get_logger(__name__)

MAX_AHEAD: Final = dt.timedelta(minutes=5)
LEEWAY: Final = dt.timedelta(seconds=5)
"""How far two clocks may differ."""
KEEP_KEYS: Final = dt.timedelta(minutes=5)
ASK_AGAIN: Final = dt.timedelta(seconds=30)
"""A kid that is not in a fetched set makes us look again, but not more often than this."""

_MOST_CHARACTERS: Final = 8192
_MOST_KEY_BYTES: Final = 65536
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class AssertionRefused(Refused):
    """The client is not who it says, or says it in the wrong way. `code` is for our log, `message` for the client."""

    code = "assertion"


class PublishedKeys:
    """The keys of registered clients: from their file, or from their URL, kept for a while."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[dt.datetime, Mapping[str, PublicKey]]] = {}

    def find(self, client: BackendClient, kid: str) -> PublicKey | None:
        """The client's key of that name; None where it has none, or its keys cannot be had."""
        if not client.jwks_uri:
            return client.keys.get(kid)
        now = self._clock.now()
        with self._lock:
            asked, keys = self._kept.get(client.id, (None, {}))
        if asked is not None:
            age = now - asked
            if age < ASK_AGAIN or (kid in keys and age < KEEP_KEYS):
                return keys.get(kid)
        fresh = self._fetch(client)
        with self._lock:
            self._kept[client.id] = (now, fresh)
        return fresh.get(kid)

    def _fetch(self, client: BackendClient) -> Mapping[str, PublicKey]:
        why = ""
        try:
            reply = self._transport.send(
                "GET",
                client.jwks_uri,
                headers={"Accept": "application/json"},
                max_bytes=_MOST_KEY_BYTES,
                total_timeout=10,
            )
            if reply.status == 200:
                return public_keys(reply.json())
            why = f"http-{reply.status}"
        except SmartError as error:
            why = error.code
        except UnusableKeys as error:
            why = str(error)
        log.warning("machines.keys", client=client.id, why=why)
        return {}


class ClientAssertions:
    """`audience`: the URL of our token endpoint. `first_time` says, once and durably, that a name was never seen."""

    def __init__(
        self,
        clients: Mapping[str, BackendClient],
        keys: PublishedKeys,
        *,
        audience: str,
        clock: Clock,
        first_time: Callable[[str], bool],
    ) -> None:
        self._clients = clients
        self._keys = keys
        self._audience = audience
        self._clock = clock
        self._first_time = first_time

    def client_of(self, assertion: str) -> BackendClient:
        """The client that signed this just now, for us, for the first time. Raises `AssertionRefused`."""
        header, unproven = _read(assertion)
        client, key = self._signer(header, unproven)
        algorithm = ALGORITHM_OF[key.key_type]
        try:
            claims = jwt.decode(assertion, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError):
            claims = None
        if claims is None or claims != unproven:
            raise _unknown("signature")
        self._judge(claims, client)
        return client

    def _signer(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> tuple[BackendClient, PublicKey]:
        if header.get("alg") not in ALGORITHM_OF.values():
            raise AssertionRefused("Sign the assertion with RS384 or ES384.", code="alg")
        if header.get("typ") != "JWT" or "crit" in header or not isinstance(header.get("kid"), str):
            raise AssertionRefused("The assertion's header needs typ JWT and a kid, and no crit.", code="header")
        client = self._clients.get(str(claims.get("iss")))
        if client is None:
            raise _unknown("client")
        if "jku" in header and (not client.jwks_uri or header["jku"] != client.jwks_uri):
            raise _unknown("jku")
        key = self._keys.find(client, header["kid"])
        if key is None:
            raise _unknown("kid")
        return client, key

    def _judge(self, claims: Mapping[str, Any], client: BackendClient) -> None:
        """From here on the client has shown its key, and is told what is wrong."""
        now = self._clock.now().timestamp()
        if claims.get("iss") != client.id or claims.get("sub") != client.id:
            raise AssertionRefused("The assertion's iss and sub must both be the client_id.", code="sub")
        if claims.get("aud") != self._audience:
            raise AssertionRefused("The assertion's aud must be the URL of the token endpoint.", code="aud")
        expires, jti = claims.get("exp"), claims.get("jti")
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            raise AssertionRefused("The assertion needs exp, in seconds.", code="exp")
        if not now - LEEWAY.total_seconds() < expires:
            raise AssertionRefused("The assertion has expired.", code="expired")
        if not expires <= now + (MAX_AHEAD + LEEWAY).total_seconds():
            raise AssertionRefused("The assertion's exp is more than five minutes ahead.", code="exp-too-far")
        for name in ("nbf", "iat"):
            moment = claims.get(name, now)
            if isinstance(moment, bool) or not isinstance(moment, int | float):
                raise AssertionRefused(f"The assertion's {name} is no time.", code=name)
            if not moment <= now + LEEWAY.total_seconds():
                raise AssertionRefused(f"The assertion's {name} lies ahead.", code=name)
        if not isinstance(jti, str) or not 0 < len(jti) <= 255:
            raise AssertionRefused("The assertion needs a jti of at most 255 characters.", code="jti")
        if not self._first_time(f"{client.id} {jti}"):
            raise AssertionRefused("The assertion's jti was used before.", code="replayed")


def _unknown(code: str) -> AssertionRefused:
    return AssertionRefused("No registered client has signed this assertion.", code=code)


def _read(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(assertion) > _MOST_CHARACTERS or not _TOKEN.fullmatch(assertion):
        raise AssertionRefused("The assertion is no signed JWT.", code="not-jwt")
    header, claims, _signature = assertion.split(".")
    return _object(header), _object(claims)


def _object(part: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_no_number)
    except (binascii.Error, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AssertionRefused("The assertion is no signed JWT.", code="not-jwt")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
