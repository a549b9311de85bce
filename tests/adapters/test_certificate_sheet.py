"""The certificate on paper: one page, tagged, and nothing on it that speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.adapters.certificate_sheet import certificate_pdf
from fhir_plugin.delete.certificate import certify
from fhir_plugin.disclose.package.manifest import key_check
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import FhirBase, Reference
from tests.conftest import OwnStores
from tests.delete.certified import CANARY, proven
from tests.delete.proving import World
from tests.disclose.package.test_printing import Pdf


@pytest.fixture
def sheet(own: OwnStores) -> Pdf:
    case, item = proven()
    parts = replace(World().parts, signer=own.signer, clock=own.clock)
    return Pdf(certificate_pdf(certify(parts, case, item), "The practice", own.signer.public_jwks()))


def test_it_is_one_page_with_title_language_headings_and_paragraphs(sheet: Pdf) -> None:
    assert len(sheet.of_type("Page")) == 1
    assert b"/Lang (en-GB)" in sheet.root() and b"/MarkInfo" in sheet.root() and b"/StructTreeRoot" in sheet.root()
    kinds = sheet.of_type("StructElem")
    assert sum(b"/S /H1" in each for each in kinds) == 1 and sum(b"/S /H2" in each for each in kinds) == 3
    code = b"".join(sheet.code())
    assert code.count(b"BDC") + code.count(b"BMC") == code.count(b"EMC")


def test_it_says_what_the_certificate_says_and_nothing_of_the_image(sheet: Pdf, own: OwnStores) -> None:
    text = sheet.text()
    words = " ".join(text.split())
    assert "canary" not in text and CANARY not in text and "9990000018" not in text
    for expected in ("Media/photo-1", "Patient/amy", "Practitioner/guardian", "ab" * 32, "strict 2026.1"):
        assert expected in words
    assert "Backups of the EHR: by the word of Practitioner/officer, 20 November 2026" in words
    assert "Backups of this app: nobody has said so yet" in words
    assert any(key_check(each) in words for each in own.signer.public_jwks()["keys"])
    assert "verify-certificate" in words and "The practice" in words


def test_the_longest_one_still_has_one_page(own: OwnStores) -> None:
    long = Reference(f"DocumentReference/{'x' * 64}")
    case, item = proven(fhir_base=FhirBase(f"https://{'long.' * 20}example/fhir/r4/tenant-{'9' * 40}"))
    item = replace(item, image=BoundImage(long, "v" * 64, f"{'ab' * 32} {'cd' * 32} {'ef' * 32}", (long, long)))
    parts = replace(World().parts, signer=own.signer, clock=own.clock)
    sheet = Pdf(certificate_pdf(certify(parts, case, item), "A practice with a name " * 5, own.signer.public_jwks()))
    assert len(sheet.of_type("Page")) == 1
