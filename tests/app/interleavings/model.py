"""What the test believes about the world: launches, sessions, captures and pages, each with its one patient."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from tests.app.interleavings.ehr import Authorization, Ehr
from tests.app.interleavings.people import GP, Person, Staff

TOUCH = dt.timedelta(seconds=30)
"""The app may write down that a session was used this much later than it was."""
PENDING = dt.timedelta(minutes=10)

Sure = Literal["yes", "no", "maybe"]


@dataclass
class Pending:
    """A launch whose person is signing in."""

    ehr: Ehr
    state: str
    authorize: str
    binding: str
    begun: dt.datetime
    person: Person
    user: Staff
    standalone: bool
    made: list[tuple[Authorization, dict[str, str]]] = field(default_factory=list)
    """Every time that somebody signed in for it, and what the browser brings back."""
    touched: bool = False
    """A callback has named it: it may be spent."""
    spent: bool = False
    """A code has been traded for it: never again."""


@dataclass
class Session:
    """A launch that was completed."""

    launch: str
    ehr: Ehr
    person: Person
    user: Staff
    binding: str
    created: dt.datetime
    idle: dt.timedelta
    longest: dt.timedelta
    seen_low: dt.datetime = field(init=False)
    seen_high: dt.datetime = field(init=False)
    signed_out: bool = False
    doubtful: bool = False
    """Its EHR was unhelpful or its tokens died: from then on it may say so on any page."""

    def __post_init__(self) -> None:
        self.seen_low = self.seen_high = self.created

    @property
    def key(self) -> tuple[str, str, str]:
        """Whose unfinished work this launch may see."""
        return (self.ehr.name, self.person.id, self.user.id)

    @property
    def clinician(self) -> bool:
        return self.user.job == GP

    def usable(self, binding: str | None, now: dt.datetime) -> Sure:
        """Whether a browser with this cookie may use it now."""
        over = now >= self.created + self.longest or now >= self.seen_high + self.idle
        if self.signed_out or not binding or binding != self.binding or over:
            return "no"
        return "yes" if now < self.seen_low + self.idle - TOUCH else "maybe"

    def expired(self, now: dt.datetime) -> bool:
        """Whether time alone has ended it."""
        return now >= self.created + self.longest or now >= self.seen_high + self.idle

    def why_over(self, now: dt.datetime) -> str:
        return "lasted its longest" if now >= self.created + self.longest else "expired"

    def used(self, sure: Sure, now: dt.datetime) -> None:
        """A request of its own browser came."""
        if sure != "no":
            self.seen_high = now
        if sure == "yes":
            self.seen_low = now


@dataclass
class Capture:
    """Pictures and answers under way: of one user, for one patient, at one EHR."""

    id: str
    key: tuple[str, str, str]
    person: Person
    images: list[str] = field(default_factory=list)
    over: bool = False
    """Somebody has pressed the button that files or discards it."""
    confirmed: bool = False
    """A form that carried this very patient has told the app to file it."""


@dataclass(frozen=True)
class Page:
    """What a page that was shown would send with its forms."""

    session: Session
    csrf: str
    csrf_cookie: str
    patient: str
    identity: str
    corrected: int
    """How often the EHR had corrected the patient's details when it was shown."""
    shown: dt.datetime
    capture: Capture | None
