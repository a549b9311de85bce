"""Consent to receive and to store, each on its own, and what a refusal leads to (G-R58 to G-R80, X1 to X3, X15)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, USING, Case
from fhir_plugin.policy.choices import OnStoreRefusal, ReceiveConsent, StoreConsent
from fhir_plugin.policy.findings import Ask, Finding, Second, Stop, Warn
from fhir_plugin.policy.rules.deciding import REFUSALS
from fhir_plugin.policy.rules.exempt import is_exempt
from fhir_plugin.policy.ruling import Act, Reason
from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope
from mappings.model.images import Arrival
from mappings.model.situation import ContactOutcome, DiscardReason

RECEIVE_REFUSED = Reason(
    "receive-refused",
    "Whoever decides said no to this image.",
    "Do not look at it or use it. Offer another way of being assessed.",
    "G-R58, G-R75",
)
VIEW_REFUSED = Reason(
    "view-refused",
    "Whoever decides does not want it looked at.",
    "Do not look at it or use it. Offer another way of being assessed.",
    "G-R116, G-R118",
)
STORE_REFUSED = Reason(
    "store-refused",
    "Whoever decides said no to storing it.",
    "Choose Describe only or Discard instead. The consultation goes on.",
    "G-R75, G-R170, X1",
)
DECEASED_SECOND = Reason(
    "second-person-for-deceased",
    "The patient has died and was never asked. A second person has to agree.",
    "Ask your records lead or Caldicott Guardian, or say why it cannot wait.",
    "G-R92, X1",
)
_NOBODY_CAN = "Nobody can agree for them: the best-interests decision stands in its place. Choose Not asked."


def their_own_no(case: Case) -> Iterator[Finding]:
    """What they refused or took back at our link stands, whoever answers for them since, until somebody writes down
    that they were asked again (G-R58, G-R170)."""
    said = case.said
    if said.patient_receive not in REFUSALS and said.patient_store not in REFUSALS:
        return
    yield Ask("asked_again", "They said no themselves. Only they can change it.", USING | {Act.REVEAL}, optional=True)
    if case.long_enough("asked_again"):
        return
    if said.patient_receive in REFUSALS:
        yield Stop(USING | {Act.REVEAL}, RECEIVE_REFUSED)
    if said.patient_store in REFUSALS:
        yield Stop(KEEPING, STORE_REFUSED)


def receive(case: Case) -> Iterator[Finding]:
    """To send, take and look at it (X2)."""
    if case.nobody_consents:
        yield from _stands_in("consent_receive", case)
        return
    said = case.said
    answer, problem = said.consent_receive, ""
    if answer in REFUSALS:
        yield Stop(USING | {Act.REVEAL}, RECEIVE_REFUSED)
        yield from _another_way(case, frozenset({Act.DISCARD}))
    elif answer is ConsentAnswer.NOT_ASKED and not _implied(case) and not is_exempt(case):
        problem = "Ask before you use it."
    yield Ask("consent_receive", "Agreeing to an image being taken or sent is one decision.", case.deciding, problem)


def view(case: Case) -> Iterator[Finding]:
    """To look at what was sent unasked: sending it is not agreeing to it, and is asked apart (G-R116, G-R118)."""
    if not case.to_be_reached or case.said.contact is not ContactOutcome.REACHED:
        return
    if case.nobody_consents:
        yield from _stands_in("consent_view", case)
        return
    answer = case.said.consent_view
    if answer in REFUSALS:
        yield Stop(case.deciding, VIEW_REFUSED)
        yield from _another_way(case, frozenset({Act.DISCARD}))
    problem = "Ask before you look at it." if answer is ConsentAnswer.NOT_ASKED else ""
    yield Ask("consent_view", "It came unasked: looking at it is a decision of its own.", case.deciding, problem)


def _implied(case: Case) -> bool:
    """A reply to a request agrees to being received, where the pack says so; what nobody asked for never does."""
    if case.to_be_reached:
        return False
    if case.came_unasked:
        return True  # an ordinary image under X14
    if case.said.deceased:
        return not (case.intimate or case.child_image)
    asked_for = case.said.requested or case.said.arrival in (Arrival.EMAIL, Arrival.OTHER)
    return asked_for and case.pack.receive_consent is ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST


def store(case: Case) -> Iterator[Finding]:
    """To keep it in the record: never inferred from the other (G-R62, X1)."""
    if case.nobody_consents:
        yield from _stands_in("consent_store", case)
        return
    answer, problem = case.said.consent_store, ""
    if answer in REFUSALS:
        yield Stop(KEEPING, STORE_REFUSED)
        yield from _after_refusal(case)
    elif answer is ConsentAnswer.NOT_ASKED:
        if case.said.deceased and not (case.intimate or case.child_image):
            yield Second(KEEPING, DECEASED_SECOND)
        elif is_exempt(case):
            pass  # the consent to the procedure stands in its place, and is asked for
        elif case.pack.store_consent is StoreConsent.REQUIRED or case.floor:
            problem = "Ask before you store it, or choose Describe only."
        else:
            text = "Nobody was asked whether it may be stored. Tell the patient that a record is kept."
            yield Warn(Reason("informed-only", text, "Any objection stops it.", "G-R17, X1"))
            yield Ask("understood", "The patient is told that a record is kept.", KEEPING, _untold(case))
    yield Ask("consent_store", "Agreeing to storing is a decision of its own.", KEEPING, problem)


def how(case: Case) -> Iterator[Finding]:
    """In which form, and whether it was understood (G-R65, G-R66, X15)."""
    said = case.said
    for scope, answer, acts in (
        (ConsentScope.RECEIVE, said.consent_receive, case.deciding),
        (ConsentScope.STORE, said.consent_store, KEEPING),
    ):
        if answer is not ConsentAnswer.GIVEN or case.nobody_consents:
            continue
        problem = ""
        if scope in case.pack.written_for and said.consent_form not in (None, ConsentForm.WRITTEN):
            problem = "This organisation asks for this consent in writing."
        yield Ask("consent_form", "The record says how it was given.", acts, problem)
        yield Ask("understood", f"Agreeing counts only with understanding.{_how_long(case)}", acts, _untold(case))


def _how_long(case: Case) -> str:
    """What is said about how long it is kept, where the pack asks for that and it may be stored (G-R24, X17)."""
    if case.said.consent_store is not ConsentAnswer.GIVEN or not case.pack.retention_text_required:
        return ""
    return f" Say how long it is kept: {case.kept_for}"


def _untold(case: Case) -> str:
    return "Explain it and check that it is understood, then choose Yes." if case.said.understood is False else ""


def _stands_in(name: str, case: Case) -> Iterator[Finding]:
    """A best-interests decision replaces the box; it is not ticked on somebody's behalf (G-R82)."""
    answer = getattr(case.said, name)
    if answer is not None and answer is not ConsentAnswer.NOT_ASKED:
        yield Ask(name, "A best-interests decision is made instead.", USING, _NOBODY_CAN)


def _after_refusal(case: Case) -> Iterator[Finding]:
    """The consultation goes on, another way is offered, and whether remote is still safest is weighed (X3)."""
    yield from _another_way(case, frozenset({Act.DESCRIBE, Act.DISCARD}))
    if case.pack.on_store_refusal is OnStoreRefusal.PROMPT_RECONSIDER_THEN_ALLOW:
        yield Ask("reconsidered", "Without the image the advice may be harder to understand later.", _DESCRIBING)


def _another_way(case: Case, acts: frozenset[Act]) -> Iterator[Finding]:
    """On any refusal; a duplicate or unusable picture needs its own reason only (G-R77)."""
    if case.said.discard_reason is not DiscardReason.NOT_NEEDED:
        acts -= {Act.DISCARD}
    why = "Whoever says no is offered another way."
    if case.pack.on_store_refusal is OnStoreRefusal.REQUIRE_F2F_OFFER:
        why = "Whoever says no is offered an examination in person."
    if acts:
        yield Ask("alternative_offered", why, acts)


_DESCRIBING = frozenset({Act.DESCRIBE})
RULES = (their_own_no, receive, view, store, how)
