"""Consent: what was agreed about the images of one capture, by whom and by what right (R4 Consent, shapes B3).

Each scope is a nested rule of its own (`consent_rules`). How it was arrived at (assessments, the child's own words,
what was seen of an authority) stands in the QuestionnaireResponse that `source` names, not here: a Consent is passed
around to say what is allowed (ADR 16). The same holds for reading: `from_consent` gives what the Consent says, and
`conversation.with_conversation` adds the rest.

No rule is about insurers or courts: the patient did not say it (G-R68). Reading fails closed: silence reads as not
asked, contradiction as refused, and a consent that is not in force gives nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mappings.model.consent import AlsoAsked, ConsentAnswer, ConsentGiver, Grantor, PhotoConsent
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.labels import ACT_CODE, NORMAL, RESTRICTED, Label, is_restricted
from mappings.r4 import elements
from mappings.r4.consent_rules import (
    form_extension,
    form_in,
    image_at,
    image_named,
    images_about,
    read_decisions,
    to_extensions,
    to_rules,
)
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable
from mappings.r4.related_person import GIVER_REFERENCE, also_id, giver_in, name_in, relationship_in, to_related_person
from mappings.terminology import systems
from mappings.terminology.consent import GRANTOR_WORDS, LEGAL_BASIS_WORDS

SOURCE_WORDS = "How this was decided"


def to_consent(
    consent: PhotoConsent,
    *,
    images: Sequence[Reference],
    named: Sequence[tuple[str, ImageId]] = (),
    id: str | None = None,
    labels: Sequence[Label] | None = None,
) -> Json:
    """The Consent of one capture about `images`, and about those that are only `named` (type and our id) so far.

    `labels`: those of the images, as the consent reveals what they show; without them restricted when
    `consent.private`, else normal. Status is active where something is given, inactive where all that was given is
    withdrawn, rejected where it was only refused, proposed where nothing was answered. Raises `NotMappable` for an
    instant without an offset.
    """
    moment = elements.instant(consent.recorded_at)
    if labels is None:
        labels = (RESTRICTED,) if consent.private else (NORMAL,)
    giver = consent.giver
    json: Json = {"resourceType": "Consent"}
    if id is not None:
        json["id"] = id
    json["meta"] = elements.meta(labels, consent.capture_id)
    persons = [to_related_person(giver, consent.patient)] if giver.is_somebody_else else []
    for number, each in enumerate(consent.also, 1):
        persons.append(to_related_person(each.giver, consent.patient, id=also_id(number)))
    if persons:
        json["contained"] = persons
    json["extension"] = _extensions(consent)
    json["identifier"] = [{"system": systems.CONSENT, "value": consent.capture_id}]
    json["status"] = _status(consent)
    json["scope"] = elements.concept(systems.CONSENT_SCOPE, "patient-privacy", "Privacy Consent")
    json["category"] = [
        elements.concept(ACT_CODE, "ICOL", "information collection"),
        elements.concept(systems.LOINC, "59284-0", "Patient Consent"),
    ]
    json["patient"] = elements.reference(consent.patient)
    json["dateTime"] = moment
    if consent.decisions or giver.is_somebody_else or giver.right is Grantor.BEST_INTERESTS:
        json["performer"] = [_performer(consent), *_performers_beside(consent)]
    json["sourceReference"] = {
        "type": "QuestionnaireResponse",
        "identifier": {"system": systems.DECISION, "value": consent.capture_id},
        "display": SOURCE_WORDS,
    }
    json["policy"] = [{"uri": elements.policy_uri(consent.policy_version)}]
    verification: Json = {"verified": consent.understood}
    if consent.understood:
        if giver.right is not Grantor.BEST_INTERESTS:
            verification["verifiedWith"] = _performer(consent)
        verification["verificationDate"] = moment
    json["verification"] = [verification]
    about = [*map(image_at, images), *(image_named(*each) for each in named)]
    rules = to_rules(consent, about)
    if rules:
        json["provision"] = {"provision": rules}
    return json


def from_consent(json: object) -> PhotoConsent:
    """A Consent of ours as it stands, without the words of the conversation; `answer` of each scope says what holds.

    Raises `NotReadable`: wrong-type; not-ours, when our identifier, patient, recorder, moment, policy or the giver's
    right is missing; entered-in-error; not-in-force, when it says permit but its status is not active.
    """
    consent = elements.resource_of_type(json, "Consent")
    status = elements.text_of(consent.get("status"))
    if status == "entered-in-error":
        raise NotReadable("a Consent that was entered in error", code="entered-in-error")
    capture_id = elements.identifier_in(consent, systems.CONSENT)
    patient = elements.reference_of(consent.get("patient"))
    recorded_by = None
    for extension in elements.extensions_of(consent, systems.RECORDED_BY_EXTENSION):
        recorded_by = recorded_by or elements.reference_of(extension.get("valueReference"))
    recorded_at = elements.parse_instant(consent.get("dateTime"))
    policy_version = next(
        (
            version
            for policy in elements.objects_of(consent.get("policy"))
            if (version := elements.policy_version_in(policy.get("uri"))) is not None
        ),
        None,
    )
    if capture_id is None or patient is None or recorded_by is None or recorded_at is None or policy_version is None:
        raise NotReadable("a Consent that this app did not write", code="not-ours")
    giver = _giver(consent, patient)
    verifications = list(elements.objects_of(consent.get("verification")))
    template, explained = _explained(consent)
    read = PhotoConsent(
        capture_id=CaptureId(capture_id),
        patient=patient,
        recorded_by=recorded_by,
        recorded_at=recorded_at,
        decisions=read_decisions(consent, recorded_at),
        form=form_in(consent),
        understood=bool(verifications) and all(each.get("verified") is True for each in verifications),
        policy_version=policy_version,
        private=is_restricted(elements.labels_of(consent)),
        giver=giver,
        also=_also(consent),
        explained=explained,
        template=template,
        legal_basis=_legal_basis(consent),
    )
    if any(read.allows(decision.scope) for decision in read.decisions) and status != "active":
        raise NotReadable("a Consent that permits but is not active", code="not-in-force")
    return read


def changed(json: object, consent: PhotoConsent) -> Json:
    """The same Consent with the decisions of `consent`: id, labels, images, version and all that others added stay.

    For a withdrawal: read, decide, write back with If-Match. Raises `NotReadable` when it is not a Consent of ours, or
    one of another capture or patient (not-ours).
    """
    before = elements.resource_of_type(json, "Consent")
    same = (elements.identifier_in(before, systems.CONSENT), elements.reference_of(before.get("patient")))
    if same != (consent.capture_id, consent.patient):
        raise NotReadable("a Consent of another capture or patient", code="not-ours")
    ours = (systems.NOT_ASKED_EXTENSION, systems.EARLIER_DECISION_EXTENSION)
    kept = [each for each in elements.objects_of(before.get("extension")) if each.get("url") not in ours]
    after: Json = {**before, "extension": [*kept, *to_extensions(consent)], "status": _status(consent)}
    after.pop("provision", None)
    rules = to_rules(consent, images_about(before))
    if rules:
        after["provision"] = {"provision": rules}
    return after


def consented_images(json: object) -> tuple[Reference, ...]:
    """The images that the rules of a Consent name by their place in the record, each once."""
    consent = elements.resource_of_type(json, "Consent")
    found: dict[Reference, None] = {}
    for data in images_about(consent):
        target = elements.reference_of(data.get("reference"))
        if target is not None:
            found[target] = None
    return tuple(found)


def named_images(json: object) -> tuple[ImageId, ...]:
    """The images that the rules of a Consent name by our identifier, each once."""
    consent = elements.resource_of_type(json, "Consent")
    named = (
        elements.identifier_in(elements.object_of(data.get("reference")), systems.IMAGE)
        for data in images_about(consent)
    )
    return tuple(dict.fromkeys(ImageId(value) for value in named if value is not None))


def _status(consent: PhotoConsent) -> str:
    answers = {consent.answer(decision.scope) for decision in consent.decisions}
    if ConsentAnswer.GIVEN in answers:
        return "active"
    if ConsentAnswer.WITHDRAWN in answers:
        return "inactive"
    return "rejected" if ConsentAnswer.REFUSED in answers else "proposed"


def _performer(consent: PhotoConsent) -> Json:
    giver = consent.giver
    if giver.is_somebody_else:
        return {"reference": GIVER_REFERENCE}
    if giver.right is not Grantor.BEST_INTERESTS:
        return elements.reference(consent.patient)
    if giver.name.strip():
        return {"display": elements.string(giver.name).strip()}
    return elements.reference(consent.recorded_by)


def _performers_beside(consent: PhotoConsent) -> list[Json]:
    """Who agreed as well; somebody who did not is no performer of it."""
    agreed = (number for number, each in enumerate(consent.also, 1) if each.answer is ConsentAnswer.GIVEN)
    return [{"reference": f"#{also_id(number)}"} for number in agreed]


def _also_asked(consent: PhotoConsent) -> list[Json]:
    return [
        {
            "url": systems.ALSO_ASKED_EXTENSION,
            "extension": [
                {"url": "who", "valueReference": {"reference": f"#{also_id(number)}"}},
                {"url": "right", "valueCode": each.right.value},
                {"url": "answer", "valueCode": each.answer.value},
            ],
        }
        for number, each in enumerate(consent.also, 1)
    ]


def _also(consent: Json) -> tuple[AlsoAsked, ...]:
    """Who was asked beside the giver; what cannot be read as an answer of somebody else is left out."""
    found = []
    for extension in elements.extensions_of(consent, systems.ALSO_ASKED_EXTENSION):
        parts = {elements.text_of(part.get("url")): part for part in elements.objects_of(extension.get("extension"))}
        who = elements.text_of(elements.object_of(parts.get("who", {}).get("valueReference")).get("reference"))
        right = elements.text_of(parts.get("right", {}).get("valueCode"))
        answer = elements.text_of(parts.get("answer", {}).get("valueCode"))
        person = giver_in(consent, id=who.removeprefix("#"))
        if right in set(Grantor) and answer in set(ConsentAnswer):
            with suppress(ValueError):
                said = (Grantor(right), ConsentAnswer(answer), name_in(person), relationship_in(person))
                found.append(AlsoAsked(*said))
    return tuple(found)


def _extensions(consent: PhotoConsent) -> list[Json]:
    right = consent.giver.right
    extensions: list[Json] = [
        {"url": systems.RECORDED_BY_EXTENSION, "valueReference": elements.reference(consent.recorded_by)},
        {
            "url": systems.GRANTOR_EXTENSION,
            "valueCoding": elements.coding(systems.GRANTOR, right.value, GRANTOR_WORDS[right]),
        },
    ]
    if consent.form is not None:
        extensions.append(form_extension(consent.form))
    template = elements.string(consent.template).strip()
    if consent.explained or template:
        parts: list[Json] = [{"url": "item", "valueString": elements.string(item)} for item in consent.explained]
        if template:
            parts.append({"url": "template", "valueString": template})
        extensions.append({"url": systems.EXPLAINED_EXTENSION, "extension": parts})
    extensions.extend(
        {
            "url": systems.LEGAL_BASIS_EXTENSION,
            "valueCoding": elements.coding(systems.LEGAL_BASIS, basis, LEGAL_BASIS_WORDS.get(basis)),
        }
        for basis in consent.legal_basis
    )
    return [*extensions, *_also_asked(consent), *to_extensions(consent)]


def _giver(consent: Json, patient: Reference) -> ConsentGiver:
    """Who consented. A Consent without our extension is of an older kind, in which only patients could answer."""
    extensions = list(elements.extensions_of(consent, systems.GRANTOR_EXTENSION))
    codes = {elements.text_of(elements.object_of(each.get("valueCoding")).get("code")) for each in extensions}
    performers = list(elements.objects_of(consent.get("performer")))
    if not extensions:
        if "contained" in consent or any(elements.reference_of(each) != patient for each in performers):
            raise NotReadable("a Consent that does not say by what right it was given", code="not-ours")
        return ConsentGiver(Grantor.PATIENT)
    code = codes.pop() if len(codes) == 1 else ""
    if code not in set(Grantor):
        raise NotReadable("a Consent that does not say by what right it was given", code="not-ours")
    right = Grantor(code)
    if right is Grantor.BEST_INTERESTS:
        named = [elements.text_of(each.get("display")) for each in performers if "reference" not in each]
        return ConsentGiver(right, name=named[0] if named else "")
    person = giver_in(consent)
    return ConsentGiver(right, name=name_in(person), relationship=relationship_in(person))


def _explained(consent: Json) -> tuple[str, tuple[str, ...]]:
    template, items = "", []
    for extension in elements.extensions_of(consent, systems.EXPLAINED_EXTENSION):
        for part in elements.objects_of(extension.get("extension")):
            value = elements.text_of(part.get("valueString"))
            if value and part.get("url") == "item":
                items.append(value)
            elif value and part.get("url") == "template":
                template = value
    return template, tuple(items)


def _legal_basis(consent: Json) -> tuple[str, ...]:
    codes = (
        elements.text_of(elements.object_of(extension.get("valueCoding")).get("code"))
        for extension in elements.extensions_of(consent, systems.LEGAL_BASIS_EXTENSION)
    )
    return tuple(code for code in codes if code)
