"""One request to a patient for photographs: what was asked, where it stands, and what was said on the page.

Nothing in here knows the secret of the link. What speaks about a person is sealed by the store and hidden from `repr`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from fhir_plugin.capture.requests.necessity import Necessity
from fhir_plugin.errors import Refused
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.identifiers import CaptureId, FhirBase, LaunchId, PatientId, Reference, RequestId
from mappings.model.images import Photographer


class RequestState(StrEnum):
    """Where a request stands for people."""

    PREPARED = "prepared"
    """Every question is answered; no link exists yet."""
    SENT = "sent"
    OPENED = "opened"
    """Somebody passed the date-of-birth check."""
    SENDING = "sending"
    ANSWERED = "answered"
    """The patient pressed *send*: a capture waits for its owner."""
    DECLINED = "declined"
    CALL_ME = "call-me"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


S = RequestState

NEXT: Mapping[RequestState, frozenset[RequestState]] = {
    S.PREPARED: frozenset({S.SENT, S.CANCELLED, S.EXPIRED}),
    S.SENT: frozenset({S.SENT, S.OPENED, S.DECLINED, S.CALL_ME, S.CANCELLED, S.EXPIRED}),
    S.OPENED: frozenset({S.SENT, S.SENDING, S.DECLINED, S.CALL_ME, S.CANCELLED, S.EXPIRED}),
    S.SENDING: frozenset({S.SENT, S.ANSWERED, S.DECLINED, S.CALL_ME, S.CANCELLED, S.EXPIRED}),
    S.CALL_ME: frozenset({S.SENT, S.CANCELLED, S.EXPIRED}),
    S.ANSWERED: frozenset({S.WITHDRAWN}),
    S.DECLINED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
}
"""What may follow what. `SENT` again: a new link, the old one dead. A patient who declined is asked by a new request
with a justification of its own, not pressed by the old one (G-R27)."""

WITH_PATIENT = frozenset({S.SENT, S.OPENED, S.SENDING})
"""A link is out and waits for the patient."""

LIVE = WITH_PATIENT | {S.PREPARED, S.CALL_ME}
"""Not over: it can still expire or be cancelled."""


class Asked(StrEnum):
    """Who gets the link (G-R98): nothing of a competent child's goes to a parent's phone or proxy."""

    PATIENT = "patient"
    PARENT = "parent"
    """Somebody with parental responsibility for a child."""
    COMPETENT_CHILD = "competent-child"


class NumberConfirmed(StrEnum):
    """How the number was confirmed for this request: an abuser may know the date of birth, not be on this phone."""

    TYPED_TWICE = "typed-twice"
    READ_BACK = "read-back"


@dataclass(frozen=True)
class Needs:
    """What this patient needs in order to understand (G-R29)."""

    language: str = ""
    """BCP 47, e.g. `en` or `pl`; empty: the practice's own."""
    easy_read: bool = False
    large_print: bool = False
    interpreter: bool = False


@dataclass(frozen=True)
class Said:
    """What was said on the patient's page. None: not said. `at`: when each field was last said."""

    read: bool | None = None
    """The information was read (G-R3)."""
    private: bool | None = None
    """Is this private to you? (G-R173)"""
    receive: ConsentAnswer | None = None
    store: ConsentAnswer | None = None
    photographer: Photographer | None = None
    helper_agreed: bool | None = None
    """The patient agrees to the carer who took it (G-R336)."""
    only_area: bool | None = None
    """Only the area asked for, nobody else in it (G-R16)."""
    child_view: ChildView | None = None
    """A parent has asked the child (G-R34)."""
    taken_on: dt.date | None = None
    notes: str = field(default="", repr=False)
    at: Mapping[str, dt.datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class PhotoRequest:
    """`practice`, `purpose`, `area`, `alternatives`: in words for the patient. `template`: version of the wording."""

    request_id: RequestId
    fhir_base: FhirBase
    patient: PatientId
    patient_name: str = field(repr=False)
    """For the worklist only; the patient's page shows nothing that identifies."""
    birth_date: dt.date = field(repr=False)
    """For the check at the link."""
    asked_by: Reference
    asked_by_name: str = field(repr=False)
    launch: LaunchId
    """Of the clinician who dealt with it last: whose token writes the record."""
    practice: str = field(repr=False)
    practice_phone: str = field(repr=False)
    """Where a patient rings instead (G-R4)."""
    purpose: str = field(repr=False)
    area: str = field(repr=False)
    alternatives: str = field(repr=False)
    most_pictures: int
    created: dt.datetime
    expires: dt.datetime
    lasts: dt.timedelta
    """How long a link works; a new one as long again."""
    look_within: dt.timedelta
    withdraw_for: dt.timedelta
    """How long after sending the page takes pictures back by itself (G-R30). Later, the practice does it."""
    asked: Asked
    owner: Reference
    owner_name: str = field(repr=False)
    cover_name: str = field(repr=False)
    necessity: Necessity = field(repr=False)
    policy: str
    template: str
    cover: Reference | None = None
    """None: whoever covers has never used this app, and has only the name that was written; a name there always is."""
    private_allowed: bool = False
    """Agreed beforehand (G-R182)."""
    needs: Needs = Needs()
    parent_words: str = field(default="", repr=False)
    """Name, relationship and how parental responsibility is known."""
    own_phone: bool = False
    """A competent child's own phone, that no parent reads."""
    parents_may_know: bool = False
    """A competent child said that a parent's phone may get it, where the policy lets them be asked (X21)."""
    gillick_words: str = field(default="", repr=False)
    """Why this child under 16 is competent for this (G-R96)."""
    links: int = 0
    """How many links were made."""
    record: Reference | None = None
    """Where the record, or what stands in for it, holds this request."""
    state: RequestState = RequestState.PREPARED
    changed: dt.datetime | None = None
    """When it came to this state."""
    number: str = field(default="", repr=False)
    """Kept while it is needed; wiped when the request is over."""
    number_confirmed: NumberConfirmed | None = None
    link_digest: str = field(default="", repr=False)
    browser_digest: str = field(default="", repr=False)
    """Of the browser that passed the check; the link opens on no other."""
    birth_tries: int = 0
    link_closed: bool = False
    """Too many wrong dates of birth: the link is dead until a new one is made."""
    message: str = field(default="", repr=False)
    """What the practice's messaging was given, by its own id."""
    said: Said = Said()
    capture_id: CaptureId | None = None
    confirmed_at: dt.datetime | None = None
    verified: bool = False
    """Whoever ended it had passed the date-of-birth check."""
    reduced: bool = False
    """Over for so long that only its ids, its dates and where it stood are kept."""
    justification_digest: str = ""
    """Keyed, of a reduced one's reason: which may not be used again (G-R40)."""

    def to(self, state: RequestState, now: dt.datetime) -> PhotoRequest:
        """Raises `Refused` (code `request-state`) on a way that there is not. What is over keeps no number."""
        if state not in NEXT[self.state]:
            raise Refused("This request is no longer where you last saw it. Look again.", code="request-state")
        changed = replace(self, state=state, changed=now, verified=bool(self.browser_digest))
        return changed if state in LIVE else replace(changed, number="")

    def to_bones(self, justification_digest: str) -> PhotoRequest:
        """Without anything that somebody said or is called, and opened by nothing."""
        return replace(
            self,
            patient_name="",
            birth_date=dt.date.min,
            asked_by_name="",
            practice="",
            practice_phone="",
            purpose="",
            area="",
            alternatives="",
            owner_name="",
            cover_name="",
            necessity=Necessity(),
            needs=Needs(),
            parent_words="",
            gillick_words="",
            number="",
            link_digest="",
            browser_digest="",
            message="",
            said=Said(),
            reduced=True,
            justification_digest=justification_digest,
        )

    @property
    def over(self) -> bool:
        return not NEXT[self.state]

    @property
    def withdraw_until(self) -> dt.datetime | None:
        """Until when the page takes the pictures back by itself; None while nothing was sent."""
        return None if self.confirmed_at is None else self.confirmed_at + self.withdraw_for

    def younger_than(self, years: int, today: dt.date) -> bool:
        """Whole years; born on 29 February, a birthday falls on 1 March."""
        born = self.birth_date
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) < years

    @property
    def subject(self) -> Reference:
        return Reference(f"Patient/{self.patient}")
