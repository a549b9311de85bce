"""A certificate says what is proven and nothing else, and nobody can change a letter of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.delete.attest import ATTESTED_PLACES
from fhir_plugin.delete.certificate import NotProvenYet, certify, new_number, signed_file, statement_of
from fhir_plugin.delete.verify_certificate import verify_certificate
from fhir_plugin.errors import Refused
from mappings.model.deletion import CertificateNumber, Looked, Proof
from tests.conftest import OwnStores
from tests.delete.certified import CANARY, proven
from tests.delete.proving import World
from tests.fakes.clock import START

Json = dict[str, Any]
NUMBER = CertificateNumber("AAAA-BBBB-CCCC")


@pytest.fixture
def file(own: OwnStores) -> Json:
    case, item = proven()
    parts = replace(World().parts, signer=own.signer, clock=own.clock)
    return signed_file(certify(parts, case, item), own.signer.public_jwks())


def checked(file: Json, keys: list[Json] | None = None) -> tuple[str, ...]:
    return verify_certificate(json.dumps(file).encode(), keys).faults


def test_it_says_ids_times_and_codes_and_nothing_that_speaks() -> None:
    case, item = proven()
    said = json.dumps(statement_of(case, item, number=NUMBER, made=START))
    assert CANARY not in said and "canary" not in said and "9990000018" not in said
    for expected in ("Media/photo-1", "ab" * 32, "no-consent", "Practitioner/guardian", "Practitioner/gp", NUMBER):
        assert expected in said
    assert statement_of(case, item, number=NUMBER, made=START)["looked"]


def test_places_nobody_can_look_at_are_attested_with_a_date_or_said_to_be_open() -> None:
    case, item = proven()
    told: Any = statement_of(case, item, number=NUMBER, made=START)["attested"]
    assert [each["place"] for each in told] == list(ATTESTED_PLACES)
    assert told[0] == {"place": "ehr-backups", "by": "Practitioner/officer", "on": "2026-11-20"}
    assert all("on" not in each for each in told[1:])


@pytest.mark.parametrize(
    "proof",
    [
        None,
        Proof(START, ()),
        Proof(START, (Looked("record-read", START, ("Media/photo-1",)),)),
        Proof(START, (Looked("record-read", START), Looked("vault", START, unasked="forbidden"))),
    ],
)
def test_what_is_not_proven_has_no_certificate(proof: Proof | None) -> None:
    case, item = proven()
    with pytest.raises(NotProvenYet):
        statement_of(case, replace(item, proof=proof), number=NUMBER, made=START)
    with pytest.raises(NotProvenYet):
        statement_of(case, replace(proven()[1], approval=None), number=NUMBER, made=START)


def test_a_number_can_be_read_out() -> None:
    numbers = {new_number(f"seed {each}") for each in range(500)}
    assert len(numbers) == 500
    assert all(len(each) == 14 and each[4] == each[9] == "-" for each in numbers)
    assert not set("".join(numbers)) & set("ILOUabcdefghijklmnopqrstuvwxyz")


def test_it_verifies_by_the_keys_in_it_by_trusted_ones_and_after_a_rotation(file: Json, own: OwnStores) -> None:
    found = verify_certificate(json.dumps(file).encode())
    assert found.right and found.trusted is None and found.number == file["statement"]["number"]
    assert "ehr-backups" not in found.not_attested and "own-backups" in found.not_attested
    own.signer.rotate()
    trusted = own.signer.public_jwks()["keys"]
    found = verify_certificate(json.dumps(file).encode(), trusted)
    assert found.right and found.trusted is True
    indented = json.dumps(file, indent=3, sort_keys=True).encode()
    assert verify_certificate(indented, trusted).right, "it is what it says that is signed, not how it is written"


def test_another_installations_keys_do_not_fit(file: Json, own: OwnStores) -> None:
    for _ in range(2):
        own.signer.rotate()
    newer = [each for each in own.signer.public_jwks()["keys"] if each not in file["keys"]]
    found = verify_certificate(json.dumps(file).encode(), newer)
    assert not found.right and found.trusted is False
    named = [{**newer[0], "kid": found.kid}]
    assert checked(file, named) == ("the signature does not fit: something was changed",)
    assert checked({**file, "keys": []})


def changes(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a statement stands."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from changes(value[key], (*at, key))
    else:
        yield at


def test_no_value_of_it_can_be_changed_left_out_or_added(file: Json) -> None:
    everywhere = list(changes(file["statement"]))
    assert len(everywhere) > 50
    for place in everywhere:
        forged = json.loads(json.dumps(file))
        holder = forged["statement"]
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = f"{holder[place[-1]]}0"
        if place == ("format",):
            with pytest.raises(Refused):
                checked(forged)
        else:
            assert checked(forged), place
    assert checked({**file, "statement": {**file["statement"], "more": "x"}})
    shorter = {**file["statement"], "looked": file["statement"]["looked"][:-1]}
    assert checked({**file, "statement": shorter})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"statement": {}, "jws": "a..b"}',
        b'{"statement": {"format": "fhir-plugin-package"}, "jws": "a..b"}',
        b'{"statement": [], "jws": ""}',
        b"[" * 100_000,
        b" " * ((1 << 20) + 1),
    ],
)
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        verify_certificate(content)
    assert refused.value.code == "not-a-certificate"


def test_a_name_that_stands_twice_is_refused(file: Json) -> None:
    text = json.dumps(file).replace('"number":', '"number": "FAKE", "number":', 1)
    with pytest.raises(Refused):
        verify_certificate(text.encode())


@pytest.mark.parametrize("jws", ["", "..", "a.b.c", "e30..AAAA", "eyJhbGciOiJub25lIn0..", "\u00e9..\u00e9"])
def test_a_signature_that_is_none_does_not_verify(file: Json, jws: str) -> None:
    assert checked({**file, "jws": jws})


def test_no_other_algorithm_and_no_header_of_another_kind_is_taken(file: Json, own: OwnStores) -> None:
    from joserfc.jwk import OctKey
    from joserfc.jws import serialize_compact

    secret = OctKey.generate_key(256)
    kid = file["keys"][0]["kid"]
    head, _, signature = serialize_compact({"alg": "HS256", "kid": kid}, b"x", secret).split(".")
    keys = [{**secret.as_dict(private=True), "kid": kid}]
    assert checked({**file, "jws": f"{head}..{signature}", "keys": keys})
