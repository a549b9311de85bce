"""Where labels stand and what fails closed: whatever cannot be judged goes to a person, whoever asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.disclose.decide import Together, judge_for
from fhir_plugin.disclose.decide.facts import INLINE_LABEL, read
from fhir_plugin.disclose.decide.rules import shipped_rules
from mappings.model.disclosure import ConsentToRelease, ItemFacts, Opinion, Requester, Review, Reviewer
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY
from mappings.r4.private_signs import Sign, private_signs
from mappings.terminology.private_signs import private_site_codes, private_words
from mappings.terminology.systems import BODY_SITE_EXTENSION
from tests.disclose.decide.items import Json, asking, coding, photograph, text_entry, verdict_on, word

INSURER = asking(Requester.INSURER)
PATIENT = asking(Requester.PATIENT)
R, SEX = coding("R"), coding("SEX")

LABELLED: dict[str, Json] = {
    "meta.security": text_entry("R"),
    "a second label": text_entry("N", "SEX"),
    "a contained resource's meta": text_entry(contained=[{"resourceType": "Media", "meta": {"security": [R]}}]),
    "DocumentReference.securityLabel": {"resourceType": "DocumentReference", "securityLabel": [{"coding": [R]}]},
    "a second coding": {"resourceType": "DocumentReference", "securityLabel": [{"coding": [coding("N"), SEX]}]},
    "Composition.confidentiality": {"resourceType": "Composition", "confidentiality": "R"},
    "a contained Composition": text_entry(contained=[{"resourceType": "Composition", "confidentiality": "V"}]),
    "inline": text_entry(note=[{"extension": [{"url": INLINE_LABEL, "valueCoding": SEX}], "text": "words"}]),
    "inline on a primitive": text_entry(_status={"extension": [{"url": INLINE_LABEL, "valueCoding": SEX}]}),
    "inline as a modifier": text_entry(modifierExtension=[{"url": INLINE_LABEL, "valueCoding": R}]),
    "an extension of somebody's own": text_entry(extension=[{"url": "urn:x", "valueCoding": R}]),
    "a tag": text_entry(meta={"tag": [SEX]}),
    "Consent.provision.securityLabel": {
        "resourceType": "Consent",
        "provision": {"provision": [{"type": "deny", "securityLabel": [R]}]},
    },
    "Provenance in a Bundle": {"resourceType": "Bundle", "entry": [{"resource": text_entry("R")}]},
    "one object instead of a list": {"resourceType": "DocumentReference", "securityLabel": {"coding": [R]}},
}


@pytest.mark.parametrize("where", LABELLED)
def test_a_label_counts_wherever_it_stands(where: str) -> None:
    assert word(verdict_on(INSURER, LABELLED[where])) == "redact"
    assert word(verdict_on(PATIENT, LABELLED[where])) == "release"


def test_what_looks_like_a_label_elsewhere_is_none() -> None:
    """v3-ActCode also classifies encounters; a tag of another system, or an R among other codes, says nothing."""
    visit = {"resourceType": "Encounter", "class": {"system": ACT_CODE, "code": "AMB"}}
    assert word(verdict_on(INSURER, visit)) == "release"
    tagged = text_entry(meta={"tag": [{"system": "urn:x", "code": "R"}], "profile": ["urn:p"], "security": []})
    assert word(verdict_on(INSURER, tagged)) == "release"
    named = {"extension": [{"url": "urn:x", "valueString": "x"}], "instantiatesUri": INLINE_LABEL}
    assert word(verdict_on(INSURER, text_entry(**named))) == "release"
    for said in ({"resourceType": "Composition", "title": "Letter"}, text_entry(confidentiality="high")):
        assert word(verdict_on(INSURER, said)) == "release"
    value_set = {"resourceType": "ValueSet", "compose": {"include": [{"system": CONFIDENTIALITY, "concept": [R]}]}}
    assert word(verdict_on(INSURER, value_set)) == "release"


UNREADABLE: dict[str, Json] = {
    "unknown system": text_entry(meta={"security": [{"system": "urn:local", "code": "secret"}]}),
    "unknown code": text_entry("N", "XYZZY"),
    "lower case": text_entry("r"),
    "a space": text_entry("R "),
    "an older system": text_entry(
        meta={"security": [{"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "R"}]}
    ),
    "a version in the system": text_entry(meta={"security": [{"system": CONFIDENTIALITY + "|1", "code": "N"}]}),
    "no system": text_entry(meta={"security": [{"code": "N"}]}),
    "no code": text_entry(meta={"security": [{"system": CONFIDENTIALITY}]}),
    "words only": text_entry(meta={"security": [{"display": "normal"}]}),
    "a number": text_entry(meta={"security": [{"system": CONFIDENTIALITY, "code": 1}]}),
    "null": text_entry(meta={"security": [None]}),
    "a string": text_entry(meta={"security": ["N"]}),
    "no list": text_entry(meta={"security": {"system": CONFIDENTIALITY, "code": "N"}}),
    "null instead of a list": text_entry(meta={"_security": [{"extension": []}]}),
    "meta as a string": text_entry(meta="N"),
    "meta as null": text_entry(meta=None),
    "a concept of words": {"resourceType": "DocumentReference", "securityLabel": [{"text": "normal"}]},
    "an empty concept": {"resourceType": "DocumentReference", "securityLabel": [{"coding": []}]},
    "securityLabel as a string": {"resourceType": "DocumentReference", "securityLabel": "N"},
    "an unknown confidentiality": {"resourceType": "Composition", "confidentiality": "n"},
    "a confidentiality that is absent": {"resourceType": "Composition", "_confidentiality": {"extension": []}},
    "inline without a value": text_entry(extension=[{"url": INLINE_LABEL}]),
    "inline unknown": text_entry(extension=[{"url": INLINE_LABEL, "valueCoding": {"system": "urn:x", "code": "y"}}]),
    "an abstract code": text_entry("_InformationSensitivityPolicy"),
    "unknown type": {"resourceType": "Selfie", "id": "1"},
    "wrong case": {"resourceType": "observation", "id": "1"},
    "no type": {"id": "1"},
    "a type that is no string": {"resourceType": ["Media"]},
    "an abstract type": {"resourceType": "DomainResource"},
}


@pytest.mark.parametrize("requester", Requester)
@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_judged_goes_to_a_person(what: str, requester: Requester) -> None:
    found = verdict_on(asking(requester), UNREADABLE[what])
    assert word(found) == "review" or (requester in NOTHING_WITHOUT_A_YES and word(found) == "redact")


NOTHING_WITHOUT_A_YES = (Requester.SECOND_OPINION, Requester.RESEARCH)
"""They get no picture anyway, and a document without a type counts as one."""


def test_a_sensitive_label_beside_an_unknown_one_is_still_redacted() -> None:
    assert word(verdict_on(INSURER, photograph("R", "XYZZY"))) == "redact"


SITE = {"coding": [{"system": "http://snomed.info/sct", "code": "18911002"}]}


@pytest.mark.parametrize(
    "site",
    [
        {"bodySite": SITE},
        {"bodySite": {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.96", "code": "18911002"}]}},
        {"bodySite": {"text": "Left BREAST, lower"}},
        {"bodySite": {"coding": [{"display": "Skin of scrotum"}]}},
        {"extension": [{"url": BODY_SITE_EXTENSION, "valueCodeableConcept": SITE}]},
        {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference.bodySite",
                    "valueCodeableConcept": SITE,
                }
            ]
        },
        {"view": {"text": "perianal"}},
    ],
)
def test_a_private_place_without_a_label_waits_for_a_person(site: dict[str, Any]) -> None:
    """Label drift (G-R172): whoever would get a labelled one gets this one, too; for the others a person looks."""
    for labels in ((), ("N",)):
        assert word(verdict_on(INSURER, photograph(*labels, **site))) == "review"
        assert word(verdict_on(PATIENT, photograph(*labels, **site))) == "release"
        assert word(verdict_on(asking(Requester.OTHER_PROVIDER), photograph(*labels, **site))) == "release"
    assert word(verdict_on(INSURER, photograph("R", "SEX", **site))) == "redact"
    named = asking(Requester.INSURER, consent=ConsentToRelease.NAMED)
    assert word(verdict_on(named, photograph(**site))) == "release"


def test_other_places_and_texts_about_private_places_do_not_wait() -> None:
    """Only pictures: a coded diagnosis without a label is released as the record has it."""
    knee = {"coding": [{"system": "http://snomed.info/sct", "code": "72696002"}], "text": "Knee"}
    assert word(verdict_on(INSURER, photograph(bodySite=knee))) == "release"
    assert word(verdict_on(INSURER, text_entry(bodySite=SITE))) == "release"
    assert word(verdict_on(INSURER, text_entry(bodySite={"text": "Breast"}))) == "release"


def test_an_extension_about_something_else_is_no_place() -> None:
    other = photograph(extension=[{"url": "urn:reason", "valueCodeableConcept": SITE}])
    assert word(verdict_on(INSURER, other)) == "release"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([{"attachment": {"contentType": "text/plain", "url": "x"}}], "release"),
        ([{"attachment": {"contentType": "text/plain"}}, {"attachment": {"contentType": " Image/PNG"}}], "redact"),
        ([{"attachment": {"contentType": "application/dicom"}}], "redact"),
        ([{"attachment": {"url": "x"}}], "redact"),
        ([{"attachment": {"contentType": "text/plain"}}, {"attachment": {"contentType": None}}], "redact"),
        ([{}], "redact"),
        ([], "redact"),
        (None, "redact"),
    ],
)
def test_a_document_of_which_nobody_says_what_it_is_counts_as_a_picture(content: object, expected: str) -> None:
    document = {"resourceType": "DocumentReference", "status": "current", "content": content}
    assert word(verdict_on(asking(Requester.RESEARCH), document)) == expected


@pytest.mark.parametrize("kind", ["Media", "ImagingStudy", "ImagingSelection"])
def test_kinds_that_are_pictures_whatever_they_hold(kind: str) -> None:
    assert word(verdict_on(asking(Requester.RESEARCH), {"resourceType": kind, "id": "1"})) == "redact"
    inside = text_entry(valueAttachment={"contentType": "video/mp4"})
    assert word(verdict_on(asking(Requester.RESEARCH), inside)) == "redact"


def test_a_policy_can_only_add_private_places() -> None:
    knee = {"coding": [{"system": "http://snomed.info/sct", "code": "72696002"}]}
    judge = judge_for(INSURER, private_sites=["72696002"])
    assert word(judge(photograph(bodySite=knee))) == "review"
    assert word(judge(photograph(bodySite=SITE))) == "review"


@pytest.mark.parametrize("place", [*sorted(private_words("sites")), "Breast2", "left-breast", "Natal-Cleft, scar"])
def test_a_place_that_asks_for_a_label_waits_when_a_copy_is_made(place: str) -> None:
    """One list for both, so that nothing waits for a label that goes out meanwhile."""
    picture = photograph(bodySite={"text": place.title()})
    assert word(judge_for(INSURER)(picture)) == "review"
    assert Sign.SITE in private_signs(picture)


def test_a_code_of_a_place_that_asks_for_a_label_waits_too() -> None:
    for code in private_site_codes():
        picture = photograph(bodySite={"coding": [{"system": "http://snomed.info/sct", "code": code}]})
        assert word(judge_for(INSURER)(picture)) == "review"
        assert private_signs(picture) == (Sign.SITE,)
    elbow = photograph(bodySite={"text": "Elbow, near the bottomless pit", "coding": [{"code": "127949000"}]})
    assert word(judge_for(INSURER)(elbow)) == "release" and private_signs(elbow) == ()


def test_rules_add_words_and_codes_of_their_own() -> None:
    rules = replace(shipped_rules(), private_words=frozenset({"scar"}), private_codes=frozenset({"1"}))
    for said in ({"text": "An old scar"}, {"coding": [{"code": "1"}]}, {"text": "Vulva"}):
        assert word(judge_for(INSURER, rules=rules)(photograph(bodySite=said))) == "review"


BYTES: Json = {"resourceType": "Binary", "id": "b1", "contentType": "image/jpeg", "data": "AAAA"}


def test_a_binary_has_the_labels_of_what_describes_it() -> None:
    usual = photograph("N", content={"contentType": "image/jpeg", "url": "Binary/b1"})
    private = photograph("R", "SEX", content={"contentType": "image/jpeg", "url": "https://ehr.example/fhir/Binary/b1"})
    older = photograph("N", content={"url": "Binary/b1/_history/2"}, bodySite=SITE)
    assert word(judge_for(INSURER, around=Together([usual, BYTES]))(BYTES)) == "release"
    assert word(judge_for(INSURER, around=Together([usual, private, BYTES]))(BYTES)) == "redact"
    assert word(judge_for(INSURER, around=Together([usual, older]))(BYTES)) == "review"
    another = photograph("R", content={"url": "Binary/b11"})
    assert word(judge_for(INSURER, around=Together([usual, another]))(BYTES)) == "release"


def test_a_binary_that_nobody_describes_waits_where_a_private_picture_would_not_go() -> None:
    for around in (None, Together([BYTES, {"resourceType": "AuditEvent", "url": "Binary/b1"}])):
        assert word(judge_for(INSURER, around=around)(BYTES)) == "review"
        assert word(judge_for(PATIENT, around=around)(BYTES)) == "release"
    assert word(judge_for(INSURER)({**BYTES, "meta": {"security": [R]}})) == "redact"


@pytest.mark.parametrize(
    "reference", ["Media/m1", "https://ehr.example/fhir/Media/m1", "Media/m1/_history/3", "urn:uuid:1"]
)
def test_a_binary_has_the_labels_of_its_security_context(reference: str) -> None:
    bytes_ = {**BYTES, "securityContext": {"reference": reference}}
    around = Together()
    around.see(photograph("R"), full_url="urn:uuid:1")
    assert word(judge_for(INSURER, around=around)(bytes_)) == "redact"
    around = Together()
    around.see(photograph("N"), full_url="urn:uuid:1")
    assert word(judge_for(INSURER, around=around)(bytes_)) == "release"
    around.see(photograph("R"), full_url="urn:uuid:1")  # two resources with one id: the stricter reading
    assert word(judge_for(INSURER, around=around)(bytes_)) == "redact"


@pytest.mark.parametrize("context", [{"reference": "Media/gone"}, {"display": "somewhere"}, "Media/m1", [], {}])
def test_a_security_context_that_is_not_here_waits_for_a_person(context: object) -> None:
    bytes_ = {**BYTES, "securityContext": context}
    for requester in (Requester.INSURER, Requester.PATIENT, Requester.OTHER_PROVIDER):
        assert word(judge_for(asking(requester), around=Together([photograph()]))(bytes_)) == "review"


HIDDEN = ItemFacts(hidden=True)
TOLD_NOTHING = {
    Requester.INSURER,
    Requester.OTHER_SIDES_SOLICITOR,
    Requester.PARENT_OR_PROXY,
    Requester.DECEASED,
    Requester.RESEARCH,
}


@pytest.mark.parametrize("requester", Requester)
def test_hidden_copies_are_within_the_patients_request(requester: Requester) -> None:
    """The officer sees "one hidden item", the privacy officer decides; outsiders hear nothing of it (G-R260)."""
    found = verdict_on(asking(requester), text_entry(), HIDDEN)
    if requester in TOLD_NOTHING:
        assert word(found) == "withhold"
    else:
        assert isinstance(found, Review)
        assert found.by is Reviewer.PRIVACY_OFFICER
        assert "hidden item" in found.reason.text


def test_only_a_health_professionals_opinion_keeps_something_from_the_patient() -> None:
    item = photograph("R", "TBOO")
    waiting = verdict_on(PATIENT, item)
    assert isinstance(waiting, Review)
    assert waiting.by is Reviewer.HEALTH_PROFESSIONAL
    assert word(verdict_on(PATIENT, item, ItemFacts(opinion=Opinion.SERIOUS_HARM))) == "redact"
    assert word(verdict_on(PATIENT, item, ItemFacts(opinion=Opinion.NO_HARM))) == "release"
    assert word(verdict_on(PATIENT, text_entry(), ItemFacts(opinion=Opinion.SERIOUS_HARM))) == "redact"
    assert (
        word(verdict_on(asking(Requester.OTHER_PROVIDER), item, ItemFacts(opinion=Opinion.SERIOUS_HARM))) == "release"
    )


@pytest.mark.parametrize("requester", Requester)
def test_what_would_cause_serious_harm(requester: Requester) -> None:
    """Kept from the patient and from outsiders; weighed by a person against a duty; known to those who treat."""
    found = word(verdict_on(asking(requester), text_entry(), ItemFacts(opinion=Opinion.SERIOUS_HARM)))
    if requester is Requester.PARENT_OR_PROXY:
        assert found == "withhold"
    elif requester in (Requester.OTHER_PROVIDER, Requester.SECOND_OPINION):
        assert found == "release"
    elif requester in WEIGHED_BY_A_PERSON:
        assert found == "review"
    else:
        assert found == "redact"


WEIGHED_BY_A_PERSON = {
    Requester.COURT_ORDER,
    Requester.CORONER,
    Requester.REGULATOR,
    Requester.POLICE,
    Requester.SAFEGUARDING,
}


@pytest.mark.parametrize("requester", Requester)
def test_an_audit_trail(requester: Requester) -> None:
    found = word(verdict_on(asking(requester), {"resourceType": "AuditEvent", "id": "a1"}))
    if requester in TOLD_NOTHING:
        assert found == "withhold"
    elif requester in (Requester.OTHER_PROVIDER, Requester.SECOND_OPINION):
        assert found == "redact"
    else:
        assert found == "review"


@pytest.mark.parametrize("requester", Requester)
def test_what_was_confided(requester: Requester) -> None:
    """A competent child's confidence is kept from parents, whatever their request says, and from every outsider."""
    found = word(verdict_on(asking(requester), text_entry(), ItemFacts(confided=True)))
    if requester in TOLD_NOTHING:
        assert found == "withhold"
    elif requester in (Requester.PATIENT, Requester.PATIENTS_SOLICITOR, Requester.OTHER_PROVIDER):
        assert found == "release"
    else:
        assert found == "review"


def test_a_picture_entered_in_error_may_be_somebody_elses() -> None:
    wrong = photograph(status="entered-in-error")
    for requester in Requester:
        named = asking(requester, consent=ConsentToRelease.NAMED)
        assert word(verdict_on(named, wrong)) == ("withhold" if requester in TOLD_NOTHING else "review")
    assert word(verdict_on(INSURER, text_entry(status="entered-in-error"))) == "release"


def test_a_purpose_as_a_label_is_kept_to() -> None:
    reason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    for_care = text_entry(meta={"security": [{"system": reason, "code": "TREAT"}]})
    assert word(verdict_on(asking(Requester.OTHER_PROVIDER), for_care)) == "release"
    assert word(verdict_on(INSURER, for_care)) == "redact"
    test_data = text_entry(meta={"security": [{"system": reason, "code": "HTEST"}]})
    assert word(verdict_on(INSURER, test_data)) == "release"


def test_depth_and_breadth_are_no_problem() -> None:
    deep: Json = text_entry("R")
    for _ in range(100_000):
        deep = {"resourceType": "Observation", "x": [deep]}
    said = read(deep)
    assert {label.code for label in said.labels} == {"R"}
    assert read({"resourceType": "List", "entry": [{"item": {}}] * 50_000}).labels == frozenset()
    while deep:  # taken apart here, level by level: tearing it down at once would need the stack
        deep = deep.pop("x", [None])[0]
