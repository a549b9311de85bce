"""Signing keys: standard enough that others can verify, and closed to keys that are not ours."""

from __future__ import annotations

import base64
import datetime as dt
import json
from functools import partial
from pathlib import Path

import pytest
import rfc8785
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384
from joserfc.jwk import ECKey
from joserfc.jws import serialize_compact

from fhir_plugin.adapters.key_lives import KeyState
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.signing import DatabaseStatementSigner
from fhir_plugin.adapters.tables import signing_keys
from fhir_plugin.errors import Refused, Tampered
from fhir_plugin.ports import Json
from tests.adapters.processes import in_children
from tests.conftest import OwnStores

STATEMENT: Json = {"capture": "c-1", "labels": ["R", "SEX"], "ä": 1}


def _header(jws: str) -> Json:
    header: Json = json.loads(_decode(jws.split(".")[0]))
    return header


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_anybody_can_verify_with_the_published_key_and_no_library_of_ours(own: OwnStores) -> None:
    jws = own.signer.sign(STATEMENT)
    header, _, signature = jws.split(".")
    assert _header(jws)["alg"] == "ES384"
    (jwk,) = [key for key in own.signer.public_jwks()["keys"] if key["kid"] == _header(jws)["kid"]]
    assert (jwk["kty"], jwk["crv"], jwk["use"], jwk["alg"]) == ("EC", "P-384", "sig", "ES384")
    x, y = (int.from_bytes(_decode(jwk[name]), "big") for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP384R1()).public_key()
    r, s = (int.from_bytes(part, "big") for part in (_decode(signature)[:48], _decode(signature)[48:]))
    signed = f"{header}.{_encode(rfc8785.dumps(STATEMENT))}".encode()
    public.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA384()))


def test_three_kinds_of_key_are_published(own: OwnStores) -> None:
    own.signer.rotate()
    own.signer.rotate()
    assert len(own.signer.public_jwks()["keys"]) == 4
    with own.database.connection() as connection:
        states = connection.execute(sa.select(signing_keys.c.state)).scalars().all()
    assert sorted(states) == ["current", "next", "retired", "retired"]


def test_a_revoked_key_verifies_nothing_and_is_not_published(own: OwnStores) -> None:
    jws = own.signer.sign(STATEMENT)
    kid = _header(jws)["kid"]
    own.signer.revoke(kid)
    assert not own.signer.verify(STATEMENT, jws)
    assert kid not in {key["kid"] for key in own.signer.public_jwks()["keys"]}
    fresh = own.signer.sign(STATEMENT)
    assert _header(fresh)["kid"] != kid
    assert own.signer.verify(STATEMENT, fresh)


def test_revoking_the_next_key_makes_another(own: OwnStores) -> None:
    current = _header(own.signer.sign(STATEMENT))["kid"]
    (next_kid,) = {key["kid"] for key in own.signer.public_jwks()["keys"]} - {current}
    own.signer.revoke(next_kid)
    assert own.signer.rotate() not in (current, next_kid)


def test_a_key_that_somebody_put_into_the_table_is_not_ours(own: OwnStores) -> None:
    own.signer.sign(STATEMENT)
    stranger = ECKey.generate_key("P-384")
    kid = stranger.thumbprint()
    with own.database.writing() as connection:
        own_row = connection.execute(sa.select(signing_keys).limit(1)).one()
        connection.execute(
            sa.insert(signing_keys).values(
                kid=kid,
                state=KeyState.RETIRED.value,
                public_jwk=json.dumps({**stranger.as_dict(private=False), "kid": kid}),
                private_key=own_row.private_key,
                created=own.clock.now(),
                changed=own.clock.now(),
            )
        )
    header, _, signature = serialize_compact(
        {"alg": "ES384", "kid": kid}, rfc8785.dumps(STATEMENT), stranger, algorithms=["ES384"]
    ).split(".")
    assert not own.signer.verify(STATEMENT, f"{header}..{signature}")


def test_a_revoked_key_cannot_be_brought_back_by_hand(own: OwnStores) -> None:
    jws = own.signer.sign(STATEMENT)
    kid = _header(jws)["kid"]
    own.signer.revoke(kid)
    with own.database.writing() as connection:
        connection.execute(sa.update(signing_keys).where(signing_keys.c.kid == kid).values(state="retired"))
    assert not own.signer.verify(STATEMENT, jws)


def test_a_retired_key_verifies_and_can_sign_no_more(own: OwnStores) -> None:
    jws = own.signer.sign(STATEMENT)
    own.signer.rotate()
    assert own.signer.verify(STATEMENT, jws)
    (retired,) = [key for key in own.signer.every_key() if key.state == KeyState.RETIRED]
    assert retired.kid == _header(jws)["kid"] and retired.private == b""
    assert all(key.private for key in own.signer.every_key() if key.state != KeyState.RETIRED)


def test_a_next_key_may_be_held_back_until_it_was_published_for_long_enough(own: OwnStores) -> None:
    own.signer.sign(STATEMENT)
    with pytest.raises(Refused) as refused:
        own.signer.rotate(published_for=dt.timedelta(hours=24))
    assert refused.value.code == "key-too-new"
    own.clock.advance(hours=24)
    assert own.signer.rotate(published_for=dt.timedelta(hours=24)) == _header(own.signer.sign(STATEMENT))["kid"]


def test_a_key_that_is_not_ours_cannot_be_revoked(own: OwnStores) -> None:
    with pytest.raises(Refused):
        own.signer.revoke("nobody")


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS384"}, {"alg": "ES256"}, {"b64": False}, {"jwk": {}}, {"crit": ["x"]}, {"kid": 1}],
)
def test_the_header_says_nothing_but_algorithm_and_key(own: OwnStores, header: Json) -> None:
    jws = own.signer.sign(STATEMENT)
    changed = _encode(json.dumps({**_header(jws), **header}).encode())
    assert not own.signer.verify(STATEMENT, f"{changed}..{jws.split('.')[2]}")
    assert not own.signer.verify(STATEMENT, f"{changed}..")


@pytest.mark.parametrize("statement", [{"x": float("nan")}, {"x": 2**60}, {"x": {1, 2}}])
def test_what_is_not_json_is_not_signed(own: OwnStores, statement: Json) -> None:
    with pytest.raises((ValueError, TypeError)):
        own.signer.sign(statement)


def test_a_damaged_key_does_not_sign(own: OwnStores) -> None:
    own.signer.sign(STATEMENT)
    with own.database.writing() as connection:
        connection.execute(sa.update(signing_keys).values(private_key=b"\x01" * 300))
    with pytest.raises(Tampered):
        own.signer.sign(STATEMENT)


def test_workers_that_start_together_make_one_current_and_one_next_key(own: OwnStores) -> None:
    in_children(*(partial(own.signer.sign, STATEMENT) for _ in range(4)))
    assert len(own.signer.public_jwks()["keys"]) == 2


def test_rotating_the_master_key_keeps_the_signing_keys(own: OwnStores) -> None:
    path: Path = own.state / "master.key"
    jws = own.signer.sign(STATEMENT)
    published = own.signer.public_jwks()
    rotated = DatabaseStatementSigner(own.database, MasterKeys.add_to_file(path), own.clock)
    assert (rotated.rotate_master(), rotated.rotate_master()) == (2, 0)
    only_new = DatabaseStatementSigner(own.database, MasterKeys.forget_old(path), own.clock)
    assert only_new.verify(STATEMENT, jws)
    assert only_new.public_jwks() == published
    assert _header(only_new.sign(STATEMENT))["kid"] == _header(jws)["kid"]
