"""From the clinician's answers to a request: what is missing is named, nothing is filled in, nothing carried over.

Pure. Storing and linking are in `asking`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from fhir_plugin.capture.requests.necessity import SHORTEST, Necessity, Preference, missing_necessity
from fhir_plugin.capture.requests.page import CHILD
from fhir_plugin.capture.requests.request import Asked, Needs, NumberConfirmed, PhotoRequest
from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.policy.choices import IntimateDefault
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.policy.ruling import May
from fhir_plugin.policy.uses import tell_parents
from mappings.model.identifiers import RequestId
from mappings.model.people import ClinicalSession, Patient
from mappings.model.practice import Colleague

LONGEST: Mapping[str, int] = {
    "purpose": 500,
    "area": 200,
    "alternatives": 500,
    "practice": 100,
    "practice_phone": 30,
    "cover_name": 100,
}
LONGEST_WORDS = 1000

TICKS = (
    "private_allowed",
    "own_phone",
    "parents_may_know",
    "easy_read",
    "large_print",
    "interpreter",
    "sexual_health",
    "vulnerable",
)
YES_NO = (
    "remote_right",
    "image_enough",
    "necessary",
    "justified",
    "beneficial",
    "best_interests",
    "speaks_freely",
    "intimate_necessary",
    "can_wait",
    "chaperone_offered",
    "spoken_first",
)
WORDS = (
    "purpose",
    "area",
    "alternatives",
    "practice",
    "practice_phone",
    "cover_name",
    "parent_words",
    "gillick_words",
    "justification",
    "limits",
    "changes",
    "preference_reason",
    "legitimate_reason",
    "exceptional_reason",
)
FIELDS = (*TICKS, *YES_NO, *WORDS, "preference", "asked", "most_pictures", "lasts_hours", "language", "cover")
"""Every field of the form. The number is not one: it is confirmed on a page of its own."""


@dataclass(frozen=True)
class Facts:
    """What nobody types. `earlier`: justifications of this patient's earlier requests. `covers`: who may cover."""

    session: ClinicalSession
    patient: Patient
    policy: PolicyPack
    now: dt.datetime
    earlier: Sequence[str] = field(default=(), repr=False)
    covers: Sequence[Colleague] = ()

    @property
    def age(self) -> int | None:
        return self.patient.age_on(self.now.date())


def lasting(policy: PolicyPack) -> tuple[int, ...]:
    """How many hours a link may last: what the policy allows, and shorter."""
    most = int(policy.request_lasts.total_seconds() // 3600)
    return tuple(sorted({each for each in (24, 48, 72, 168) if each < most} | {most}))


def need_known(facts: Facts) -> None:
    """Raises `Refused` when nobody can be asked by a link: without a whole date of birth there is no check."""
    _need_known(facts.patient)


def need_askable(request: PhotoRequest, patient: Patient, policy: PolicyPack, today: dt.date) -> dt.date:
    """The date of birth as the record has it now, for a link that is made now. Raises `Refused` where the answers of
    the request no longer fit the patient: days may lie between, and a record is corrected."""
    _need_known(patient)
    born, age = patient.birth_date, patient.age_on(today)
    if born is None or age is None:
        raise Refused("The record has no full date of birth for this patient.", code="no-birth-date")
    decides_alone = age >= policy.age_consent
    if (request.asked is Asked.PATIENT) is not decides_alone:
        who = "decides alone" if decides_alone else "is too young to be asked alone"
        raise Refused(f"By the record's date of birth the patient now {who}. Prepare a new request.", code="age")
    if missing_necessity(
        request.necessity,
        private=request.private_allowed,
        child=age < CHILD,
        under_16=not decides_alone,
        sexual_health=policy.sexual_health_under_16,
        earlier=(),
    ):
        raise Refused("At this age other questions come first. Prepare a new request.", code="age")
    return born


def _need_known(patient: Patient) -> None:
    if patient.deceased:
        raise Refused("The record says that this patient has died. No link can be made.", code="deceased")
    if patient.birth_date is None:
        raise Refused(
            "The record has no full date of birth for this patient, so the link could not check who opens it. "
            "Add it in the EHR and open the patient again, or see the patient, or take the picture here.",
            code="no-birth-date",
        )


def prepare(form: Mapping[str, str], facts: Facts, request_id: RequestId) -> PhotoRequest:
    """The request, if every answer is there. Raises `Incomplete` naming each field that is not, `Refused`."""
    need_known(facts)
    born, age = facts.patient.birth_date, facts.age
    if born is None or age is None:
        raise Refused("The record has no full date of birth for this patient.", code="no-birth-date")
    said = {name: form.get(name, "").strip() for name in FIELDS}
    policy = facts.policy
    necessity = _necessity(said, always_sexual=policy.sexual_health)
    private = said["private_allowed"] == "yes"
    asked = _one_of(Asked, said["asked"])
    missing = _too_long(said) | _missing_words(said) | _missing_asked(said, asked, age, policy)
    missing |= missing_necessity(
        necessity,
        private=private,
        child=age < CHILD,
        under_16=age < policy.age_consent,
        sexual_health=policy.sexual_health_under_16,
        earlier=facts.earlier,
    )
    if private and policy.intimate_default is IntimateDefault.NO_REMOTE_INTIMATE:
        missing["private_allowed"] = "Your organisation asks for no private photos. See the patient instead."
    most = _number(said["most_pictures"], range(1, policy.request_most_images + 1))
    if most is None:
        missing["most_pictures"] = f"Say how many, at most {policy.request_most_images}."
    lasts = _number(said["lasts_hours"], lasting(policy))
    if lasts is None:
        missing["lasts_hours"] = "Say how long the link works."
    mine = facts.session.user.reference
    others = [each for each in facts.covers if each.user != mine]
    cover = next((each for each in others if each.user == said["cover"]), None)
    if cover is None and len(said["cover_name"]) < 3:
        # The first clinician of an installation has nobody to choose from, and writes the name.
        missing["cover" if others else "cover_name"] = "Say who looks at the pictures while you are away."
    if missing or asked is None or most is None or lasts is None:
        raise Incomplete("Some answers are missing before a link can be made.", fields=missing)
    return PhotoRequest(
        request_id=request_id,
        fhir_base=facts.session.fhir_base,
        patient=facts.session.patient_id,
        patient_name=facts.patient.name,
        birth_date=born,
        asked_by=facts.session.user.reference,
        asked_by_name=facts.session.user.display,
        launch=facts.session.launch_id,
        practice=said["practice"],
        practice_phone=said["practice_phone"],
        purpose=said["purpose"],
        area=said["area"],
        alternatives=said["alternatives"],
        most_pictures=most,
        created=facts.now,
        expires=facts.now + dt.timedelta(hours=lasts),
        lasts=dt.timedelta(hours=lasts),
        look_within=policy.request_answer_within,
        withdraw_for=policy.withdraw_window,
        asked=asked,
        owner=facts.session.user.reference,
        owner_name=facts.session.user.display,
        cover=cover.user if cover else None,
        cover_name=cover.name if cover else said["cover_name"],
        necessity=necessity,
        policy=policy.reference,
        template=policy.explained,
        private_allowed=private,
        needs=Needs(
            language=said["language"],
            easy_read=said["easy_read"] == "yes",
            large_print=said["large_print"] == "yes",
            interpreter=said["interpreter"] == "yes",
        ),
        parent_words=said["parent_words"] if asked is Asked.PARENT else "",
        own_phone=said["own_phone"] == "yes",
        parents_may_know=asked is Asked.COMPETENT_CHILD and said["parents_may_know"] == "yes",
        gillick_words=said["gillick_words"] if asked is Asked.COMPETENT_CHILD else "",
        changed=facts.now,
    )


def confirmed_number(form: Mapping[str, str]) -> tuple[str, NumberConfirmed]:
    """The number for this one link, typed twice or read back; never one that was filled in. Raises `Incomplete`."""
    number, again = _digits(form.get("number", "")), _digits(form.get("number_again", ""))
    if not re.fullmatch(r"\+?[0-9]{10,15}", number):
        raise Incomplete(
            "The number is not complete.", fields={"number": "Type the mobile number, as the patient says it now."}
        )
    if again:
        if again != number:
            raise Incomplete(
                "The two numbers differ.", fields={"number_again": "The two numbers differ. Type both again."}
            )
        return number, NumberConfirmed.TYPED_TWICE
    if form.get("read_back") == "yes":
        return number, NumberConfirmed.READ_BACK
    raise Incomplete(
        "The number is not confirmed.",
        fields={"number_again": "Type it a second time, or read it back and say that it is right."},
    )


def message_text(request: PhotoRequest, policy: PolicyPack, link: str, *, until: str) -> str:
    """What the practice's messaging sends, in the words of `policy`: it has no place for a name, a number of the
    patient's, a reason or a part of the body (G-R2, G-R4, G-R125)."""
    known = {"practice": request.practice, "link": link, "until": until, "phone": request.practice_phone}
    return re.sub(r"\{([a-z]+)\}", lambda place: known[place[1]], policy.wording.message)


E = TypeVar("E", bound=StrEnum)


def _necessity(said: Mapping[str, str], *, always_sexual: bool) -> Necessity:
    def yes_no(name: str) -> bool | None:
        return {"yes": True, "no": False}.get(said[name])

    return Necessity(
        remote_right=yes_no("remote_right"),
        image_enough=yes_no("image_enough"),
        necessary=yes_no("necessary"),
        justified=yes_no("justified"),
        beneficial=yes_no("beneficial"),
        best_interests=yes_no("best_interests"),
        justification=said["justification"],
        limits=said["limits"],
        changes=said["changes"],
        preference=_one_of(Preference, said["preference"]),
        preference_reason=said["preference_reason"],
        speaks_freely=yes_no("speaks_freely"),
        intimate_necessary=yes_no("intimate_necessary"),
        can_wait=yes_no("can_wait"),
        chaperone_offered=yes_no("chaperone_offered"),
        spoken_first=yes_no("spoken_first"),
        legitimate_reason=said["legitimate_reason"],
        sexual_health=always_sexual or said["sexual_health"] == "yes",
        vulnerable=said["vulnerable"] == "yes",
        exceptional_reason=said["exceptional_reason"],
    )


def _missing_words(said: Mapping[str, str]) -> dict[str, str]:
    needed = {
        "purpose": "Say in the patient's words why a photo helps.",
        "area": "Say what to photograph.",
        "alternatives": "Say what the patient can do instead, such as being seen.",
        "practice": "Say which practice asks.",
        "practice_phone": "Give the number that the patient can ring instead.",
    }
    missing = {name: words for name, words in needed.items() if len(said[name]) < 3}
    if said["language"] and not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", said["language"]):
        missing["language"] = "Choose a language."
    return missing


def _too_long(said: Mapping[str, str]) -> dict[str, str]:
    return {
        name: f"Shorten this to {most} characters."
        for name in WORDS
        if len(said[name]) > (most := LONGEST.get(name, LONGEST_WORDS))
    }


def _missing_asked(said: Mapping[str, str], asked: Asked | None, age: int, policy: PolicyPack) -> dict[str, str]:
    """G-R98: from the age of consent the patient decides; under it a parent, or the child who is competent."""
    if asked is None:
        return {"asked": "Say who is asked."}
    under = age < policy.age_consent
    if asked is Asked.PATIENT and under:
        return {"asked": f"Under {policy.age_consent}: ask a parent, or the child if they are competent for this."}
    if asked is not Asked.PATIENT and not under:
        return {"asked": f"From {policy.age_consent} the patient decides: ask the patient."}
    missing = {}
    if asked is Asked.PARENT and len(said["parent_words"]) < SHORTEST:
        missing["parent_words"] = "Say who this is, and how you know that they have parental responsibility."
    if asked is Asked.COMPETENT_CHILD:
        agrees = said["parents_may_know"] == "yes"
        may_know = tell_parents(policy, child_agrees=agrees or None).may is May.YES
        if agrees and not may_know:
            missing["parents_may_know"] = "Your organisation sends nothing of a competent child's to a parent."
        elif said["own_phone"] != "yes" and not may_know:
            missing["own_phone"] = "Send only to the child's own phone, which no parent reads. If there is none, ring."
        if len(said["gillick_words"]) < SHORTEST:
            missing["gillick_words"] = "Say why this child is competent to decide about this photo."
    return missing


def _one_of(kind: type[E], text: str) -> E | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _number(text: str, allowed: Sequence[int]) -> int | None:
    number = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None
    return number if number in allowed else None


def _digits(text: str) -> str:
    return re.sub(r"[\s().-]", "", text)
