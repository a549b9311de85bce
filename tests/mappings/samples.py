"""Examples and Hypothesis strategies for everything that the mappings write. No person in here is real."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from mappings.model.consent import (
    LEGAL_AUTHORITY,
    PARENTAL,
    AlsoAsked,
    Assessment,
    ChildView,
    ConsentAnswer,
    ConsentForm,
    ConsentGiver,
    ConsentScope,
    Grantor,
    Override,
    PhotoConsent,
    ScopeDecision,
)
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.filing import ConsultationNote, LabelledImage
from mappings.model.identifiers import CaptureId, ImageId, Reference, Sha256
from mappings.model.images import Arrival, BodySite, CleanImage, Laterality, Photographer
from mappings.model.labels import Intimacy, Label, Source, image_labels
from mappings.r4.elements import string
from mappings.terminology.body_sites import body_sites
from mappings.terminology.labels import known_labels

Json = dict[str, Any]

NOW = dt.datetime(2026, 11, 20, 9, 30, 1, 250000, tzinfo=dt.UTC)

PATIENT = Reference("Patient/p1")
CLINICIAN = Reference("Practitioner/gp-1")
CAPTURE = CaptureId("cap-6f1d")

INTIMATE = image_labels(intimacy=Intimacy.INTIMATE, private_site=False, source=Source.PATIENT)
ORDINARY = image_labels(intimacy=Intimacy.NO, private_site=False, source=Source.PATIENT)


def clean_image(**changes: Any) -> CleanImage:
    values: dict[str, Any] = {
        "image_id": ImageId("img-91c2"),
        "content": b"\xff\xd8 not a real picture \xff\xd9",
        "content_type": "image/jpeg",
        "width": 1600,
        "height": 1200,
        "sha256": Sha256("c" * 64),
        "sha256_received": Sha256("e" * 64),
        "thumbnail": b"",
    }
    return CleanImage(**(values | changes))


def labelled_image(**changes: Any) -> LabelledImage:
    values: dict[str, Any] = {
        "image": clean_image(),
        "labels": ORDINARY,
        "capture_id": CAPTURE,
        "patient": PATIENT,
        "encounter": Reference("Encounter/e1"),
        "site": body_sites()["14975008"].site,
        "laterality": Laterality.LEFT,
        "purpose": "Rash for two weeks, is it spreading?",
        "arrival": Arrival.OUR_LINK,
        "photographer": Photographer.PATIENT,
        "recorded_by": CLINICIAN,
        "recorded_at": NOW,
        "captured": dt.date(2026, 11, 19),
        "show_online": True,
        "policy_version": "strict-mdu-nhs 1.0",
    }
    return LabelledImage(**(values | changes))


def decided(at: dt.datetime = NOW, **answers: ConsentAnswer) -> tuple[ScopeDecision, ...]:
    """One decision for each scope that is named and was asked, e.g. `decided(store=ConsentAnswer.REFUSED)`."""
    return tuple(
        ScopeDecision(ConsentScope(name.replace("_", "-")), answer, at)
        for name, answer in answers.items()
        if answer is not ConsentAnswer.NOT_ASKED
    )


def photo_consent(
    *, receive: ConsentAnswer = ConsentAnswer.GIVEN, store: ConsentAnswer = ConsentAnswer.GIVEN, **changes: Any
) -> PhotoConsent:
    values: dict[str, Any] = {
        "capture_id": CAPTURE,
        "patient": PATIENT,
        "recorded_by": CLINICIAN,
        "recorded_at": NOW,
        "decisions": decided(receive=receive, store=store),
        "form": ConsentForm.VERBAL,
        "understood": True,
        "policy_version": "strict-mdu-nhs 1.0",
    }
    return PhotoConsent(**(values | changes))


def consultation_note(**changes: Any) -> ConsultationNote:
    values: dict[str, Any] = {
        "capture_id": CAPTURE,
        "patient": PATIENT,
        "encounter": Reference("Encounter/e1"),
        "author": CLINICIAN,
        "author_display": "Dr Amara Test",
        "recorded_at": NOW,
        "text": "Photograph seen.\nErythema on the left forearm, 3 cm. Advice given.",
        "labels": ORDINARY,
    }
    return ConsultationNote(**(values | changes))


# ---------------------------------------------------------------------------------------------- strategies

ids = st.from_regex(r"[A-Za-z0-9.-]{1,64}", fullmatch=True)
texts = st.text(max_size=80).map(string)
pasted = st.text(st.characters(), max_size=80)
"""What people paste: control characters, no-break spaces, halves of surrogate pairs."""
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
instants = st.datetimes(
    NOW.replace(year=1900, tzinfo=None),
    NOW.replace(year=3000, tzinfo=None),
    timezones=offsets,
)
sites = st.sampled_from([listed.site for listed in body_sites().values()]) | st.builds(
    BodySite, code=st.just(""), display=texts.map(str.strip).filter(bool)
)
label_sets = st.lists(
    st.sampled_from([words.label for words in known_labels().values() if not words.retired])
    | st.builds(Label, system=st.just("urn:example:labels"), code=ids),
    min_size=1,
    max_size=6,
    unique=True,
).map(tuple)


def references(*types: str) -> st.SearchStrategy[Reference]:
    return st.builds(lambda kind, id: Reference(f"{kind}/{id}"), st.sampled_from(types), ids)


clean_images = st.builds(
    clean_image,
    image_id=ids.map(ImageId),
    content=st.binary(min_size=1, max_size=64),
    content_type=st.sampled_from(["image/jpeg", "image/png"]),
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True).map(Sha256),
    sha256_received=st.from_regex(r"[0-9a-f]{64}", fullmatch=True).map(Sha256),
)

labelled_images = st.builds(
    LabelledImage,
    image=clean_images,
    labels=label_sets,
    capture_id=ids.map(CaptureId),
    patient=references("Patient"),
    encounter=st.none() | references("Encounter"),
    site=sites,
    laterality=st.none() | st.sampled_from(Laterality),
    purpose=texts,
    arrival=st.sampled_from(Arrival),
    photographer=st.sampled_from(Photographer),
    recorded_by=references("Practitioner", "PractitionerRole"),
    recorded_at=instants,
    captured=st.none() | st.dates(dt.date(1900, 1, 1)) | instants,
    show_online=st.none() | st.booleans(),
    policy_version=texts.filter(str.strip),
)

SAID = (ConsentAnswer.GIVEN, ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)

words = texts.map(str.strip).filter(bool)
typed = st.just("") | words
codes = st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)
clinicians = references("Practitioner", "PractitionerRole")

scope_decisions = st.builds(
    ScopeDecision,
    scope=st.sampled_from(ConsentScope),
    answer=st.sampled_from(SAID),
    at=instants,
    by=st.none() | references("Patient", "Practitioner"),
    right=st.none() | st.sampled_from(Grantor),
    form=st.none() | st.sampled_from(ConsentForm),
)

also_asked = st.builds(
    AlsoAsked,
    right=st.sampled_from([*PARENTAL, *LEGAL_AUTHORITY]),
    answer=st.sampled_from(SAID),
    name=typed,
    relationship=typed,
)

givers = st.builds(
    ConsentGiver,
    right=st.sampled_from(Grantor),
    name=typed,
    relationship=typed,
    evidence=typed,
    authority_covers=st.none() | st.booleans(),
)

assessments = st.builds(
    Assessment,
    about=st.sampled_from(["capacity", "gillick", "best-interests"]),
    outcome=st.none() | st.booleans(),
    words=typed,
    assessor=clinicians,
    at=instants,
)

overrides = st.builds(
    Override,
    of=st.sampled_from(["child-objects", "without-parent"]),
    reason=typed,
    by=clinicians,
    second=st.none() | clinicians,
    urgent=st.booleans(),
    at=instants,
)

consents = st.builds(
    PhotoConsent,
    capture_id=ids.map(CaptureId),
    patient=references("Patient"),
    recorded_by=clinicians,
    recorded_at=instants,
    decisions=st.lists(scope_decisions, max_size=12).map(tuple),
    form=st.none() | st.sampled_from(ConsentForm),
    understood=st.booleans(),
    policy_version=words,
    private=st.booleans(),
    giver=givers,
    also=st.lists(also_asked, max_size=3).map(tuple),
    explained=st.lists(codes, max_size=3).map(tuple),
    template=typed,
    more_wanted=st.none() | st.booleans(),
    record_told=st.booleans(),
    child_view=st.none() | st.sampled_from(ChildView),
    child_words=typed,
    parents_involved=typed,
    assessments=st.lists(assessments, max_size=3).map(tuple),
    overrides=st.lists(overrides, max_size=2).map(tuple),
    legal_basis=st.lists(st.sampled_from(["gdpr-6-1-e", "gdpr-9-2-h"]) | codes, max_size=3).map(tuple),
)

grounds = st.lists(st.builds(Ground, code=codes, text=words, source=typed), max_size=2).map(tuple)

decision_records = st.builds(
    DecisionRecord,
    pack=words,
    images=st.lists(
        st.builds(
            DecidedImage,
            image_id=ids.map(ImageId),
            verdict=st.sampled_from(["store", "describe", "discard"]),
            grounds=grounds,
        ),
        max_size=2,
    ).map(tuple),
    answers=st.lists(
        st.builds(Answered, question=codes, value=words, image_id=st.none() | ids.map(ImageId)), max_size=4
    ).map(tuple),
    warnings=grounds,
    flags=st.lists(codes, max_size=3).map(tuple),
    second_person=st.none() | clinicians,
    urgent=st.booleans(),
    urgent_reason=typed,
)

notes = st.builds(
    ConsultationNote,
    capture_id=ids.map(CaptureId),
    patient=references("Patient"),
    encounter=st.none() | references("Encounter"),
    author=references("Practitioner", "PractitionerRole"),
    author_display=texts.map(str.strip).filter(bool),
    recorded_at=instants,
    text=st.text(min_size=1).filter(str.strip),
    labels=label_sets,
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)


@st.composite
def damaged(draw: Callable[[st.SearchStrategy[Any]], Any], resource: Json) -> Json:
    """The resource with one to four of its parts, anywhere, replaced by something else, repeated or removed."""
    broken: Json = _copy(resource)
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = broken
        while True:
            keys = [key for key in holder if key != "resourceType"] if isinstance(holder, dict) else range(len(holder))
            if not keys:
                break
            key = draw(st.sampled_from(list(keys)))
            inner = holder[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                holder = inner
                continue
            action = draw(st.sampled_from(["replace", "remove", "repeat"]))
            if action == "remove":
                del holder[key]
            else:
                holder[key] = draw(json_values) if action == "replace" else [inner, _copy(inner)]
            break
    return broken


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
