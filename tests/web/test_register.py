"""The register: its parts, its searches, the audit chain, break-glass, certificates; an auditor changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from mappings.model.deletion import (
    Certificate,
    CertificateNumber,
    DeletionCase,
    DeletionState,
    Looked,
    Proof,
)
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId
from mappings.model.people import Role
from tests.fakes.clock import START
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.fake_guardian import PIXELS
from tests.web.people import AMY, BASE, SAM
from tests.web.test_home import become, words_of

NUMBER = CertificateNumber("C-7K2M-99QX")
ASK = "Run $expunge on Media/m1-1 with a token that may: versions 1 and 2 are still readable."


@pytest.fixture(autouse=True)
def officer(parts: FakeParts) -> None:
    become(parts, Role.PRIVACY_OFFICER, name="Jo Privacy")


def stood(parts: FakeParts, case: DeletionCase, state: DeletionState, **changes: object) -> DeletionCase:
    """All of a request stand there now."""
    items = tuple(replace(each, state=state, **changes) for each in case.items)  # type: ignore[arg-type]  # its fields
    parts.deletion.cases.save(replace(case, items=items, revision=case.revision + 1))
    return parts.deletion.cases.get(case.id)


def not_proven(parts: FakeParts) -> DeletionCase:
    looked = Looked("record-history", START, found=("Media/m1-1/_history/1",))
    proof = Proof(START, (looked, Looked("vault", START)), ask=(ASK,))
    return stood(parts, parts.deletion.ask(), DeletionState.FAILED, proof=proof, purged=("binary",))


def hide(parts: FakeParts, **changed: object) -> HiddenImage:
    image = HiddenImage(
        fhir_base=BASE,
        reference=Reference("Media/hid"),
        patient=AMY.id,
        since=START,
        state=HidingState.HIDDEN,
        reason=HidingReason.NOT_NEEDED,
        by=Reference("Practitioner/dr"),
        by_name="Dr Priya Shah",
        words="Taken twice",
        content=VaultId("kept"),
        remains=("Whoever may open the history can still see version 1.",),
    )
    image = replace(image, **changed)  # type: ignore[arg-type]  # its fields
    parts.deletion.hidden.keep(image)
    return image


def certify(parts: FakeParts) -> Certificate:
    statement: dict[str, object] = {"number": NUMBER, "places": [{"place": "vault", "found": []}], "proven": True}
    made = Certificate(
        NUMBER,
        BASE,
        AMY.id,
        parts.deletion.ask().id,
        parts.deletion.cases.at(BASE)[0].items[0].id,
        START,
        statement,
        parts.deletion.signer.sign(statement),
    )
    parts.deletion.cases.certify(made)
    return made


def test_each_part_of_the_register(person: Person, parts: FakeParts) -> None:
    not_proven(parts)
    stood(parts, parts.deletion.ask(1, SAM), DeletionState.COMPLETED, title="", picture=None, certificate=NUMBER)
    stood(parts, parts.deletion.ask(), DeletionState.ON_HOLD, why="legal-hold", held_from=DeletionState.REQUESTED)
    parts.deletion.ask()
    hide(parts)
    said = words_of(person.get("register").text)
    for each in ("Hidden (1)", "Destroyed and proven (1)", "Destroyed, not proven (1)", "Held (1)", "Under way (1)"):
        assert each in said, each
    assert ASK in said and "Media/m1-1/_history/1" in said, "the part that somebody has to act on comes first"
    assert NUMBER in words_of(person.get("register?part=proven").text)
    assert "A legal hold" in words_of(person.get("register?part=held").text)
    hidden = words_of(person.get("register?part=hidden").text)
    assert "Media/hid" in hidden and "Taken twice" in hidden and "can still see version 1" in hidden
    assert person.get("register?part=<script>").status_code == 200
    assert "<img" not in person.get("register?part=hidden").text


def test_what_to_ask_of_whom_can_be_copied_and_names_nobody(person: Person, parts: FakeParts) -> None:
    not_proven(parts)
    page = person.get("register").text
    copied = page[page.index("readonly>") : page.index("</textarea>")]
    assert ASK in copied.replace("&#39;", "'") and "_history/1" in copied
    assert AMY.name not in copied and "Forearm" not in copied and "9990000018" not in copied


def test_search_by_nhs_number_never_in_an_address(person: Person, parts: FakeParts) -> None:
    parts.deletion.ask(1, SAM)
    parts.deletion.ask(1, AMY)
    hide(parts, patient=SAM.id, reference=Reference("Media/of-sam"))
    person.get("register")
    answer = person.post("register/search", {"by": "nhs-number", "text": "999 000 0026"})
    said = words_of(answer.text)
    assert answer.status_code == 200 and "Location" not in answer.headers
    assert "999 000 0026" in said and AMY.name not in said and "Media/of-sam" in said
    entries = [each.entry for each in parts.deletion.audit.entries(action="register.searched")]
    assert [dict(each.detail) for each in entries] == [{"by": "nhs-number"}], "never what was searched for"
    assert person.get("register/search?text=9990000026").status_code == 405


@pytest.mark.parametrize("typed", ["", "999", "abcdefghij", "99900000260", "<b>"])
def test_what_is_no_nhs_number_is_said(person: Person, typed: str) -> None:
    person.get("register")
    answer = person.post("register/search", {"by": "nhs-number", "text": typed})
    assert answer.status_code == 422 and "An NHS number has ten digits." in answer.text and "<b>" not in answer.text


def test_search_by_day(person: Person, parts: FakeParts) -> None:
    parts.deletion.ask(1, SAM)
    parts.clock.advance(days=2)
    parts.deletion.ask(1, AMY)
    hide(parts)
    person.get("register")
    said = words_of(person.post("register/search", {"by": "day", "text": f"{START:%d %m %Y}"}).text)
    assert f"Found for {START.day} {START:%B} {START.year}" in said
    assert "999 000 0026" in said and "999 000 0018" not in said and "Media/hid" in said
    assert words_of(person.post("register/search", {"by": "day", "text": "1 1 2020"}).text).count("Nothing was found")
    assert person.post("register/search", {"by": "day", "text": "31 2 2026"}).status_code == 422


def test_search_by_certificate_number_leads_to_it(person: Person, parts: FakeParts) -> None:
    certify(parts)
    person.get("register")
    answer = person.post("register/search", {"by": "certificate", "text": " c-7k2m-99qx "})
    assert answer.headers["Location"] == f"/l/amy/certificates/{NUMBER}"
    wrong = person.post("register/search", {"by": "certificate", "text": "C-1"})
    assert wrong.status_code == 422 and "There is no certificate of this number" in wrong.text


def test_a_certificate_as_page_json_and_pdf(person: Person, parts: FakeParts) -> None:
    made = certify(parts)
    said = words_of(person.get(f"certificates/{NUMBER}").text)
    assert "The signature is right:" in said and "Places 1, place vault" in said and AMY.name not in said
    answer = person.get(f"certificates/{NUMBER}/json")
    assert json.loads(answer.data) == {"statement": made.statement, "jws": made.jws, "keys": []}
    assert f"certificate-{NUMBER}.json" in answer.headers["Content-Disposition"]
    answer = person.get(f"certificates/{NUMBER}/pdf")
    assert answer.data.startswith(b"%PDF") and answer.headers["Content-Type"] == "application/pdf"
    assert person.get(f"certificates/{NUMBER}/exe").status_code == 404
    assert person.get("certificates/C-1").status_code == 404


def test_a_certificate_that_was_changed_is_said_to_be_wrong(person: Person, parts: FakeParts) -> None:
    made = certify(parts)
    changed = replace(made, number=CertificateNumber("C-2"), statement={**made.statement, "proven": False})
    parts.deletion.cases.certify(changed)
    assert "The signature does not fit" in words_of(person.get("certificates/C-2").text)


def test_what_is_at_another_ehr_does_not_exist_here(person: Person, parts: FakeParts) -> None:
    other = FhirBase("https://other.example/fhir")
    parts.deletion.ask(1, SAM, fhir_base=other)
    hide(parts, fhir_base=other)
    parts.deletion.cases.certify(replace(certify(parts), fhir_base=other, number=CertificateNumber("C-3")))
    said = words_of(person.get("register?part=hidden").text)
    assert "Hidden (0)" in said and "Under way (1)" in said
    assert person.get("certificates/C-3").status_code == 404
    assert person.get("register/hidden/Media/hid").status_code == 404


def test_the_audit_chain_is_looked_at_now(person: Person, parts: FakeParts) -> None:
    parts.deletion.ask()
    person.get("register")
    answer = person.post("register/chain")
    assert "The audit chain is whole." in answer.text
    assert parts.deletion.audit.entries(action="audit.checked")[0].entry.detail["intact"] is True


# ------------------------------------------------------------------------------------------------ break-glass


@pytest.mark.parametrize("role", [Role.PRIVACY_OFFICER, Role.AUDITOR])
def test_break_glass_takes_a_reason_and_shows_it_once(person: Person, parts: FakeParts, role: Role) -> None:
    become(parts, role)
    hide(parts, patient=PatientId("sam"))
    page = person.get("register/hidden/Media/hid")
    assert "<img" not in page.text and "Break the glass" in page.text
    assert person.post("register/hidden/Media/hid", {"reason": " "}).status_code == 422
    assert parts.deletion.break_glass.reasons == []
    answer = person.post("register/hidden/Media/hid", {"reason": "Complaint 12: what does it show?"})
    assert parts.deletion.break_glass.reasons == ["Complaint 12: what does it show?"]
    address = answer.text.split('src="/l/amy/')[-1].split('"')[0]
    assert person.get(address).data == PIXELS
    assert person.get(address).status_code == 403


def test_where_no_bytes_are_kept_there_is_no_glass(person: Person, parts: FakeParts) -> None:
    hide(parts, content=None, state=HidingState.HIDDEN_HERE_ONLY)
    said = words_of(person.get("register/hidden/Media/hid").text)
    assert "Break the glass" not in said and "No bytes of it are kept here" in said


def test_restoring_is_done_at_the_patients_own_chart_by_the_privacy_officer(person: Person, parts: FakeParts) -> None:
    image = hide(parts, patient=SAM.id)
    assert "It is restored at its own patient’s chart" in words_of(person.get("register/hidden/Media/hid").text)
    parts.deletion.hidden.keep(replace(image, patient=AMY.id))
    parts.deletion.hiding.kept[image.reference] = replace(image, patient=AMY.id)
    page = person.get("register/hidden/Media/hid").text
    assert "Restore to Amy LEE’s record" in page
    assert person.post("register/hidden/Media/hid/restore", {"words": "Needed"}).status_code == 409, "of nobody’s page"
    person.guard["identity_seen"] = page.split('name="identity_seen" value="')[-1].split('"')[0]
    assert person.post("register/hidden/Media/hid/restore", {"words": ""}).status_code == 422
    answer = person.post("register/hidden/Media/hid/restore", {"words": "Needed after all"})
    assert answer.status_code == 303
    assert parts.deletion.hiding.kept[image.reference].state is HidingState.RESTORING


def test_one_of_a_wrong_patient_is_not_put_back(person: Person, parts: FakeParts) -> None:
    hide(parts, reason=HidingReason.WRONG_PATIENT)
    page = person.get("register/hidden/Media/hid").text
    assert "is not put back" in page and "/restore" not in page


def test_an_auditor_looks_and_changes_nothing(person: Person, parts: FakeParts) -> None:
    become(parts, Role.AUDITOR)
    hide(parts)
    page = person.get("register/hidden/Media/hid").text
    assert "/restore" not in page and "Restore" not in words_of(page)
    assert person.post("register/hidden/Media/hid/restore", {"words": "x"}).status_code == 403
    assert person.get("register").status_code == 200


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.TRIAGE, Role.DISCLOSURE_OFFICER, Role.CALDICOTT_GUARDIAN])
def test_nobody_else_reads_the_register(person: Person, parts: FakeParts, role: Role) -> None:
    hide(parts)
    certify(parts)
    become(parts, role)
    person.get("home" if role is not Role.CLINICIAN else "")
    for path in ("register", "register/hidden/Media/hid", f"certificates/{NUMBER}", f"certificates/{NUMBER}/pdf"):
        assert person.get(path).status_code == 403, path
    for path in ("register/search", "register/chain", "register/hidden/Media/hid", "register/hidden/Media/hid/restore"):
        assert person.post(path, {"reason": "x", "words": "x", "text": "9990000018"}).status_code == 403, path


def test_long_registers_come_a_leaf_at_a_time(person: Person, parts: FakeParts) -> None:
    for _ in range(26):
        parts.deletion.ask(2)
    page = person.get("register?part=under-way").text
    assert "Entries 1 to 50 of 52" in page
    assert "?part=under-way&amp;page=2#part" in page
    assert "Entries 51 to 52 of 52" in person.get("register?part=under-way&page=2").text


def test_times_are_uk_times(person: Person, parts: FakeParts) -> None:
    hide(parts, since=dt.datetime(2026, 7, 1, 23, 30, tzinfo=dt.UTC))
    assert "2 July 2026" in person.get("register?part=hidden").text
