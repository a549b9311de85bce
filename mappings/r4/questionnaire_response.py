"""How one capture was decided: the conversation, the answers, the policy and its verdicts (R4 QuestionnaireResponse).

R4 lets a Consent name the QuestionnaireResponse that it comes from (`Consent.source[x]`), and no other resource of R4
holds questions with their answers. Assessments of capacity or competence stand here and not in Observations: they are
about one decision, and would be read as findings about the patient anywhere else (ADR 16). Its form is published in
`mappings/profiles/questionnaires`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

from mappings.model.consent import Assessment, ChildView, Override, PhotoConsent
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.labels import CONFIDENTIALITY, RESTRICTED, VERY_RESTRICTED, Label
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable
from mappings.terminology import systems
from mappings.terminology.consent import CHILD_VIEW_WORDS

VERSION: Final = "1.0.0"
CANONICAL: Final = f"{systems.DECISION_QUESTIONNAIRE}|{VERSION}"


@dataclass(frozen=True)
class RecordedDecision:
    """What a QuestionnaireResponse of ours says, but the conversation, which `with_conversation` gives."""

    capture_id: CaptureId
    patient: Reference
    author: Reference
    recorded_at: dt.datetime
    labels: tuple[Label, ...]
    decision: DecisionRecord


@cache
def questionnaire() -> Json:
    """Our Questionnaire as it is published."""
    text = resources.files("mappings.profiles") / "questionnaires" / "photograph-decision.json"
    read: Json = json.loads(text.read_bytes())
    return read


def decision_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """The labels of the images, and always at least restricted.

    The answers say whether somebody raised a concern, could speak freely, or did not want a parent told (G-R98,
    G-R311). Were it restricted only then, the label itself would tell.
    """
    if RESTRICTED in labels or VERY_RESTRICTED in labels:
        return tuple(labels)
    return (RESTRICTED, *(label for label in labels if label.system != CONFIDENTIALITY))


def to_questionnaire_response(
    decision: DecisionRecord,
    consent: PhotoConsent,
    *,
    labels: Sequence[Label],
    encounter: Reference | None = None,
    id: str | None = None,
) -> Json:
    """The decision about one capture, with the conversation that `consent` came from.

    `labels`: those of the images; see `decision_labels`. Raises `NotMappable` for an instant without an offset or a
    label that cannot be written.
    """
    response: Json = {"resourceType": "QuestionnaireResponse"}
    if id is not None:
        response["id"] = id
    response["meta"] = elements.meta(decision_labels(labels), consent.capture_id)
    response["identifier"] = {"system": systems.DECISION, "value": consent.capture_id}
    response["questionnaire"] = CANONICAL
    response["status"] = "completed"
    response["subject"] = elements.reference(consent.patient)
    if encounter is not None:
        response["encounter"] = elements.reference(encounter)
    response["authored"] = elements.instant(consent.recorded_at)
    response["author"] = elements.reference(consent.recorded_by)
    items = [
        _string("policy", decision.pack),
        _group("conversation", _conversation(consent)),
        *(_group("assessment", _assessment(each)) for each in consent.assessments),
        *(_group("override", _override(each)) for each in consent.overrides),
        *(_group("image", _image(each)) for each in decision.images),
        *(_group("warning", _ground("warning", each)) for each in decision.warnings),
        _strings("flag", decision.flags),
        _reference("second-person", decision.second_person),
        _boolean("urgent", decision.urgent),
        _string("urgent-reason", decision.urgent_reason),
        *(_group("answer", _answer(each)) for each in decision.answers),
    ]
    response["item"] = [item for item in items if item]
    return response


def from_questionnaire_response(json: object) -> RecordedDecision:
    """A decision of ours.

    Raises `NotReadable`: wrong-type; not-ours, when our identifier, the patient, the author, the moment or the policy
    is missing; entered-in-error; not-in-force, when it is not completed.
    """
    response = _ours(json)
    patient = elements.reference_of(response.get("subject"))
    author = elements.reference_of(response.get("author"))
    recorded_at = elements.parse_instant(response.get("authored"))
    capture_id = elements.identifier_in(response, systems.DECISION)
    pack = _text_in(response, "policy")
    if patient is None or author is None or recorded_at is None or capture_id is None or not pack:
        raise NotReadable("a decision that this app did not write", code="not-ours")
    return RecordedDecision(
        capture_id=CaptureId(capture_id),
        patient=patient,
        author=author,
        recorded_at=recorded_at,
        labels=elements.labels_of(response),
        decision=DecisionRecord(
            pack=pack,
            images=tuple(
                DecidedImage(
                    ImageId(_text_in(each, "image.id")),
                    _text_in(each, "image.verdict"),
                    tuple(_read_ground("image.ground", ground) for ground in _items(each, "image.ground")),
                )
                for each in _items(response, "image")
            ),
            answers=tuple(
                Answered(
                    _text_in(each, "answer.question"),
                    _text_in(each, "answer.value"),
                    ImageId(_text_in(each, "answer.image")) if _text_in(each, "answer.image") else None,
                )
                for each in _items(response, "answer")
            ),
            warnings=tuple(_read_ground("warning", each) for each in _items(response, "warning")),
            flags=tuple(
                text for each in _answers(response, "flag") if (text := elements.text_of(each.get("valueString")))
            ),
            second_person=_reference_in(response, "second-person"),
            urgent=_boolean_in(response, "urgent") is True,
            urgent_reason=_text_in(response, "urgent-reason"),
        ),
    )


def with_conversation(consent: PhotoConsent, json: object) -> PhotoConsent:
    """The consent with what was said on the way to it.

    Raises `NotReadable` as `from_questionnaire_response`, and not-ours for the decision of another capture or patient.
    """
    recorded = from_questionnaire_response(json)
    if (recorded.capture_id, recorded.patient) != (consent.capture_id, consent.patient):
        raise NotReadable("a decision about another capture or patient", code="not-ours")
    response = elements.object_of(json)
    talk = next(_items(response, "conversation"), {})
    view = elements.code_in({"coding": _value(talk, "conversation.child-view", "valueCoding")}, systems.CHILD_VIEW)
    return replace(
        consent,
        giver=replace(
            consent.giver,
            evidence=_text_in(talk, "conversation.evidence"),
            authority_covers=_boolean_in(talk, "conversation.authority-covers"),
        ),
        more_wanted=_boolean_in(talk, "conversation.more-wanted"),
        record_told=_boolean_in(talk, "conversation.record-told") is True,
        child_view=ChildView(view) if view in set(ChildView) else None,
        child_words=_text_in(talk, "conversation.child-words"),
        parents_involved=_text_in(talk, "conversation.parents"),
        assessments=tuple(_read_assessments(response)),
        overrides=tuple(_read_overrides(response)),
    )


# ------------------------------------------------------------------------------------------------ writing


def _conversation(consent: PhotoConsent) -> list[Json]:
    giver, view = consent.giver, consent.child_view
    items = [
        _boolean("conversation.more-wanted", consent.more_wanted),
        _boolean("conversation.record-told", consent.record_told),
        _string("conversation.evidence", giver.evidence),
        _boolean("conversation.authority-covers", giver.authority_covers),
    ]
    if view is not None:
        coding = elements.coding(systems.CHILD_VIEW, view.value, CHILD_VIEW_WORDS[view])
        items.append(_item("conversation.child-view", [{"valueCoding": coding}]))
    items += [
        _string("conversation.child-words", consent.child_words),
        _string("conversation.parents", consent.parents_involved),
    ]
    return items


def _assessment(assessment: Assessment) -> list[Json]:
    return [
        _string("assessment.about", assessment.about),
        _boolean("assessment.outcome", assessment.outcome),
        _string("assessment.words", assessment.words),
        _reference("assessment.assessor", assessment.assessor),
        _moment("assessment.at", assessment.at),
    ]


def _override(override: Override) -> list[Json]:
    return [
        _string("override.of", override.of),
        _string("override.reason", override.reason),
        _reference("override.by", override.by),
        _reference("override.second", override.second),
        _boolean("override.urgent", override.urgent),
        _moment("override.at", override.at),
    ]


def _image(image: DecidedImage) -> list[Json]:
    return [
        _string("image.id", image.image_id),
        _string("image.verdict", image.verdict),
        *(_group("image.ground", _ground("image.ground", each)) for each in image.grounds),
    ]


def _ground(link_id: str, ground: Ground) -> list[Json]:
    return [
        _string(f"{link_id}.code", ground.code),
        _string(f"{link_id}.text", ground.text),
        _string(f"{link_id}.source", ground.source),
    ]


def _answer(answered: Answered) -> list[Json]:
    return [
        _string("answer.question", answered.question),
        _string("answer.value", answered.value),
        _string("answer.image", answered.image_id or ""),
    ]


@cache
def _texts() -> dict[str, str]:
    def walk(items: Iterable[Json]) -> Iterator[tuple[str, str]]:
        for item in items:
            yield item["linkId"], item["text"]
            yield from walk(item.get("item", ()))

    return dict(walk(questionnaire()["item"]))


def _item(link_id: str, answers: list[Json]) -> Json:
    return {"linkId": link_id, "text": _texts()[link_id], "answer": answers} if answers else {}


def _group(link_id: str, items: Iterable[Json]) -> Json:
    found = [item for item in items if item]
    return {"linkId": link_id, "text": _texts()[link_id], "item": found} if found else {}


def _string(link_id: str, text: str) -> Json:
    return _strings(link_id, (text,))


def _strings(link_id: str, texts: Iterable[str]) -> Json:
    return _item(link_id, [{"valueString": written} for text in texts if (written := elements.string(text).strip())])


def _boolean(link_id: str, value: bool | None) -> Json:
    return _item(link_id, [{"valueBoolean": value}] if value is not None else [])


def _reference(link_id: str, target: Reference | None) -> Json:
    return _item(link_id, [{"valueReference": elements.reference(target)}] if target is not None else [])


def _moment(link_id: str, moment: dt.datetime) -> Json:
    return _item(link_id, [{"valueDateTime": elements.instant(moment)}])


# ------------------------------------------------------------------------------------------------ reading


def _ours(json: object) -> Json:
    response = elements.resource_of_type(json, "QuestionnaireResponse")
    status = elements.text_of(response.get("status"))
    if status == "entered-in-error":
        raise NotReadable("a decision that was entered in error", code="entered-in-error")
    if status not in ("completed", "amended"):
        raise NotReadable("a decision that is not completed", code="not-in-force")
    return response


def _items(node: Json, link_id: str) -> Iterator[Json]:
    return (item for item in elements.objects_of(node.get("item")) if item.get("linkId") == link_id)


def _answers(node: Json, link_id: str) -> Iterator[Json]:
    return (answer for item in _items(node, link_id) for answer in elements.objects_of(item.get("answer")))


def _value(node: Json, link_id: str, kind: str) -> object:
    """The one value; None where there is none, or more than one."""
    values = [answer[kind] for answer in _answers(node, link_id) if kind in answer]
    return values[0] if len(values) == 1 else None


def _text_in(node: Json, link_id: str) -> str:
    return elements.text_of(_value(node, link_id, "valueString"))


def _boolean_in(node: Json, link_id: str) -> bool | None:
    value = _value(node, link_id, "valueBoolean")
    return value if isinstance(value, bool) else None


def _reference_in(node: Json, link_id: str) -> Reference | None:
    return elements.reference_of(_value(node, link_id, "valueReference"))


def _read_ground(link_id: str, node: Json) -> Ground:
    return Ground(*(_text_in(node, f"{link_id}.{part}") for part in ("code", "text", "source")))


def _read_assessments(response: Json) -> Iterator[Assessment]:
    for each in _items(response, "assessment"):
        assessor = _reference_in(each, "assessment.assessor")
        at = elements.parse_instant(_value(each, "assessment.at", "valueDateTime"))
        if assessor is not None and at is not None:
            outcome = _boolean_in(each, "assessment.outcome")
            about, words = _text_in(each, "assessment.about"), _text_in(each, "assessment.words")
            yield Assessment(about, outcome, words, assessor, at)


def _read_overrides(response: Json) -> Iterator[Override]:
    for each in _items(response, "override"):
        by = _reference_in(each, "override.by")
        at = elements.parse_instant(_value(each, "override.at", "valueDateTime"))
        if by is not None and at is not None:
            second, urgent = _reference_in(each, "override.second"), _boolean_in(each, "override.urgent") is True
            of, reason = _text_in(each, "override.of"), _text_in(each, "override.reason")
            yield Override(of, reason, by, second, urgent, at)
