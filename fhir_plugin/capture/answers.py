"""The clinician's answers: kept as typed, whatever they are, and read only when something is decided on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from mappings.model.consent import ConsentAnswer, ConsentForm
from mappings.model.identifiers import ImageId
from mappings.model.images import Arrival, Laterality, Photographer
from mappings.model.labels import Intimacy

SHARED_FIELDS = (
    "purpose",
    "face_to_face",
    "arrival",
    "taken_on",
    "taken_unknown",
    "consent_receive",
    "consent_store",
    "consent_form",
    "understood",
    "photographer",
    "identity",
    "capacity_doubt",
    "intimacy",
    "findings",
    "advice",
    "note_elsewhere",
    "show_online",
)
IMAGE_FIELDS = ("site", "laterality", "decision")
LONGEST: Mapping[str, int] = {"purpose": 500, "findings": 4000, "advice": 4000}
"""Most characters of what is written down. Longer text is kept as typed and sent back to be shortened, never cut."""


class Identity(StrEnum):
    """How the clinician knows whose picture it is (G-R123)."""

    IN_PERSON = "in-person"
    KNOWN = "known"
    DATE_OF_BIRTH = "date-of-birth"
    VIDEO = "video"
    NHS_LOGIN = "nhs-login"
    NOT_POSSIBLE = "not-possible"


class Choice(StrEnum):
    """What the clinician wants done with one image (G-R154: no default)."""

    STORE = "store"
    DESCRIBE = "describe"
    DISCARD = "discard"


@dataclass(frozen=True)
class Answers:
    """Exactly the strings of the form. Nothing typed is ever dropped because something else is wrong."""

    shared: Mapping[str, str] = field(default_factory=dict, repr=False)
    per_image: Mapping[ImageId, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def with_form(self, form: Mapping[str, str], images: tuple[ImageId, ...]) -> Answers:
        """These answers with those of `form` on top. Fields that the form does not name stay as they were.

        Per-image fields are named `site-<image id>`; fields of images that are not in this capture are ignored.
        Check boxes that are sent empty (`field=`) are thereby cleared.
        """
        shared = dict(self.shared)
        for name in SHARED_FIELDS:
            if name in form:
                shared[name] = form[name]
        per_image = {image: dict(self.per_image.get(image, {})) for image in images}
        for image in images:
            for name in IMAGE_FIELDS:
                key = f"{name}-{image}"
                if key in form:
                    per_image[image][name] = form[key]
        return Answers(shared, per_image)


@dataclass(frozen=True)
class SharedAnswers:
    """The same, read: None where nothing (or nothing valid) was said. No default is ever a yes."""

    purpose: str = field(repr=False)
    face_to_face: bool | None
    arrival: Arrival | None
    taken_on: dt.date | None
    taken_unknown: bool
    consent_receive: ConsentAnswer | None
    consent_store: ConsentAnswer | None
    consent_form: ConsentForm | None
    understood: bool | None
    photographer: Photographer | None
    identity: Identity | None
    capacity_doubt: bool
    intimacy: Intimacy | None
    findings: str = field(repr=False)
    advice: str = field(repr=False)
    note_elsewhere: bool = False
    show_online: bool | None = None


@dataclass(frozen=True)
class ImageAnswers:
    site: str | None
    laterality: Laterality | None
    choice: Choice | None


E = TypeVar("E", bound=StrEnum)


def _one_of(kind: type[E], text: str) -> E | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _yes_no(text: str) -> bool | None:
    return {"yes": True, "no": False}.get(text)


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def read_shared(answers: Answers) -> SharedAnswers:
    get: Callable[[str], str] = lambda name: answers.shared.get(name, "").strip()  # noqa: E731
    return SharedAnswers(
        purpose=get("purpose"),
        face_to_face=_yes_no(get("face_to_face")),
        arrival=_one_of(Arrival, get("arrival")),
        taken_on=_day(get("taken_on")),
        taken_unknown=get("taken_unknown") == "yes",
        consent_receive=_one_of(ConsentAnswer, get("consent_receive")),
        consent_store=_one_of(ConsentAnswer, get("consent_store")),
        consent_form=_one_of(ConsentForm, get("consent_form")),
        understood=_yes_no(get("understood")),
        photographer=_one_of(Photographer, get("photographer")),
        identity=_one_of(Identity, get("identity")),
        capacity_doubt=get("capacity_doubt") == "yes",
        intimacy=_one_of(Intimacy, get("intimacy")),
        findings=get("findings"),
        advice=get("advice"),
        note_elsewhere=get("note_elsewhere") == "yes",
        show_online=_yes_no(get("show_online")),
    )


def read_image(answers: Answers, image: ImageId) -> ImageAnswers:
    said = answers.per_image.get(image, {})
    return ImageAnswers(
        site=said.get("site", "").strip() or None,
        laterality=_one_of(Laterality, said.get("laterality", "").strip()),
        choice=_one_of(Choice, said.get("decision", "").strip()),
    )
