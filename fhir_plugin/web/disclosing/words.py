"""How the desk says things: who asks, what becomes of an item, how long is left. Never what an item shows."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.desk.values import REVEAL_REASONS as REVEAL_REASONS
from fhir_plugin.web.words import day
from mappings.model.disclosure import (
    AgeBand,
    Authority,
    Competence,
    ConsentToRelease,
    Mode,
    Opinion,
    Redact,
    Release,
    Requester,
    RequesterRow,
    Review,
    Reviewer,
)
from mappings.model.disclosure_request import (
    Decided,
    DeskItem,
    DeskView,
    DisclosureId,
    DisclosureRequest,
    ItemKey,
    RequestState,
)

WHO_ASKS: Final[tuple[tuple[str, tuple[Requester, ...]], ...]] = (
    (
        "The patient, or somebody for them",
        (
            Requester.PATIENT,
            Requester.PATIENTS_SOLICITOR,
            Requester.PARENT_OR_PROXY,
            Requester.ATTORNEY_OR_DEPUTY,
            Requester.DECEASED,
        ),
    ),
    (
        "Those who treat or protect the patient",
        (Requester.OTHER_PROVIDER, Requester.SECOND_OPINION, Requester.SAFEGUARDING),
    ),
    (
        "Somebody with the power to ask",
        (Requester.COURT_ORDER, Requester.CORONER, Requester.POLICE, Requester.REGULATOR),
    ),
    (
        "Somebody who needs the patient’s consent",
        (Requester.INSURER, Requester.OTHER_SIDES_SOLICITOR, Requester.RESEARCH),
    ),
)
"""All fifteen, as somebody who opens a letter thinks of them."""

STATES: Final[Mapping[RequestState, str]] = MappingProxyType(
    {
        RequestState.OPEN: "Open",
        RequestState.WAITS_FOR_SECOND: "Waits for a second person",
        RequestState.MAKING: "The package is being made",
        RequestState.SENT: "Package made",
        RequestState.REFUSED: "Refused",
        RequestState.CLOSED: "Closed",
    }
)
MODES: Final[Mapping[Mode, tuple[str, str]]] = MappingProxyType(
    {
        Mode.MARKED: (
            "Say that something is left out",
            "A note stands where something was left out. It does not say what.",
        ),
        Mode.SILENT: (
            "Say nothing",
            "Only where even knowing that there is something would tell this recipient too much.",
        ),
    }
)
DECISIONS: Final[Mapping[Decided, tuple[str, str]]] = MappingProxyType(
    {
        Decided.RELEASE: ("It goes out", "As the record holds it, with its labels."),
        Decided.REDACT: ("It is masked", "It stays here. A note says that something is left out, not what."),
        Decided.WITHHOLD: ("It is held back", "It stays here, and nothing says so."),
    }
)
CONSENTS: Final[Mapping[ConsentToRelease, str]] = MappingProxyType(
    {
        ConsentToRelease.NAMED: "Yes, and they named the pictures, or what is sensitive",
        ConsentToRelease.GENERAL: "Yes, to the record in general",
        ConsentToRelease.REFUSED: "No",
        ConsentToRelease.NOT_ASKED: "They were not asked",
    }
)
AUTHORITIES: Final[Mapping[Authority, str]] = MappingProxyType(
    {
        Authority.COVERS: "I have read it, and it covers what is sensitive",
        Authority.SEEN: "I have seen it; it says nothing about what is sensitive",
        Authority.NOT_SEEN: "Not seen yet",
    }
)
COMPETENCES: Final[Mapping[Competence, str]] = MappingProxyType(
    {
        Competence.COMPETENT: "Yes: a clinician has said so",
        Competence.NOT_COMPETENT: "No: a clinician has said so",
        Competence.UNKNOWN: "Nobody has said",
    }
)
AGREES: Final[Mapping[str, str]] = MappingProxyType({"yes": "Yes", "no": "No", "": "Nobody has asked them"})
OPINIONS: Final[Mapping[Opinion, str]] = MappingProxyType(
    {
        Opinion.NO_HARM: "No: it is not likely to cause serious harm",
        Opinion.SERIOUS_HARM: "Yes: it is likely to cause serious harm to the patient or somebody else",
    }
)
REVIEWERS: Final[Mapping[Reviewer, str]] = MappingProxyType(
    {
        Reviewer.OFFICER: "waits for the disclosure officer",
        Reviewer.PRIVACY_OFFICER: "waits for the privacy officer",
        Reviewer.HEALTH_PROFESSIONAL: "waits for a health professional",
    }
)


class Because(NamedTuple):
    """Items with one fate for one reason, which is a sentence."""

    reason: str
    items: tuple[DeskItem, ...]

    @property
    def rule(self) -> str:
        return self.items[0].decided.reason.rule


class Group(NamedTuple):
    """Items with one fate. `anchor` is the place on the page."""

    anchor: str
    title: str
    why: tuple[Because, ...]

    @property
    def items(self) -> tuple[DeskItem, ...]:
        """All of them, in the order in which the page has them."""
        return tuple(item for because in self.why for item in because.items)


FATES: Final[Mapping[str, str]] = MappingProxyType(
    {"needs": "Needs a person", "out": "Goes out", "masked": "Masked", "held": "Held back"}
)


def grouped(items: Sequence[DeskItem]) -> list[Group]:
    """What needs somebody first; within it by reason, the reason that concerns most first; empty groups are left out.
    Pictures come before the rest, and what is older before what is newer."""
    found: dict[str, dict[str, list[DeskItem]]] = {anchor: {} for anchor in FATES}
    for item in sorted(items, key=lambda each: (not each.is_image, not each.when, each.when, each.title)):
        found[fate(item)].setdefault(item.decided.reason.text, []).append(item)
    return [
        Group(
            anchor, title, tuple(Because(reason, tuple(found[anchor][reason])) for reason in _most_first(found[anchor]))
        )
        for anchor, title in FATES.items()
        if found[anchor]
    ]


def _most_first(found: Mapping[str, Sequence[DeskItem]]) -> list[str]:
    return sorted(found, key=lambda reason: -len(found[reason]))


def share_gone(request: DisclosureRequest, due: dt.date | None, left: int | None) -> int | None:
    """How much of the time is over, in percent; None where there is no limit."""
    if due is None or left is None:
        return None
    whole = (due - max(request.received, request.identity_on or request.received)).days
    return 100 if whole <= 0 else max(0, min(100, round(100 * (whole - left) / whole)))


def shares(groups: Sequence[Group], whole: int) -> list[tuple[str, int, int]]:
    """Of the bar over the list: which fate, where its part begins and how long it is, in items. What nobody here may
    see comes last."""
    parts: list[tuple[str, int, int]] = []
    begins = 0
    for anchor in ("out", "masked", "held", "needs"):
        long = sum(len(group.items) for group in groups if group.anchor == anchor)
        parts += [(anchor, begins, long)] if long else []
        begins += long
    return [*parts, ("hidden", begins, whole - begins)] if whole > begins else parts


def fate(item: DeskItem) -> str:
    """What becomes of it as things stand: `needs`, `out`, `masked` or `held`."""
    if item.asks is not None or isinstance(item.decided, Review):
        return "needs"
    if isinstance(item.decided, Release):
        return "out"
    return "masked" if isinstance(item.decided, Redact) else "held"


def fate_words(item: DeskItem, *, mine: bool = False) -> str:
    """The same as half a sentence. `mine`: whoever reads it is the one who decides about it."""
    if item.asks is not None:
        own = mine and item.asks is not Reviewer.HEALTH_PROFESSIONAL
        return "waits for you" if own else REVIEWERS[item.asks]
    words = {"needs": "waits for a person", "out": "goes out", "masked": "is masked", "held": "is held back"}[
        fate(item)
    ]
    if fate(item) == "out" and item.cuts:
        words += f", with {item.cuts} part{'' if item.cuts == 1 else 's'} taken out"
    if fate(item) == "out" and item.blacked_out:
        words += ", with parts blacked out"
    return words


def name_of(item: DeskItem) -> str:
    """What the list calls it, with its day."""
    return ", ".join(each for each in (item.title, day_said(item.when)) if each)


def day_said(when: str) -> str:
    """2026-03-04 (and 2026-03, 2026) as a person says it; anything else as it came."""
    try:
        if len(when) == len("2026-03-04"):
            return day(dt.date.fromisoformat(when))
        if len(when) == len("2026-03"):
            return f"{dt.date.fromisoformat(f'{when}-01'):%B %Y}"
    except ValueError:
        pass  # shown as the record has it
    return when


def token(request: DisclosureId, key: ItemKey) -> str:
    """Stands for an item in an address, which must not name anything of the record."""
    return hashlib.sha256(f"{request} {key}".encode()).hexdigest()[:16]


def time_left(days: int | None) -> str:
    """3 days left; due today; 2 days late."""
    if days is None:
        return "No time limit in law"
    if days < 0:
        return f"{-days} day{'' if days == -1 else 's'} late"
    if days == 0:
        return "Due today"
    return f"{days} day{'' if days == 1 else 's'} left"


def asked_of(requester: Requester) -> frozenset[str]:
    """Which of consent, authority, age, competence and agreement any rule for this requester depends on."""
    return frozenset(
        name
        for rule in shipped_rules().rules
        if requester in rule.requesters
        for name in rule.when
        if name in ("consent", "authority", "competence", "agrees")
    )


_UNANSWERED: Final = frozenset({ConsentToRelease.NOT_ASKED, Authority.NOT_SEEN, Competence.UNKNOWN, "not-asked"})


def answered_once(requester: Requester) -> frozenset[str]:
    """The rules that send everything to a person for want of one answer about the request: given once, it decides all
    of them."""
    known = asked_of(requester)
    return frozenset(
        rule.reason.rule
        for rule in shipped_rules().rules
        if requester in rule.requesters
        and rule.verdict == "review"
        and any(name in known and values <= _UNANSWERED for name, values in rule.when.items())
    )


def questions_for(requester: Requester, age: AgeBand) -> list[str]:
    """The questions beyond those that everybody is asked: nobody is asked about the competence of an adult."""
    asked = asked_of(requester)
    young = ("competence",) if age in (AgeBand.UNDER_16, AgeBand.UNKNOWN) else ()
    agreeing = ("agrees",) if age is not AgeBand.ADULT else ()
    return [name for name in ("consent", "authority", *young, *agreeing) if name in asked]


def offered(item: DeskItem, modes: Sequence[Mode]) -> list[tuple[Decided, str, str]]:
    """What somebody may put in place of a proposal. Without a word only to those who may be told nothing."""
    return [
        (decided, *words)
        for decided, words in DECISIONS.items()
        if decided is not Decided.WITHHOLD or Mode.SILENT in modes or fate(item) == "held"
    ]


def share_decided(view: DeskView, seen: int) -> tuple[int, int]:
    """How many of how many are decided, hidden ones among them, whoever looks. `seen`: how many of the hidden ones are
    among the view's items."""
    whole = len(view.items) + max(0, view.hidden - seen)
    return max(0, whole - view.undecided), whole


def row_of(rows: Sequence[RequesterRow], requester: Requester) -> RequesterRow:
    """The row of who asks."""
    return next(row for row in rows if row.requester is requester)
