"""The questions as the screen draws them: words from the policy's catalogue, and which of them stand on the fast path.

What must be answered is policy; how it is laid out is here. Nothing is ever chosen beforehand: what one tap fills in
says so in full, is seen filled in, and can be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fhir_plugin.capture.answers import PER_IMAGE, Answers
from fhir_plugin.policy import questions as policy
from fhir_plugin.policy.questions import Group, Kind
from fhir_plugin.policy.ruling import OpenQuestion


@dataclass(frozen=True)
class Choice:
    value: str
    text: str


@dataclass(frozen=True)
class Question:
    """One question with its choices, by the name of its form field."""

    name: str
    text: str
    choices: tuple[Choice, ...] = ()
    hint: str = ""
    kind: Kind = Kind.CHOICE
    longest: int = 0

    @property
    def items(self) -> list[dict[str, str]]:
        """The choices as the design system's radios take them."""
        return [{"value": choice.value, "text": choice.text} for choice in self.choices]

    def in_words(self, said: str) -> str:
        """An answer as people read it."""
        return next((choice.text for choice in self.choices if choice.value == said), said)


YES_NO = (Choice("yes", "Yes"), Choice("no", "No"))


def _drawn(question: policy.Question) -> Question:
    choices = tuple(Choice(value, text) for value, text in question.choices.items())
    return Question(
        name=question.id,
        text=question.text,
        choices=YES_NO if question.kind in (Kind.YES_NO, Kind.TICK) else choices,
        hint=question.hint,
        kind=question.kind,
        longest=question.longest,
    )


SHOW_ONLINE = Question("show_online", "Show it in the patient’s online record?", YES_NO)
LATERALITY = (Choice("left", "Left"), Choice("right", "Right"), Choice("both", "Both"))

QUESTIONS: Mapping[str, Question] = {
    SHOW_ONLINE.name: SHOW_ONLINE,
    **{name: _drawn(question) for name, question in policy.catalogue().items()},
}

ON_PAGE = (
    "purpose",
    "arrival",
    "taken_on",
    "taken_unknown",
    "device",
    "consent_receive",
    "consent_store",
    "consent_form",
    "understood",
    "capacity_doubt",
    "photographer",
    "identity",
    "intimacy",
    "only_area",
    "show_online",
    "note_elsewhere",
    "findings",
    "advice",
)
"""Fields that the screen always has: a page that does not send one of them says that it is empty."""


@dataclass(frozen=True)
class AtOnce:
    """Several answers in one tap, said in full on the button and seen filled in below it."""

    name: str
    text: str
    fills: Mapping[str, str]
    unless: frozenset[str] = frozenset()
    """Flags of the situation in which nobody could say this in one breath."""


AT_ONCE = (
    AtOnce(
        "agreed",
        "The patient agreed to taking and storing it, in conversation, and understood. It is not private to them.",
        {
            "consent_receive": "given",
            "consent_store": "given",
            "consent_form": "verbal",
            "understood": "yes",
            "intimacy": "no",
        },
        frozenset({"under-18", "no-capacity", "unsolicited", "deceased", "intimate", "video"}),
    ),
    AtOnce(
        "taken",
        "I took it just now, on our device, with the patient here. It shows only this area and nobody else.",
        {
            "arrival": "taken-now",
            "photographer": "clinician",
            "identity": "in-person",
            "device": "organisation",
            "only_area": "yes",
        },
        frozenset({"unsolicited", "carer"}),
    ),
)
UNASKED = AtOnce("unasked", "Nobody asked for this image", {"arrival": "unasked"})
FILLS: Mapping[str, Mapping[str, str]] = {each.name: each.fills for each in (*AT_ONCE, UNASKED)}

HEADINGS: Mapping[Group, str] = {  # in the order to ask
    Group.UNSOLICITED: "Nobody asked for it",
    Group.FAST_PATH: "About this image",
    Group.CAPACITY: "If the patient cannot decide",
    Group.CHILD: "The patient is under 18",
    Group.CONSENT: "Who decides",
    Group.INTIMATE: "It is intimate",
    Group.CHAPERONE: "Chaperone",
    Group.HELPER: "Somebody else took it",
    Group.VIDEO: "It is a recording",
    Group.SAFEGUARDING: "Is everybody safe?",
    Group.URGENT: "If it cannot wait",
    Group.REFUSAL: "The patient said no",
    Group.DECEASED: "The patient has died",
    Group.DISCARD: "It is not kept",
    Group.OTHER_USES: "Other uses",
}


@dataclass(frozen=True)
class Asked:
    """One flagged question as it stands: drawn, why it is asked, where the rule is from, and what was said."""

    question: Question
    why: str
    sources: tuple[str, ...]
    said: str
    in_words: str
    problem: str


@dataclass(frozen=True)
class AskedGroup:
    """What belongs together. `open` is the one question to answer now; `later` how many follow it here."""

    heading: str
    answered: tuple[Asked, ...] = ()
    ticks: tuple[Asked, ...] = ()
    extra: tuple[Asked, ...] = ()
    """May be said and need not be."""
    open: Asked | None = None
    later: int = 0


@dataclass(frozen=True)
class MoreQuestions:
    """The questions beyond the fast path, one at a time."""

    groups: tuple[AskedGroup, ...] = ()
    to_go: int = 0
    names: tuple[str, ...] = field(default=())
    """Form fields that are drawn."""


def more_questions(asked: Iterable[OpenQuestion], answers: Answers) -> MoreQuestions:
    """What a situation asks beyond the fast path: answered questions, then the first open one; the rest waits."""
    catalogue = policy.catalogue()
    beyond = [
        each
        for each in asked
        if each.id not in ON_PAGE
        and each.id not in PER_IMAGE
        and each.id in catalogue
        and catalogue[each.id].group is not Group.OTHER_USES
    ]
    # Whether somebody can decide comes before who did; a wrong answer waits for what may yet make it right.
    beyond.sort(key=lambda each: list(HEADINGS).index(catalogue[each.id].group))
    waiting = [each for each in beyond if each.needed_for and not each.answered]
    wrong = [each for each in beyond if each.problem]
    now = next(iter(waiting or wrong), None)
    groups: dict[Group, AskedGroup] = {}
    to_go = 0
    for each in beyond:
        place = catalogue[each.id].group
        known = groups.get(place, AskedGroup(HEADINGS[place]))
        drawn = _asked(each, answers)
        if drawn.question.kind is Kind.TICK:
            groups[place] = replace(known, ticks=(*known.ticks, drawn))
        elif each.answered and not each.problem:
            groups[place] = replace(known, answered=(*known.answered, drawn))
        elif not each.needed_for and not each.problem:
            groups[place] = replace(known, extra=(*known.extra, drawn))
        else:
            to_go += 1
            if each is now:
                groups[place] = replace(known, open=drawn)
            elif each.answered:
                groups[place] = replace(known, answered=(*known.answered, drawn))
            elif place in groups:
                groups[place] = replace(known, later=known.later + 1)
    flagged = any(group.answered or group.open or _said_no(place, group) for place, group in groups.items())
    shown = tuple(group for place, group in groups.items() if flagged and _is_shown(place, group))
    names = tuple(
        drawn.question.name
        for group in shown
        for drawn in (*group.answered, *group.ticks, *group.extra, *((group.open,) if group.open else ()))
    )
    return MoreQuestions(shown, to_go, names)


def other_uses(asked: Iterable[OpenQuestion], answers: Answers) -> tuple[Asked, ...]:
    """What may be said about teaching, research and publication, all of it in one fold; empty where none is asked."""
    catalogue = policy.catalogue()
    return tuple(_asked(each, answers) for each in asked if catalogue[each.id].group is Group.OTHER_USES)


def _is_shown(place: Group, group: AskedGroup) -> bool:
    """What may only be ticked stands with its flag; on the fast path it shows once it is ticked."""
    ticked = any(each.said for each in group.ticks)
    return bool(
        group.answered
        or group.open
        or _said_no(place, group)
        or (group.ticks and (ticked or place is not Group.FAST_PATH))
    )


def _said_no(place: Group, group: AskedGroup) -> bool:
    """A patient who said no themselves may have been asked again: the place to say so is always there."""
    return place is Group.REFUSAL and bool(group.extra)


def _asked(each: OpenQuestion, answers: Answers) -> Asked:
    question = QUESTIONS[each.id]
    if each.offered:
        question = replace(question, choices=tuple(Choice(value, text) for value, text in each.offered))
    said = answers.said(each.id)
    return Asked(question, each.why, each.sources, said, question.in_words(said) or "not answered", each.problem)
