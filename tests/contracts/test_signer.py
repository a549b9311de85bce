"""What `StatementSigner` promises."""

from __future__ import annotations

import base64
import json

import pytest

from fhir_plugin.ports import Json
from tests.contracts.conftest import Stores

STATEMENT: Json = {"capture": "c-1", "patient": "Patient/p1", "labels": ["b", "a"], "size": 3, "none": None}


def _kid(jws: str) -> str:
    header = jws.split(".")[0]
    kid: str = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return kid


def _published(stores: Stores) -> set[str]:
    return {key["kid"] for key in stores.signer.public_jwks()["keys"]}


def test_what_was_signed_verifies_whatever_the_order_of_its_keys(stores: Stores) -> None:
    jws = stores.signer.sign(STATEMENT)
    assert stores.signer.verify(dict(reversed(STATEMENT.items())), jws)


def test_the_jws_is_detached_and_names_a_published_key(stores: Stores) -> None:
    jws = stores.signer.sign(STATEMENT)
    assert jws.split(".")[1] == ""
    assert len(jws.split(".")) == 3
    assert _kid(jws) in _published(stores)


@pytest.mark.parametrize(
    "other",
    [
        {**STATEMENT, "patient": "Patient/p2"},
        {**STATEMENT, "labels": ["a", "b"]},
        {**STATEMENT, "size": 3.5},
        {**STATEMENT, "size": "3"},
        {key: value for key, value in STATEMENT.items() if key != "none"},
        {},
        {"not": float("nan")},
    ],
)
def test_another_statement_does_not_verify(stores: Stores, other: Json) -> None:
    assert not stores.signer.verify(other, stores.signer.sign(STATEMENT))


@pytest.mark.parametrize("jws", ["", ".", "..", "a..b", "....", "é..é", "bm90IGpzb24..x", "e30..x", "bnVsbA..x"])
def test_nonsense_does_not_verify_and_does_not_raise(stores: Stores, jws: str) -> None:
    assert not stores.signer.verify(STATEMENT, jws)


def test_every_changed_character_is_noticed(stores: Stores) -> None:
    jws = stores.signer.sign(STATEMENT)
    for position in range(0, len(jws), 7):
        changed = jws[:position] + ("A" if jws[position] != "A" else "B") + jws[position + 1 :]
        assert not stores.signer.verify(STATEMENT, changed)


def test_an_attached_payload_is_not_a_detached_jws(stores: Stores) -> None:
    header, _, signature = stores.signer.sign(STATEMENT).split(".")
    assert not stores.signer.verify(STATEMENT, f"{header}.e30.{signature}")


def test_rotation_uses_the_key_that_was_published_before(stores: Stores) -> None:
    old = stores.signer.sign(STATEMENT)
    published = _published(stores)
    current = stores.signer.rotate()
    new = stores.signer.sign(STATEMENT)
    assert current == _kid(new) != _kid(old)
    assert current in published
    assert stores.signer.verify(STATEMENT, old)
    assert stores.signer.verify(STATEMENT, new)
    assert published < _published(stores)


def test_no_private_part_is_published(stores: Stores) -> None:
    stores.signer.sign(STATEMENT)
    for key in stores.signer.public_jwks()["keys"]:
        assert not {"d", "k", "p", "q", "dp", "dq", "qi"} & set(key)
