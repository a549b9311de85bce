"""Situations in which everything that is needed has been answered, to be changed one answer at a time."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from fhir_plugin.policy.contents import ProviderAgreement
from mappings.model.consent import ChildView, ConsentAnswer, ConsentForm, Grantor
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import (
    Authority,
    CareSetting,
    ChaperoneOutcome,
    ContactOutcome,
    Device,
    Identity,
    Modality,
    Situation,
    Wish,
)

TODAY = dt.date(2026, 11, 22)
AGREEMENT = ProviderAgreement("Synthetic Care", "Agreement 12", dt.date(2026, 3, 1))
NAMED: dict[str, Any] = {"email_allowed_domains": frozenset({"nhs.net"}), "provider_agreements": (AGREEMENT,)}
"""What a pack names so that email and care workers can be let in."""


def born(years: int) -> dt.date:
    """A birth date of somebody who is `years` old on TODAY, with the birthday long past."""
    return dt.date(TODAY.year - years, 2, 3)


def without(situation: Situation, *names: str) -> Situation:
    """With these answers not given."""
    blank: dict[str, Any] = {name: Situation.__dataclass_fields__[name].default for name in names}
    return replace(situation, **blank)


ADULT = Situation(
    birth_date=born(46),
    today=TODAY,
    captured_on=TODAY,
    requested=True,
    purpose="To see whether the rash has spread",
    wish=Wish.STORE,
    face_to_face=True,
    arrival=Arrival.OUR_LINK,
    consent_receive=ConsentAnswer.GIVEN,
    consent_store=ConsentAnswer.GIVEN,
    consent_form=ConsentForm.VERBAL,
    understood=True,
    photographer=Photographer.PATIENT,
    identity=Identity.DATE_OF_BIRTH,
    site_known=True,
    intimacy=Intimacy.NO,
    only_area=True,
    findings="Red scaly patch, 3 cm, left forearm, clear edge",
    advice="Use the cream twice a day, come back in two weeks",
)
"""An adult's ordinary photograph on our request: the fast path."""

TAKEN_NOW = replace(
    ADULT,
    requested=False,
    arrival=Arrival.TAKEN_NOW,
    photographer=Photographer.CLINICIAN,
    device=Device.ORGANISATION,
    identity=Identity.IN_PERSON,
)

EMAILED = replace(
    ADULT, requested=False, arrival=Arrival.EMAIL, mailbox="nhs.net", email_reason="The link did not open for her"
)

UNASKED = replace(
    ADULT,
    requested=False,
    arrival=Arrival.UNASKED,
    contact=ContactOutcome.REACHED,
    contact_words="Rang the patient, who can decide and agrees that we look at it and keep it",
    consent_view=ConsentAnswer.GIVEN,
    lacks_capacity=False,
)

INTIMATE = replace(
    ADULT,
    preauthorised_private=True,
    intimacy=Intimacy.INTIMATE,
    intimate_necessary=True,
    can_wait=False,
    store_justification="The lesion must be compared with the next visit; words do not carry its edge",
    speaks_freely=True,
    chaperone=ChaperoneOutcome.PRESENT,
    chaperone_name="Synthetic Chaperone",
    chaperone_designation="Healthcare assistant",
    chaperone_family=False,
    chaperone_trained=True,
    chaperone_extent="The whole examination",
    chaperone_with_clinician="In the room",
    chaperone_with_patient="Seen on the screen",
)

CHILD = replace(
    ADULT,
    birth_date=born(9),
    photographer=Photographer.PARENT,
    giver=Grantor.PARENT,
    giver_name="Synthetic Parent",
    giver_relationship="Mother",
    gillick=False,
    child_view=ChildView.AGREES,
    keep_best_interests="The next clinician has to see how the burn looked on the first day",
    concern=False,
)
"""Nine years old, with a parent who agrees."""

WITHOUT_PARENTS = replace(
    CHILD,
    giver=Grantor.BEST_INTERESTS,
    giver_name="",
    giver_relationship="",
    consent_receive=ConsentAnswer.NOT_ASKED,
    consent_store=ConsentAnswer.NOT_ASKED,
    consent_form=None,
    understood=None,
    best_interests="Telling the father would put the child in danger",
    override_reason="Nine years old, ordinary picture of a bruise, no parent can be asked",
    safeguarding_advice="Lead agrees",
    second_person=True,
)
"""Nine years old, and nobody with parental responsibility is asked (X10)."""

COMPETENT = replace(
    CHILD,
    birth_date=born(15),
    photographer=Photographer.PATIENT,
    giver=None,
    giver_name="",
    giver_relationship="",
    gillick=True,
    gillick_words="Understands what it is for, who sees it and what may go wrong",
    child_asked_for_care=False,
    parents_discussed=True,
)

SEVENTEEN = replace(
    ADULT,
    birth_date=born(17),
    child_view=ChildView.AGREES,
    keep_best_interests=CHILD.keep_best_interests,
    concern=False,
)

_PRIVATE: dict[str, Any] = {
    name: getattr(INTIMATE, name)
    for name in Situation.__dataclass_fields__
    if getattr(INTIMATE, name) != getattr(ADULT, name)
}
_WHY_HELD = "Needed to tell an infection from an injury; nobody can examine in person before Monday"

CHILD_INTIMATE = replace(CHILD, **_PRIVATE, legitimate_reason=_WHY_HELD, second_person=True)

FIFTEEN_UNASKED = replace(
    COMPETENT,
    **{**_PRIVATE, "preauthorised_private": False},
    legitimate_reason=_WHY_HELD,
    second_person=True,
    requested=False,
    arrival=Arrival.UNASKED,
    contact=ContactOutcome.REACHED,
    contact_words="Rang the patient on the number they gave us; they can decide and want it seen",
    consent_view=ConsentAnswer.GIVEN,
)
"""The hardest one: an intimate image of a fifteen-year-old that nobody asked for, with all that it takes."""

NO_CAPACITY = replace(
    ADULT,
    capacity_doubt=True,
    lacks_capacity=True,
    capacity_words="Could not keep in mind what the picture is for, asked twice with pictures",
    authority=Authority.NONE_KNOWN,
    best_interests="Would want the wound to heal; daughter and carer were asked and agree",
    less_restrictive="A visit today is not possible, words alone did not do last week",
    consent_receive=ConsentAnswer.NOT_ASKED,
    consent_store=ConsentAnswer.NOT_ASKED,
    consent_form=None,
    understood=None,
    photographer=Photographer.CLINICIAN,
    device=Device.ORGANISATION,
)

WITH_ATTORNEY = replace(
    NO_CAPACITY,
    authority=Authority.ATTORNEY,
    authority_covers=True,
    authority_evidence="Saw the registered document, health and welfare",
    authority_answer=ConsentAnswer.GIVEN,
    giver_name="Synthetic Attorney",
    consent_receive=ConsentAnswer.GIVEN,
    consent_store=ConsentAnswer.GIVEN,
    consent_form=ConsentForm.VERBAL,
    understood=True,
)

SIXTEEN_NO_CAPACITY = replace(
    NO_CAPACITY,
    birth_date=born(16),
    authority=None,
    giver=Grantor.PARENT,
    giver_name="Synthetic Parent",
    giver_relationship="Father",
    consent_receive=ConsentAnswer.GIVEN,
    consent_store=ConsentAnswer.GIVEN,
    consent_form=ConsentForm.VERBAL,
    understood=True,
    child_view=ChildView.UNCLEAR,
    child_words="Smiled and held out the arm",
    keep_best_interests=CHILD.keep_best_interests,
    concern=False,
)

CARE_WORKER = replace(
    ADULT,
    photographer=Photographer.CARE_WORKER,
    device=Device.PROVIDER,
    helper_agreed=True,
    helper_burden="Known to the patient for years, trained, at ease with it",
    provider_agreement="Synthetic Care, Agreement 12, of 2026-03-01",
    provider_exceptional="The roads are closed; a visit would come too late",
    provider_trained=True,
    care_setting=CareSetting.RESIDENTIAL,
)

VIDEO = replace(
    TAKEN_NOW,
    modality=Modality.VIDEO,
    recording_reason="The tremor shows only in motion",
    consent_record_video=ConsentAnswer.GIVEN,
    recording_confirmed=True,
)

COMPLETE = {
    "adult": ADULT,
    "taken-now": TAKEN_NOW,
    "unasked": UNASKED,
    "intimate": INTIMATE,
    "child": CHILD,
    "without-parents": WITHOUT_PARENTS,
    "competent": COMPETENT,
    "seventeen": SEVENTEEN,
    "child-intimate": CHILD_INTIMATE,
    "fifteen-unasked": FIFTEEN_UNASKED,
    "no-capacity": NO_CAPACITY,
    "with-attorney": WITH_ATTORNEY,
    "sixteen-no-capacity": SIXTEEN_NO_CAPACITY,
    "video": VIDEO,
}
"""Under the strict pack each of these may be filed (what care workers took or came by email may not: both are off)."""
