"""Deciding about each image of a request: a Caldicott Guardian who is somebody else than whoever asked (G-R266, X5).

A decision is about a revision of the case: of two at once, one is told to look again. Nothing here reads the record:
a Guardian from outside sees the request and nothing else (G-R268, G-R269).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from fhir_plugin.delete.lifecycle import Event, after, moved
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.request import needed
from fhir_plugin.delete.standing import changed, held, item_of, note, verdict
from fhir_plugin.delete.waiting import AWAITS_COSIGN, MORE_ASKED, say_rejected
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.policy.choices import DeleteCosign
from fhir_plugin.policy.ruling import May
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, DeletionState, ItemId, Principle, Signed
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession, Role
from mappings.model.practice import Hold


class Decisions:
    """What a Caldicott Guardian decides, and whoever signs as well. `at_once`: told of an approval after it was kept,
    to begin it where it was given at the patient's own chart."""

    def __init__(
        self,
        parts: DeleteParts,
        *,
        at_once: Callable[[ClinicalSession, DeletionCase, DeletionItem], None] = lambda _session, _case, _item: None,
    ) -> None:
        self._parts = parts
        self._at_once = at_once

    def queue(self, session: ClinicalSession) -> Sequence[DeletionCase]:
        """Every open one at this EHR, oldest first."""
        _need(session, Role.CALDICOTT_GUARDIAN)
        with self._parts.work.transaction():
            return self._parts.cases.open_at(session.fhir_base)

    def case(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        """One at this EHR, of whichever patient; for every other EHR it does not exist."""
        _need(session, Role.CALDICOTT_GUARDIAN)
        with self._parts.work.transaction():
            return self._here(session, id)

    def holds(self, session: ClinicalSession, case: DeletionCase) -> Sequence[Hold]:
        """What forbids it now."""
        _need(session, Role.CALDICOTT_GUARDIAN)
        with self._parts.work.transaction():
            return self._parts.holds.of_patient(case.fhir_base, case.patient)

    def opened(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        """Notes that a Guardian has opened it. Whoever asked opens nothing by looking at their own request."""
        _need(session, Role.CALDICOTT_GUARDIAN)
        with self._parts.work.transaction():
            case = self._here(session, id, for_change=True)
            unseen = [each for each in case.items if each.state is DeletionState.REQUESTED]
            if session.user.person == case.requested_by or not unseen:
                return case
            note(self._parts, case, "deletion.opened", id, session)
            new = [self._moved(session, each, Event.OPENED, "", why=each.why) for each in unseen]
            return changed(self._parts, case, *new, session=session)

    def approve(
        self,
        session: ClinicalSession,
        id: CaseId,
        item: ItemId,
        principles: Collection[Principle],
        words: str,
        *,
        revision: int,
    ) -> DeletionCase:
        """Of the version that was asked for, until the approval expires. Raises `Incomplete` unless every principle is
        ticked and a reason given, `NotAllowed` for one's own request, `Refused` while something holds it."""
        if set(principles) != set(Principle):
            problem = "Tick each of the eight principles: an approval says that all of them were thought about."
            raise Incomplete(problem, fields={"principles": problem})
        said = needed(words, "words", "Say why, in a sentence.")
        with self._parts.work.transaction():
            case, before = self._to_decide(session, id, item, revision)
            after(before.state, Event.APPROVED, before.held_from)
            now = self._parts.clock.now()
            signed = self._signed(session, said, frozenset(principles))
            if before.approval is not None:
                raise Refused("It is approved already, and waits for the second signature.", code=AWAITS_COSIGN)
            if stopping := held(self._parts, case):
                raise Refused(stopping[0].text, code=stopping[0].code)
            event = self._event(session, case, signed)
            changes: dict[str, Any] = {"approval": signed, "expires": now + self._parts.policy.deletion_approval}
            if event is Event.SIGNED:
                changes["why"] = AWAITS_COSIGN
            new = self._moved(session, before, event, said, **changes)
            note(self._parts, case, f"deletion.{event.value}", item, session, version=before.image.version)
            case = changed(self._parts, case, new, session=session)
        return self._began(session, case, item)

    def reject(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """It stays in the record. Whoever asked learns why."""
        said = needed(words, "words", "Say why, in a sentence: whoever asked reads it.")
        with self._parts.work.transaction():
            case, before = self._to_decide(session, id, item, revision)
            new = self._moved(session, before, Event.REJECTED, said, rejection=self._signed(session, said), **_UNSIGNED)
            note(self._parts, case, "deletion.rejected", item, session)
            case = changed(self._parts, case, new, session=session)
            say_rejected(self._parts, case)
            return case

    def ask_more(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        """A question to whoever asked."""
        said = needed(words, "words", "Say what you want to know.")
        with self._parts.work.transaction():
            case, before = self._to_decide(session, id, item, revision)
            new = self._moved(session, before, Event.MORE_ASKED, said, why=MORE_ASKED, **_UNSIGNED)
            note(self._parts, case, "deletion.more-asked", item, session)
            return changed(self._parts, case, new, session=session)

    def cosign(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """The second signature, at this patient's chart, of a clinician who neither asked nor approved (X5)."""
        said = needed(words, "words", "Say why, in a sentence.")
        _need(session, Role.CLINICIAN)
        with self._parts.work.transaction():
            case = self._here(session, id, for_change=True)
            if case.patient != session.patient_id:
                raise NotFound("There is no such request.", status=404)
            before = self._as_seen(case, item, revision)
            if before.approval is None or before.why != AWAITS_COSIGN:
                raise Refused("No second signature is waited for.", code="no-cosign")
            for other in (case.requested_by, before.approval.by):
                _need_other(session, other, "Three different people ask, approve and sign.", "same-person")
            if before.expires is None or self._parts.clock.now() >= before.expires:
                raise Refused("The approval has run out. The Guardian is asked again.", code="expired")
            signed = self._signed(session, said)
            found = verdict(self._parts, case, before.approval, signed)
            if found.may is not May.YES:
                raise Refused(found.reasons[0].text, code=found.reasons[0].code)
            new = self._moved(session, before, Event.COSIGNED, said, cosigned=signed)
            note(self._parts, case, "deletion.cosigned", item, session)
            case = changed(self._parts, case, new, session=session)
        return self._began(session, case, item)

    def take_back(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        """A Guardian takes back an approval that has not been begun, their own or another's."""
        _need(session, Role.CALDICOTT_GUARDIAN)
        said = needed(words, "words", "Say why, in a sentence.")
        with self._parts.work.transaction():
            case = self._here(session, id, for_change=True)
            before = self._as_seen(case, item, revision)
            if before.approval is None:
                raise Refused("Nobody has approved it.", code="not-approved")
            new = self._moved(session, before, Event.VOIDED, said, why="taken-back")
            note(self._parts, case, "deletion.voided", item, session, why="taken-back")
            return changed(self._parts, case, new, session=session)

    # -------------------------------------------------------------------------------------- inside

    def _here(self, session: ClinicalSession, id: CaseId, *, for_change: bool = False) -> DeletionCase:
        case = self._parts.cases.get(id, for_change=for_change)
        if case.fhir_base != session.fhir_base:
            raise NotFound("There is no such request.", status=404)
        return case

    def _as_seen(self, case: DeletionCase, item: ItemId, revision: int) -> DeletionItem:
        found = item_of(case, item)
        if case.revision != revision:
            raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")
        return found

    def _to_decide(
        self, session: ClinicalSession, id: CaseId, item: ItemId, revision: int
    ) -> tuple[DeletionCase, DeletionItem]:
        _need(session, Role.CALDICOTT_GUARDIAN)
        case = self._here(session, id, for_change=True)
        _need_other(session, case.requested_by, "Nobody decides about what they asked for themselves.", "own-request")
        return case, self._as_seen(case, item, revision)

    def _event(self, session: ClinicalSession, case: DeletionCase, signed: Signed) -> Event:
        """By the roles of this launch: what policy says to this signature."""
        if self._parts.policy.delete_cosign is DeleteCosign.SENIOR_CLINICIAN:
            return Event.SIGNED
        here = replace(self._parts, roles=lambda _base, _login: session.user.roles)
        found = verdict(here, case, signed, None)
        if found.may is not May.YES:
            raise NotAllowed(found.reasons[0].text, code=found.reasons[0].code)
        return Event.APPROVED

    def _signed(self, session: ClinicalSession, words: str, principles: frozenset[Principle] = frozenset()) -> Signed:
        user = session.user
        return Signed(user.person, user.display, self._parts.clock.now(), principles, words, user.reference)

    def _moved(
        self, session: ClinicalSession, item: DeletionItem, event: Event, words: str, **changes: Any
    ) -> DeletionItem:
        user, now = session.user, self._parts.clock.now()
        return moved(item, event, at=now, by=user.person, by_name=user.display, words=words, **changes)

    def _began(self, session: ClinicalSession, case: DeletionCase, item: ItemId) -> DeletionCase:
        approved = case.item(item)
        if (
            approved.state is DeletionState.ACCEPTED
            and case.patient == session.patient_id
            and not session.requests_only
        ):
            self._at_once(session, case, approved)
        with self._parts.work.transaction():
            return self._parts.cases.get(case.id)


_UNSIGNED: Final[dict[str, Any]] = {"approval": None, "cosigned": None, "expires": None}


def _need(session: ClinicalSession, role: Role) -> None:
    if role not in session.user.roles:
        raise NotAllowed("Your role does not include this.", code="role")


def _need_other(session: ClinicalSession, other: Reference, words: str, code: str) -> None:
    """Raises `NotAllowed` for the same person, and where the EHR does not say who somebody is: two logins of one
    person must not pass for two people."""
    mine = session.user
    if other in (mine.person, mine.reference):
        raise NotAllowed(words, code=code)
    kinds = {_kind(mine.person), _kind(other)}
    if "PractitionerRole" in kinds or len(kinds) > 1:
        raise NotAllowed(
            "The EHR does not say which person is behind one of these logins, so that it cannot be told whether they "
            "are two people. Ask whoever looks after the EHR to let this app read PractitionerRole.",
            code="who",
        )


def _kind(person: Reference) -> str:
    return person.rsplit("/", 2)[-2] if "/" in person else ""
