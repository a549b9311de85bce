"""Sending a record out: who asks and by what right, and what becomes of each resource, with a reason.

"Disclosure" is outward release only. The rows themselves (their clocks, purposes and rules) are policy, as data:
`fhir_plugin/disclose/rules.toml`.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Requester(StrEnum):
    """Who asks for the record, each with a right, a clock and rules of its own (G-R257)."""

    PATIENT = "patient"
    PATIENTS_SOLICITOR = "patients-solicitor"
    """With the patient's written authority: this is the patient's own request."""
    OTHER_SIDES_SOLICITOR = "other-sides-solicitor"
    COURT_ORDER = "court-order"
    CORONER = "coroner"
    POLICE = "police"
    INSURER = "insurer"
    DECEASED = "deceased"
    """Somebody with a right to the record of a person who has died."""
    PARENT_OR_PROXY = "parent-or-proxy"
    ATTORNEY_OR_DEPUTY = "attorney-or-deputy"
    OTHER_PROVIDER = "other-provider"
    """Somebody else who treats the patient."""
    SAFEGUARDING = "safeguarding"
    """Safeguarding partners and social care."""
    REGULATOR = "regulator"
    SECOND_OPINION = "second-opinion"
    RESEARCH = "research"


class Mode(StrEnum):
    """What stands where something was redacted."""

    MARKED = "marked"
    """A stub that says only that something is not included."""
    SILENT = "silent"
    """Nothing: for recipients whom its existence alone would tell too much."""


@dataclass(frozen=True)
class Reason:
    """`rule` is stable, `text` can be read aloud to whoever asks, `source` the guidance or law. Never content."""

    rule: str
    text: str
    source: str


class Reviewer(StrEnum):
    """Who has to look at what waits."""

    OFFICER = "officer"
    PRIVACY_OFFICER = "privacy-officer"
    """Of what is hidden in the record: the patient's request reaches it, too."""
    HEALTH_PROFESSIONAL = "health-professional"
    """Whether it would cause serious harm (Data Protection Act 2018, Schedule 3, paragraph 5)."""


@dataclass(frozen=True)
class Release:
    """It goes out as it is, with its labels."""

    reason: Reason


@dataclass(frozen=True)
class Review:
    """A person has to look first. Until then it stays out, without a stub, and is listed as waiting.

    `by`: who has to look.
    """

    reason: Reason
    by: Reviewer


@dataclass(frozen=True)
class Redact:
    """It does not go out. In `Mode.MARKED` a stub says that something is not included."""

    reason: Reason


@dataclass(frozen=True)
class Withhold:
    """It does not go out, and nothing says so in either mode."""

    reason: Reason


Verdict = Release | Review | Redact | Withhold

Judge = Callable[[Mapping[str, object]], Verdict]
"""Decides about one resource, as parsed JSON."""

OPENNESS: tuple[type[Verdict], ...] = (Withhold, Redact, Review, Release)
"""From the strictest to the most open."""


def openness(verdict: Verdict) -> int:
    """0 for the strictest, higher for what lets more out."""
    return OPENNESS.index(type(verdict))


class ConsentToRelease(StrEnum):
    """What the patient said about this release."""

    NOT_ASKED = "not-asked"
    REFUSED = "refused"
    GENERAL = "general"
    """To the release of the record, without a word about pictures or what is sensitive."""
    NAMED = "named"
    """To the release of what is sensitive, or of the pictures, by name."""


class Authority(StrEnum):
    """What has been seen of the right by which somebody asks: written authority, an order, a power of attorney."""

    NOT_SEEN = "not-seen"
    SEEN = "seen"
    """It exists; nobody has said that it reaches what is sensitive."""
    COVERS = "covers"
    """Somebody read it, and it reaches what is sensitive."""


class Competence(StrEnum):
    """Whether a patient under 16 can decide about this themselves (G-R96, G-R263). Asked for under-16s only."""

    UNKNOWN = "unknown"
    COMPETENT = "competent"
    NOT_COMPETENT = "not-competent"


class AgeBand(StrEnum):
    """The age that counts, on the day of the release."""

    UNKNOWN = "unknown"
    UNDER_16 = "under-16"
    SIXTEEN_OR_SEVENTEEN = "16-17"
    ADULT = "adult"


def age_band(born: dt.date | None, on: dt.date) -> AgeBand:
    """A birth date that is missing, partial or in the future gives `UNKNOWN`."""
    if born is None or born > on:
        return AgeBand.UNKNOWN
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if years < 16:
        return AgeBand.UNDER_16
    return AgeBand.SIXTEEN_OR_SEVENTEEN if years < 18 else AgeBand.ADULT


class Opinion(StrEnum):
    """What a health professional said about serious harm to anybody, were the patient to see this."""

    NOT_ASKED = "not-asked"
    NO_HARM = "no-harm"
    SERIOUS_HARM = "serious-harm"


@dataclass(frozen=True)
class Asked:
    """One request for a record, as far as deciding about its parts depends on it.

    `consent`, `authority`: see there. `born`: the patient's date of birth. `agrees`: the young person agrees that the
    one who asks gets this; None where nobody asked them. `concern`: a safeguarding concern about the patient is open.
    """

    requester: Requester
    on: dt.date
    consent: ConsentToRelease
    authority: Authority
    born: dt.date | None = field(default=None, repr=False)
    competence: Competence = Competence.UNKNOWN
    agrees: bool | None = None
    concern: bool = False

    @property
    def age(self) -> AgeBand:
        return age_band(self.born, self.on)


@dataclass(frozen=True)
class ItemFacts:
    """What people or our own records say about one item, beside what stands in it.

    `hidden`: hidden in the record, or kept for the audit alone (G-R260). `in_error`: somebody here said that it is of
    another patient, whatever the record says of it by now. `confided`: a competent child gave it in confidence
    (G-R263). `opinion`: about serious harm (needed before anything is kept from the patient).
    """

    hidden: bool = False
    in_error: bool = False
    confided: bool = False
    opinion: Opinion = Opinion.NOT_ASKED


@dataclass(frozen=True)
class TimeLimit:
    """How long an answer may take. None in `months` and `days`: no limit in law; `words` then say what holds.

    `months` are calendar months; `working` counts Monday to Friday without holidays. `more_months` by which it may be
    extended, with a reason, before it is over.
    """

    words: str
    source: str
    months: int | None = None
    days: int | None = None
    working: bool = False
    more_months: int = 0

    def due(self, received: dt.date, *, extended: bool = False, holidays: Collection[dt.date] = ()) -> dt.date | None:
        """The last day to answer: none in law gives None.

        A month ends on the same day of the next month, or on its last day where there is no such day; an end on a
        day off moves to the next working day (ICO, right of access: time limits). Days that an Act counts are counted
        as they stand: nothing in it moves their end.
        """
        if self.months is not None:
            end = _months_after(received, self.months + (self.more_months if extended else 0))
        elif self.days is not None and self.working:
            end = received
            for _ in range(self.days):
                end = _working_day(end + dt.timedelta(days=1), holidays)
        elif self.days is not None:
            return received + dt.timedelta(days=self.days)
        else:
            return None
        return _working_day(end, holidays)


@dataclass(frozen=True)
class RequesterRow:
    """One row: who asks, under which law, for which purpose of use (v3-ActReason), within which time.

    `silent`: this recipient may get a record in `Mode.SILENT`. `codes`: the codes that stand for this row on the
    command line.
    """

    requester: Requester
    title: str
    right: str
    purpose: str
    time_limit: TimeLimit
    silent: bool
    codes: tuple[str, ...] = ()


def _months_after(day: dt.date, months: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, last))


def _working_day(day: dt.date, holidays: Collection[dt.date]) -> dt.date:
    while day.weekday() >= 5 or day in holidays:
        day += dt.timedelta(days=1)
    return day
