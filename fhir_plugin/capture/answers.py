"""The clinician's answers: kept as typed, whatever they are, and read only when something is decided on them.

Each answer has the name of a field of `Situation` and of its question in the policy's catalogue. A few are the
capture's own: which day, which side, whether the patient's online record shows it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from mappings.model.identifiers import ImageId
from mappings.model.images import Arrival, Laterality
from mappings.model.labels import Intimacy
from mappings.model.situation import Situation, Wish

FACTS = frozenset(
    {
        "birth_date",
        "today",
        "deceased",
        "captured_on",
        "modality",
        "looks_like_screen",
        "requested",
        "preauthorised_private",
        "private_site",
        "open_concern",
        "second_person",
        "record_changed",
        "said_intimate_before",
        "patient_receive",
        "patient_store",
        "other_uses_shut",
        "site_known",
    }
)
"""What a situation holds that nobody answers on the form: it is read from the record, the pictures or the worklist."""

FORM_NAMES: Mapping[str, str] = {"site_known": "site", "wish": "decision"}
"""Questions whose form field is called otherwise: the site itself, and the decision of the card."""

PER_IMAGE = ("site_known", "wish", "face_to_face", "store_justification", "discard_reason")
"""Questions that each picture answers for itself (G-R51, G-R171)."""

IMAGE_FIELDS = ("site", "laterality", "decision", "face_to_face", "store_justification", "discard_reason", "purpose")
"""Form fields of one picture, named `field-<image id>`. `purpose`: where it differs from that of the whole set."""

_OWN_FIELDS = ("taken_on", "taken_unknown", "show_online")
_FIRST = (
    "purpose",
    "arrival",
    "taken_on",
    "taken_unknown",
    "consent_receive",
    "consent_store",
    "consent_form",
    "understood",
    "photographer",
    "identity",
    "identity_reason",
    "device",
    "only_area",
    "uncropped_reason",
    "capacity_doubt",
    "intimacy",
    "intimacy_cleared_reason",
    "patient_says_private",
    "face_to_face",
    "findings",
    "advice",
    "note_elsewhere",
    "show_online",
)
_ANSWERED = tuple(each.name for each in fields(Situation) if each.name not in FACTS)
SHARED_FIELDS = (*_FIRST, *(name for name in _ANSWERED if name not in (*_FIRST, *PER_IMAGE)))
"""Form fields of the whole capture, in the order of the page."""

LONGEST: Mapping[str, int] = {"purpose": 500, "findings": 4000, "advice": 4000}
LONGEST_WORDS = 2000
"""Most characters of what is written down (`LONGEST` where a question has its own). Longer text is kept as typed and
sent back to be shortened, never cut."""


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

    @property
    def digest(self) -> str:
        """Changes when any answer does; what is empty was never said."""
        shared = {name: said for name, said in self.shared.items() if said}
        own = {image: kept for image, said in self.per_image.items() if (kept := {n: v for n, v in said.items() if v})}
        return hashlib.sha256(json.dumps([shared, own], sort_keys=True).encode()).hexdigest()[:32]

    def said(self, name: str, image: ImageId | None = None) -> str:
        """What stands in one field, without blanks around it; of the picture where it has one of its own."""
        own = self.per_image.get(image, {}).get(name, "").strip() if image is not None else ""
        return own or self.shared.get(name, "").strip()


E = TypeVar("E", bound=StrEnum)


def _one_of(kind: type[E], text: str) -> E | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _yes_no(text: str) -> bool | None:
    return {"yes": True, "no": False}.get(text)


def _reader(hint: Any) -> Callable[[str], object]:
    """How a field of `Situation` is read from the string of a form: what is no valid answer is no answer."""
    optional = NoneType in get_args(hint)
    kind = next((each for each in get_args(hint) if each is not NoneType), hint)
    if kind is bool:
        return _yes_no if optional else (lambda text: text == "yes")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        chosen = kind
        return lambda text: _one_of(chosen, text)
    return lambda text: text


_HINTS = get_type_hints(Situation)
_READERS: Mapping[str, Callable[[str], object]] = {
    name: _reader(_HINTS[name]) for name in _ANSWERED if name != "site_known"
}


def read_situation(answers: Answers, image: ImageId | None) -> dict[str, Any]:
    """The answers about one picture (None: about the capture before there is one) as fields of `Situation`.

    None or "" where nothing, or nothing valid, was said: no default is ever a yes.
    """
    return {name: read(answers.said(FORM_NAMES.get(name, name), image)) for name, read in _READERS.items()}


@dataclass(frozen=True)
class OwnAnswers:
    """What only the capture asks. `taken_on` None: not said, or not a day of the calendar."""

    taken_on: dt.date | None
    taken_unknown: bool
    arrival: Arrival | None
    show_online: bool | None


@dataclass(frozen=True)
class ImageAnswers:
    site: str | None
    laterality: Laterality | None
    choice: Wish | None


def read_own(answers: Answers) -> OwnAnswers:
    return OwnAnswers(
        taken_on=_day(answers.said("taken_on")),
        taken_unknown=answers.said("taken_unknown") == "yes",
        arrival=_one_of(Arrival, answers.said("arrival")),
        show_online=_yes_no(answers.said("show_online")),
    )


def read_image(answers: Answers, image: ImageId) -> ImageAnswers:
    own = answers.per_image.get(image, {})
    return ImageAnswers(
        site=own.get("site", "").strip() or None,
        laterality=_one_of(Laterality, own.get("laterality", "").strip()),
        choice=_one_of(Wish, own.get("decision", "").strip()),
    )


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def says_intimate(answers: Answers) -> bool:
    """Whether the clinician now says that it is intimate, or private to the patient (G-R172)."""
    return _one_of(Intimacy, answers.said("intimacy")) in (Intimacy.INTIMATE, Intimacy.PRIVATE)
