"""What a pack names, as the engine asks for it: mailboxes, agreements, kinds of image, and how long it is kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.policy.choices import CareworkerCapture, EmailChannel, StoreConsent
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.offered import ELSEWHERE, offered
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.ruling import Act, May, Ruling
from mappings.model.consent import ConsentAnswer
from mappings.model.images import Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import ImageKind, Situation
from tests.policy import situations as of

STRICT = shipped_pack("strict")
NOT_ASKED = ConsentAnswer.NOT_ASKED
NONE_ASKED: dict[str, Any] = {
    "consent_receive": NOT_ASKED,
    "consent_store": NOT_ASKED,
    "consent_form": None,
    "understood": None,
}
ENDOSCOPY = replace(
    of.TAKEN_NOW,
    **NONE_ASKED,
    image_kind=ImageKind.ENDOSCOPY,
    exempt_procedure="Gastroscopy, written consent of this morning",
)


def ruled(situation: Situation, says: dict[str, Any] | None = None, **changed: Any) -> Ruling:
    return rule(replace(situation, **changed), replace(STRICT, **(says or {})))


def codes(ruling: Ruling) -> set[str]:
    return {each.code for each in (*ruling.stops, *ruling.warnings)}


EMAIL: dict[str, Any] = {"email_channel": EmailChannel.ALLOWED, "email_allowed_domains": frozenset({"nhs.net", "a.uk"})}


def test_only_a_mailbox_that_the_pack_names_takes_a_picture() -> None:
    assert ruled(of.EMAILED, EMAIL).acts[Act.STORE] is May.YES
    assert ruled(of.EMAILED, EMAIL, mailbox="a.uk").acts[Act.STORE] is May.YES
    for mailbox in (ELSEWHERE, "gmail.com", "nhs.net.example", "NHS"):
        stopped = ruled(of.EMAILED, EMAIL, mailbox=mailbox)
        assert {stopped.acts[Act.STORE], stopped.acts[Act.DESCRIBE]} == {May.NO}
        assert "not-our-mailbox" in codes(stopped)
    unsaid = ruled(of.EMAILED, EMAIL, mailbox="")
    assert unsaid.acts[Act.STORE] is May.NOT_YET and {each.id for each in unsaid.open} == {"mailbox"}


def test_what_one_may_choose_is_what_the_pack_names() -> None:
    (asked,) = [each for each in ruled(of.EMAILED, EMAIL).questions if each.id == "mailbox"]
    assert [value for value, _ in asked.offered] == ["a.uk", "nhs.net", ELSEWHERE]
    assert all(not each.offered for each in ruled(of.EMAILED, EMAIL).questions if each.id != "mailbox")


def test_as_a_fallback_email_needs_a_reason() -> None:
    fallback = {**EMAIL, "email_channel": EmailChannel.FALLBACK_WITH_WARNING}
    assert {each.id for each in ruled(of.EMAILED, fallback, email_reason="").open} == {"email_reason"}
    assert not ruled(of.EMAILED, EMAIL, email_reason="").open


def test_nobody_is_asked_about_mailboxes_without_an_email() -> None:
    assert not {"mailbox", "email_reason"} & {each.id for each in ruled(of.ADULT, EMAIL).questions}


WORKERS: dict[str, Any] = {"careworker_capture": CareworkerCapture.PER_PROVIDER_AGREEMENT, **of.NAMED}


def test_the_agreement_is_one_that_the_pack_names() -> None:
    assert ruled(of.CARE_WORKER, WORKERS).acts[Act.STORE] is May.YES
    invented = ruled(of.CARE_WORKER, WORKERS, provider_agreement="Agreement 13 with Synthetic Care")
    assert invented.acts[Act.STORE] is May.NOT_YET
    (asked,) = invented.open
    assert (asked.id, asked.problem != "") == ("provider_agreement", True)
    assert dict(asked.offered) == offered("provider_agreement", replace(STRICT, **WORKERS), of.TODAY)


@pytest.mark.parametrize("agreements", [(), (replace(of.AGREEMENT, agreed_on=of.TODAY + dt.timedelta(days=1)),)])
def test_without_an_agreement_that_has_been_made_care_workers_are_stopped(agreements: Any) -> None:
    stopped = ruled(of.CARE_WORKER, {**WORKERS, "provider_agreements": agreements})
    assert stopped.acts[Act.STORE] is May.NO and "care-worker" in codes(stopped)


@pytest.mark.parametrize("kind", ImageKind)
def test_what_a_procedure_made_needs_no_consent_of_its_own_and_a_photograph_does(kind: ImageKind) -> None:
    ruling = ruled(ENDOSCOPY, image_kind=kind)
    photograph = kind is ImageKind.PHOTOGRAPH
    assert ruling.acts[Act.STORE] is (May.NOT_YET if photograph else May.YES)
    assert ("exempt-type" in codes(ruling)) is not photograph


def test_only_the_kinds_that_the_pack_lists() -> None:
    assert ruled(ENDOSCOPY, {"exempt_types": frozenset({"x-ray"})}).acts[Act.STORE] is May.NOT_YET
    nothing = ruled(ENDOSCOPY, {"exempt_types": frozenset()})
    assert "image_kind" not in {each.id for each in nothing.questions}


def test_the_procedure_stands_in_the_place_of_consent() -> None:
    assert {each.id for each in ruled(ENDOSCOPY, exempt_procedure="").open} == {"exempt_procedure"}


def test_the_kind_is_asked_only_where_consent_was_not() -> None:
    for asked in (of.ADULT, of.TAKEN_NOW, of.UNASKED, of.INTIMATE, of.CHILD):
        assert "image_kind" not in {each.id for each in ruled(asked).questions}
    unasked = ruled(ENDOSCOPY, image_kind=None, exempt_procedure="")
    assert "image_kind" in {each.id for each in unasked.questions}
    assert unasked.acts[Act.STORE] is May.NOT_YET


@pytest.mark.parametrize(
    "floor",
    [
        {"intimacy": Intimacy.INTIMATE},
        {"private_site": True},
        {"birth_date": of.born(15)},
        {"birth_date": of.born(17)},
        {"captured_on": None},
        {"capacity_doubt": True, "lacks_capacity": True},
        {"photographer": Photographer.PATIENT},
        {"arrival": of.UNASKED.arrival},
        {"deceased": True},
        {"consent_store": ConsentAnswer.REFUSED},
        {"consent_receive": ConsentAnswer.WITHDRAWN},
    ],
)
def test_no_kind_of_image_goes_below_the_floors(floor: dict[str, Any]) -> None:
    for says in ({}, {"store_consent": StoreConsent.INFORM_AND_OBJECTION}):
        assert ruled(ENDOSCOPY, says, **floor).acts[Act.STORE] is not May.YES


def told(situation: Situation, says: dict[str, Any] | None = None) -> str:
    return next(each.why for each in ruled(situation, says).questions if each.id == "understood")


@pytest.mark.parametrize(
    ("situation", "kept_as"), [(of.ADULT, "adult"), (of.CHILD, "child"), (of.INTIMATE, "intimate")]
)
def test_how_long_it_is_kept_is_part_of_what_is_explained_where_the_pack_wants_it(
    situation: Situation, kept_as: str
) -> None:
    text = STRICT.retained(kept_as).told
    assert told(situation).endswith(text)
    assert text not in told(situation, {"retention_text_required": False})
    assert text not in told(replace(situation, consent_store=ConsentAnswer.REFUSED))
