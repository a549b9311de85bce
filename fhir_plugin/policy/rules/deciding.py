"""Who decides and by what right: capacity, authority, Gillick competence, parental responsibility (G-R81 to G-R104)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import USING, Case
from fhir_plugin.policy.choices import LacksCapacityRoute, ParentalOverride
from fhir_plugin.policy.findings import Ask, Finding, Flagged, Second, Stop, Warn
from fhir_plugin.policy.ruling import Reason
from mappings.model.consent import LEGAL_AUTHORITY, PARENTAL, ChildView, ConsentAnswer, Grantor
from mappings.model.situation import Authority

REFUSALS = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)

AUTHORITY_REFUSED = Reason(
    "authority-refused",
    "The person with legal authority said no, and this is theirs to decide.",
    "Stop here. A best-interests decision cannot override it. Offer another way of being assessed.",
    "G-R83, G-R84",
)
AUTHORITY_REQUIRED = Reason(
    "authority-required",
    "This organisation’s policy asks for the agreement of somebody with legal authority, and nobody has it.",
    "See the patient in person, or ask the court or your legal team.",
    "G-R88, X9",
)
PARENT_REQUIRED = Reason(
    "parental-agreement",
    "This organisation’s policy does not go on without somebody who has parental responsibility.",
    "Ask somebody who has it, or see the child in person.",
    "G-R102, X10",
)
OVERRIDE_SECOND = Reason(
    "second-person-for-parents",
    "Going on without a parent’s agreement needs a second person.",
    "Ask a colleague to look at it, or say why it cannot wait.",
    "G-R104, X10",
)
NO_BIRTH_DATE = Reason(
    "no-birth-date",
    "The record has no full date of birth, so the patient counts as a child.",
    "Correct the date of birth in the record.",
    "G-R115, X12",
)


def capacity(case: Case) -> Iterator[Finding]:
    """Of 16 and over: presumed until somebody doubts it, then assessed for this decision (G-R81, G-R94).

    Of an image that came unasked it is confirmed with the sender (G-R91, G-R116).
    """
    said = case.said
    if case.below_consent_age:
        return
    yield Ask("capacity_doubt", "An adult is presumed to be able to decide.", USING, optional=True)
    if case.to_be_reached:
        yield Ask("lacks_capacity", "It came unasked, so their capacity is confirmed.", case.deciding)
    if not case.doubted:
        return
    problem = ""
    if not said.capacity_doubt and not case.to_be_reached:
        problem = "Tick that the patient may not be able to decide, or choose No."
    yield Ask("lacks_capacity", "Somebody doubts that the patient can decide this.", case.deciding, problem)
    yield Ask("capacity_words", "The record says how it was assessed.", case.deciding)
    if not case.lacks_capacity:
        return
    yield Flagged("no-capacity")
    yield Ask("best_interests", "It must be in the patient’s best interests.", case.deciding)
    yield Ask("less_restrictive", "There may be a less intrusive way.", case.deciding)
    if case.minor:
        if said.authority in (Authority.ATTORNEY, Authority.DEPUTY):
            problem = "Nobody under 18 has an attorney or a deputy. Ask somebody with parental responsibility."
            yield Ask("authority", "Nobody under 18 has an attorney or a deputy.", case.deciding, problem)
    else:
        yield from _authority(case)


def _authority(case: Case) -> Iterator[Finding]:
    """The search for an attorney or deputy; their refusal within their authority binds (G-R83, G-R84, X9)."""
    said = case.said
    yield Ask("authority", "Somebody may hold legal authority to decide.", case.deciding)
    nobody = said.authority is Authority.NONE_KNOWN
    if said.authority is not None and not nobody:
        yield Ask("authority_covers", "Only an authority that covers this decision counts.", case.deciding)
        if said.authority_covers is not False:
            yield Ask("authority_evidence", "The record says what was seen of it.", case.deciding)
            problem = ""
            if said.authority_answer is ConsentAnswer.NOT_ASKED:
                problem = "Ask them: it is theirs to decide."
            yield Ask("authority_answer", "It is theirs to decide.", case.deciding, problem)
            if said.authority_answer in REFUSALS:
                yield Stop(case.deciding, AUTHORITY_REFUSED)
            yield Ask("giver_name", "The record says who decided.", case.deciding)
    without = nobody or (said.authority is not None and said.authority_covers is False)
    if without and case.pack.lacks_capacity_route is LacksCapacityRoute.AUTHORITY_REQUIRED:
        yield Stop(case.deciding, AUTHORITY_REQUIRED)


def gillick(case: Case) -> Iterator[Finding]:
    """Of under 16: competent for this decision, or not (G-R96, G-R97, G-R100)."""
    said = case.said
    if not case.below_consent_age:
        return
    if case.age is None:
        yield Warn(NO_BIRTH_DATE)
    if said.child_view is not ChildView.TOO_YOUNG or said.gillick is True:
        problem = ""
        if said.gillick is True and said.child_view is ChildView.TOO_YOUNG:
            problem = "A child who is too young to say what they think is not Gillick competent."
        elif said.gillick is True and said.capacity_doubt:
            problem = "You say that the child is competent and also that they may not be able to decide."
        yield Ask("gillick", "A child under 16 who understands enough decides for themselves.", case.deciding, problem)
    if not case.competent_child:
        return
    yield Ask("gillick_words", "The record says how it was assessed.", case.deciding)
    yield Ask("child_asked_for_care", "Their parents may not know of it.", case.deciding)
    yield Ask("parents_discussed", "Young people are encouraged to involve their parents.", case.deciding)
    if said.child_asked_for_care:
        yield Ask("best_interests", "Going on without their parents must be best for the child.", case.deciding)
        text = "The child asked for care themselves. Send nothing to a parent, and nothing to a parent’s telephone."
        yield Warn(Reason("child-confidence", text, source="G-R98, G-R263, X21"))
    if said.parents_discussed:
        yield from _parent_as_well(case)
    if said.parents_discussed is False:
        text = "You have not talked with the child about involving their parents."
        yield Warn(Reason("parents-not-discussed", text, "Do so if you can.", "G-R100"))


def _parent_as_well(case: Case) -> Iterator[Finding]:
    """Where possible both child and parent agree; the child decides, and a parent's no is weighed (G-R101)."""
    answer = case.said.parent_answer
    yield Ask("parent_answer", "Where possible, both the child and a parent agree.", case.deciding, optional=True)
    if answer in (None, ConsentAnswer.NOT_ASKED):
        return
    yield Ask("parent_name", "The record says who else was asked.", case.deciding)
    yield Ask("parent_relationship", "The record says what they are to the child.", case.deciding)
    if answer in REFUSALS:
        text = "A parent said no. A competent child decides, but think about why the parent does not agree."
        yield Warn(Reason("parent-said-no", text, "Take advice if you are not sure.", "G-R101"))


def giver(case: Case) -> Iterator[Finding]:
    """Whose decision it is, where the answers do not settle it, or contradict it (G-R95, G-R102, G-R103)."""
    said = case.said
    chosen, allowed = said.giver, case.may_decide
    problem = "" if chosen is None or chosen in allowed else _not_theirs(case)
    if len(allowed) > 1 or problem:
        yield Ask("giver", "Somebody with the right to do so decides.", case.deciding, problem)
    decider = case.decider
    if decider in PARENTAL:
        yield Ask("giver_name", "The record says who decided.", case.deciding)
        yield Ask("giver_relationship", "The record says what they are to the patient.", case.deciding)
        if decider is not Grantor.PARENT:
            yield Ask("giver_evidence", "The record says how you know that they may decide.", case.deciding)
    elif decider is Grantor.BEST_INTERESTS and case.minor:
        yield from _without_parents(case)


def _without_parents(case: Case) -> Iterator[Finding]:
    """Nobody with parental responsibility is asked: only for a reason, with advice and a second person (X10)."""
    yield Ask("best_interests", "Going on without a parent must be in the child’s best interests.", case.deciding)
    if case.pack.parental_override is ParentalOverride.NEVER:
        yield Stop(case.deciding, PARENT_REQUIRED)
        return
    yield Ask("override_reason", "Nobody with parental responsibility is asked.", case.deciding)
    yield Ask("safeguarding_advice", "Going on without a parent needs advice.", case.deciding)
    yield Second(case.deciding, OVERRIDE_SECOND)


def _not_theirs(case: Case) -> str:
    """Why whoever was chosen cannot be the one who decides, in plain words."""
    chosen = case.said.giver
    if case.minor and chosen in LEGAL_AUTHORITY:
        return "Nobody under 18 has an attorney or a deputy."
    if case.below_consent_age:
        if case.competent_child:
            return "A competent child decides for themselves."
        return "A child under 16 decides only if competent. Otherwise choose who has parental responsibility."
    if case.lacks_capacity:
        if chosen in (Grantor.PATIENT, Grantor.COMPETENT_CHILD):
            return "You say that the patient lacks capacity, so this is not their decision."
        if chosen is Grantor.BEST_INTERESTS:
            return "Somebody with legal authority decides this: best interests cannot stand in its place."
        return "This person has no authority for this decision."
    return "Somebody of 16 or more who has capacity decides for themselves."


RULES = (capacity, gillick, giver)
