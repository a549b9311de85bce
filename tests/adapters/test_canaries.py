"""Nothing private is readable in the state directory: every byte of every file is looked at."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path

from fhir_plugin.adapters.keys import KeyUse
from fhir_plugin.adapters.queue import HueyQueue
from fhir_plugin.adapters.sessions import LaunchSessions, PendingLaunches
from fhir_plugin.adapters.tokens import Tokens
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import LaunchId
from tests.adapters.launches import CANARY, make_grant, make_pending, make_session
from tests.conftest import OwnStores

PICTURE = f"{CANARY}-picture".encode() * 3
LAUNCH = LaunchId("launch-1")


def _spellings(secret: bytes) -> list[bytes]:
    """As it is, in base64 at each of three offsets, in hexadecimal, in UTF-16."""
    shifted = [base64.b64encode(b"x" * offset + secret)[4:-4] for offset in range(3)]
    return [secret, *shifted, secret.hex().encode(), secret.decode().encode("utf-16-le")]


def _holding(state: Path, secret: bytes, *, apart_from: str = "") -> list[str]:
    return [
        path.name
        for path in state.rglob("*")
        if path.is_file() and path.name != apart_from
        if any(spelling in path.read_bytes() for spelling in _spellings(secret))
    ]


def _fill(own: OwnStores) -> None:
    now = own.clock.now()
    pending = PendingLaunches(own.database, own.masters, own.clock)
    pending.save(make_pending(now))
    LaunchSessions(own.database, own.masters, own.clock).create(make_session(now))
    tokens = Tokens(own.database, own.masters, own.clock)
    tokens.save(LAUNCH, make_grant(now))
    tokens.replace(LAUNCH, make_grant(now + dt.timedelta(minutes=5), name="second"), 1)
    kept = own.vault.put(PICTURE, compartment=Compartment.RECEIVED, owner="capture-1")
    own.vault.destroy(own.vault.put(PICTURE, compartment=Compartment.CLEAN, owner="capture-1"))
    own.vault.keyed_digest(PICTURE)
    own.signer.sign({"x": 1})
    assert own.vault.get(kept) == PICTURE
    queue = HueyQueue(own.state / "queue.db", lambda: None)
    queue.wake()
    queue.close()


def test_the_search_finds_what_is_there(own: OwnStores) -> None:
    (own.state / "leak").write_bytes(b"..." + base64.b64encode(b"ab" + CANARY.encode() + b"cd"))
    assert _holding(own.state, CANARY.encode()) == ["leak"]


def test_no_content_and_no_token_is_readable(own: OwnStores) -> None:
    _fill(own)
    assert _holding(own.state, CANARY.encode()) == []
    own.database.scrub()
    assert _holding(own.state, CANARY.encode()) == []


def test_no_key_is_readable_outside_the_key_file(own: OwnStores) -> None:
    _fill(own)
    (line,) = (own.state / "master.key").read_text().split()
    master = base64.urlsafe_b64decode(line + "=")
    for path in own.state.rglob("*"):
        if path.is_file() and path.name != "master.key":
            assert master not in path.read_bytes()
            assert line.encode() not in path.read_bytes()
    with own.database.connection() as connection:
        digest = connection.exec_driver_sql("SELECT sealed FROM installation_keys").scalar_one()
        signing = connection.exec_driver_sql("SELECT kid, state, public_jwk, private_key FROM signing_keys").all()
    secrets = [own.masters.open(KeyUse.DIGEST, digest, bound_to=["digest"])]
    secrets += [own.masters.open(KeyUse.SIGNING, row[3], bound_to=list(row[:3])) for row in signing]
    assert len(secrets) == 3
    for path in own.state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret[-48:] in content or secret[:32] in content for secret in secrets[:1])
            assert not any(_private_scalar(secret) in content for secret in secrets[1:])


def _private_scalar(der: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    key = load_der_private_key(der, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(48, "big")


def test_ended_sessions_and_forgotten_tokens_leave_no_ciphertext(own: OwnStores) -> None:
    _fill(own)
    with own.database.connection() as connection:
        sealed = [
            connection.exec_driver_sql(f"SELECT sealed FROM {table}").scalar_one()
            for table in ("tokens", "launch_sessions")
        ]
    assert all(_holding_raw(own.state, row) for row in sealed)
    LaunchSessions(own.database, own.masters, own.clock).end(LAUNCH)
    assert not any(_holding_raw(own.state, row) for row in sealed)


def _holding_raw(state: Path, row: bytes) -> bool:
    return any(row[50:90] in path.read_bytes() for path in state.rglob("*") if path.is_file())
