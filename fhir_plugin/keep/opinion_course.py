"""Where a second opinion stands: it ends by time, by consent taken back, or by somebody's act, and people are told."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace

from fhir_plugin.damage import DAMAGE
from fhir_plugin.errors import NotFound
from fhir_plugin.keep.opinion import OpinionState, SecondOpinion, SecondOpinions
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.earlier_images import blocked, grown_up_on
from fhir_plugin.policy.ruling import May
from fhir_plugin.policy.uses import Opinion, second_opinion
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.consent import ConsentAnswer, ConsentScope
from mappings.model.identifiers import OpinionId, Reference, WorkId
from mappings.model.kept import OwnConsent
from mappings.model.work import WorkItem, WorkKind

SCOPE = ConsentScope.SECOND_OPINION
_HOW = {
    OpinionState.ANSWERED: "The colleague has answered.",
    OpinionState.DECLINED: "The colleague would rather not look. Ask somebody else.",
    OpinionState.EXPIRED: "There was no answer in time. Ask again, or somebody else.",
    OpinionState.STOPPED: "It was closed: the picture was hidden, or consent no longer allows it.",
}


class OpinionCourse:
    """What happens to opinions whoever acts, or nobody: the copy goes at every end."""

    def __init__(self, parts: KeepParts, opinions: SecondOpinions) -> None:
        self._parts = parts
        self._opinions = opinions

    @property
    def today(self) -> dt.date:
        return self._parts.clock.now().astimezone(UK).date()

    def case(self, opinion: SecondOpinion) -> Opinion:
        """As it stands now: what was taken back since counts."""
        parts = self._parts
        image = parts.kept.get(opinion.fhir_base, opinion.image)
        codes = {reason.code for reason in blocked(image, SCOPE, self.today)}
        grown_up = grown_up_on(image, self.today, parts.policy) if image.own_consent is OwnConsent.GIVEN else None
        if grown_up is not None and opinion.created.astimezone(UK).date() < grown_up:
            codes.add("own-consent-due")  # asked on what a parent said, and nobody looked between
        return Opinion(
            reason=opinion.reason,
            consent=ConsentAnswer.WITHDRAWN if "withdrawn" in codes else opinion.consent,
            accepted=opinion.state is OpinionState.ACCEPTED,
            anonymised=opinion.anonymised,
            identified_reason=opinion.identified_reason,
            reconsented=not codes - {"withdrawn"},  # a parent's no, too, shuts what is open
        )

    def _must_end(self, opinion: SecondOpinion) -> OpinionState | None:
        if self._parts.clock.now() >= opinion.expires:
            return OpinionState.EXPIRED
        if opinion.image in self._parts.hidden.references(opinion.fhir_base, opinion.patient):
            return OpinionState.STOPPED
        try:
            case = self.case(opinion)
        except NotFound:  # the picture itself is in the register no more
            return OpinionState.STOPPED
        return OpinionState.STOPPED if second_opinion(case, self._parts.policy).may is May.NO else None

    def settled(self, opinion: SecondOpinion) -> SecondOpinion:
        """The opinion as it is now: what is over is ended, whoever looks first."""
        if not opinion.live or self._must_end(opinion) is None:
            return opinion
        with self._parts.work.transaction():
            fresh = self._opinions.get(opinion.id, for_change=True)
            state = self._must_end(fresh) if fresh.live else None
            if state is None:
                return fresh
            ended = self.end(fresh, state, by=None)
            self._parts.audit.append(
                AuditEntry(
                    action=f"opinion.{state}",
                    actor="system",
                    patient=f"Patient/{fresh.patient}",
                    subject=fresh.id,
                    policy=self._parts.policy.reference,
                )
            )
        return ended

    def end(
        self, opinion: SecondOpinion, state: OpinionState, *, by: Reference | None, because: str = ""
    ) -> SecondOpinion:
        """In the open transaction: the copy goes, the colleague's item is done, and the asker is told (`because`:
        otherwise than usual)."""
        now = self._parts.clock.now()
        if opinion.copy is not None:
            self._parts.vault.destroy(opinion.copy)
        ended = replace(opinion, state=state, ended_at=now, copy=None, patient_name="")
        ended = ended.after(f"opinion.{state}", now, by)
        self._opinions.save(ended)
        self.finish_item(ended, ended.id, by, state)
        if state is not OpinionState.CANCELLED:
            self._item(ended, f"{ended.id}#ended", ended.asker, ended.asker_name, now, because or _HOW[state])
        return ended

    def destroy_unread(self, id: OpinionId) -> None:
        """Its time is over and it cannot be ended, because it cannot be read: no copy stays for that. Safe twice."""
        parts = self._parts
        copies = parts.vault.items(compartment=Compartment.OPINION, owner=id)
        if not copies:
            return
        with parts.work.transaction():
            parts.audit.append(
                AuditEntry(
                    action="opinion.copy-destroyed",
                    actor="system",
                    subject=id,
                    policy=parts.policy.reference,
                    outcome="failure",
                    detail={"why": "expired-unreadable"},
                )
            )
            for each in copies:
                parts.vault.destroy(each.vault_id)

    def give_item(self, opinion: SecondOpinion, now: dt.datetime) -> None:
        """The colleague's item. It names nobody, whether or not the copy does."""
        words = f"{opinion.asker_name} asks for a second opinion. Case {opinion.case}."
        self._item(opinion, opinion.id, opinion.recipient, opinion.recipient_name, now, words)

    def _item(
        self, opinion: SecondOpinion, subject: str, owner: Reference, owner_name: str, now: dt.datetime, words: str
    ) -> None:
        parts = self._parts
        late = now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.SECOND_OPINION])
        item = WorkItem(
            id=WorkId(parts.new_id()),
            kind=WorkKind.SECOND_OPINION,
            fhir_base=opinion.fhir_base,
            patient=opinion.patient,
            subject=subject,
            created=now,
            due=late if subject != opinion.id else min(late, opinion.expires),
            owner=owner,
            owner_name=owner_name,
            words=words,
        )
        if not item.beside_the_chart:
            with contextlib.suppress(*DAMAGE):  # the picture may be gone, and the asker is told all the same
                item = replace(item, patient_name=parts.kept.get(opinion.fhir_base, opinion.image).patient_name)
        parts.worklist.add(item)

    def finish_item(self, opinion: SecondOpinion, subject: str, by: Reference | None, outcome: str) -> bool:
        """Whether there was an open one."""
        for item in self._parts.worklist.of_patient(opinion.fhir_base, opinion.patient):
            if (item.kind, item.subject) == (WorkKind.SECOND_OPINION, subject):
                held = self._parts.worklist.get(item.id, for_change=True)
                if held.done_at is not None:
                    return False
                done = replace(held, done_at=self._parts.clock.now(), done_by=by, outcome=str(outcome))
                self._parts.worklist.save(done)
                return True
        return False
