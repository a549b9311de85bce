"""What the patient's page is told: where this browser stands, and no more than it may know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.requests.link import MOST_BIRTH_DATES
from fhir_plugin.capture.requests.request import WITH_PATIENT, Asked, Needs, PhotoRequest, RequestState, Said
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.identifiers import ImageId
from mappings.model.images import Geometry

CHILD = 18
"""Below this age it is an image of a child (X12)."""
UNDER_16 = 16


class Stage(StrEnum):
    """Which page the patient sees."""

    CHECK = "check"
    """Information and the date of birth come first."""
    ELSEWHERE = "elsewhere"
    """Opened on another phone: ring us."""
    OPEN = "open"
    SENT = "sent"
    """Confirmed; may be taken back until `Visit.withdraw_until`."""
    CLOSED = "closed"
    """Too many wrong dates of birth: ring us."""
    OVER = "over"
    """`Visit.state` says how."""


@dataclass(frozen=True)
class Picture:
    """One picture as its page shows it. `checked` False: kept, still to be looked at by the computer."""

    image_id: ImageId
    checked: bool
    width: int
    height: int
    geometry: Geometry


@dataclass(frozen=True)
class Details:
    """What only somebody who knew the date of birth is told."""

    purpose: str = field(repr=False)
    area: str = field(repr=False)
    alternatives: str = field(repr=False)
    most_pictures: int
    private_allowed: bool
    child: bool
    """The patient is under 18 (G-R11, G-R115)."""
    under_16: bool


@dataclass(frozen=True)
class Information:
    """What everybody with the link is told: nothing in it identifies anybody."""

    practice: str
    phone: str
    asked: Asked
    needs: Needs
    expires: dt.datetime
    look_within: dt.timedelta
    """We look at photos within this time of their being sent."""
    template: str
    policy: PolicyPack = field(repr=False)
    """What happens to a picture here: kept or not, by what consent (G-R6, G-R24)."""


@dataclass(frozen=True)
class Visit:
    """Where this browser stands. `missing`: field of `Said` (or `pictures`) > a code of what is still to be said."""

    stage: Stage
    state: RequestState
    information: Information
    details: Details | None = None
    said: Said = field(default_factory=Said)
    pictures: tuple[Picture, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    tries_left: int = MOST_BIRTH_DATES
    withdraw_until: dt.datetime | None = None
    mine: bool = False
    """This browser passed the check."""


STOPS: Mapping[str, str] = {
    "private": "The patient calls the photo private, which was not agreed beforehand. Talk first.",
    "child-objects": "The child does not agree, or is not sure. Talk with the child and the parent.",
    "helper-refused": "The patient did not agree to the person who took it. Talk with the patient "
    "alone; think of safeguarding.",
    "care-worker": "A care worker took the photo. Ring, and find another way.",
    "outgrown": "A parent was asked, and the patient has reached the age at which they decide alone. Ask the patient.",
    "receive-refused": "The patient does not agree to our receiving a photo. Offer another way.",
}
"""Why the page stopped, in words for whoever rings."""


def picture_of(image: DraftImage) -> Picture:
    return Picture(image.image_id, image.is_clean, image.width, image.height, image.geometry)


def pictures_of(draft: Draft | None) -> int:
    return 0 if draft is None else sum(1 for image in draft.images if image.is_clean)


def stage_of(request: PhotoRequest, *, mine: bool, now: dt.datetime) -> Stage:
    """Which page a browser sees; `mine`: it passed the check."""
    if request.state in WITH_PATIENT:
        if request.link_closed:
            return Stage.CLOSED
        if mine:
            return Stage.OPEN
        return Stage.ELSEWHERE if request.browser_digest else Stage.CHECK
    until = request.withdraw_until
    if request.state is RequestState.ANSWERED and until is not None and now <= until:
        return Stage.SENT if mine else Stage.ELSEWHERE
    return Stage.OVER
