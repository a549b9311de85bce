"""What follows from a situation and the pack in force before anything is asked: ages, flags, and who decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fhir_plugin.policy.choices import UnsolicitedOrdinary
from fhir_plugin.policy.questions import catalogue
from fhir_plugin.policy.ruling import Act
from mappings.model.consent import PARENTAL, ChildView, Grantor
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import Authority, ContactOutcome, Identity, Made, Modality, Situation

if TYPE_CHECKING:
    from fhir_plugin.policy.pack import PolicyPack

KEEPING = frozenset({Act.STORE})
USING = frozenset({Act.STORE, Act.DESCRIBE})
"""Making something of it for the patient's care: filing it, or describing it."""
DESTROYING = frozenset({Act.DESCRIBE, Act.DISCARD})
EVERYTHING = frozenset(Act)

STAFF = frozenset({Photographer.CLINICIAN, Photographer.COLLEAGUE})
_AUTHORISED = {Authority.ATTORNEY: Grantor.ATTORNEY, Authority.DEPUTY: Grantor.DEPUTY}
_OTHER_AUTHORITY = frozenset({Grantor.GUARDIAN, Grantor.COURT_ORDER})


def age_on(birth: dt.date, day: dt.date) -> int:
    """Whole years on `day`; born on 29 February, a birthday falls on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


@dataclass(frozen=True)
class Case:
    """One situation under one pack, with what both together imply. Every property is a pure function of the two."""

    said: Situation
    pack: PolicyPack

    @cached_property
    def age(self) -> int | None:
        """On the day of the decision; None: no full date of birth."""
        birth = self.said.birth_date
        return None if birth is None else age_on(birth, self.said.today)

    @cached_property
    def age_then(self) -> int | None:
        """When it was taken, never later than today; None: unknown."""
        birth, taken = self.said.birth_date, self.said.captured_on
        return None if birth is None or taken is None else age_on(birth, min(taken, self.said.today))

    @cached_property
    def child_image(self) -> bool:
        """Whether the law on images of children applies. What is not known counts as a child's (G-R115)."""
        return self.age_then is None or self.age_then < self.pack.age_child_image

    @cached_property
    def minor(self) -> bool:
        """Under 18 today, or nobody knows: no attorney, no deputy; the young person's own view is asked."""
        return self.age is None or self.age < self.pack.law.attorney_age

    @cached_property
    def below_consent_age(self) -> bool:
        """Under 16 today, or nobody knows: Gillick competence or parental responsibility (G-R96, G-R102)."""
        return self.age is None or self.age < self.pack.age_consent

    @cached_property
    def flagged_intimate(self) -> bool:
        """The place on the body, the patient or an earlier answer says so, whatever a clinician answers (G-R172)."""
        return self.keeps_label or self.said.said_intimate_before

    @cached_property
    def keeps_label(self) -> bool:
        """The place on the body or the patient says so: the label stays whatever reason a clinician gives."""
        return self.said.private_site or self.said.patient_says_private

    @cached_property
    def intimate(self) -> bool:
        """Any one of site, patient and clinician makes it so; clearing needs a reason (G-R172, G-R173, X11)."""
        if self.said.intimacy in (Intimacy.INTIMATE, Intimacy.PRIVATE):
            return True
        cleared = self.said.intimacy is Intimacy.NO and self.long_enough("intimacy_cleared_reason")
        return self.flagged_intimate and not cleared

    @cached_property
    def remote(self) -> bool:
        """Not taken here and now by staff. What is not answered counts as remote."""
        return not (self.said.arrival is Arrival.TAKEN_NOW and self.said.photographer in STAFF)

    @cached_property
    def maybe_screen(self) -> bool:
        """Whether what kind of picture it is has to be asked: it looks like a screenshot, or staff took it of somebody
        whom they saw on video."""
        said = self.said
        seen_on_video = said.identity is Identity.VIDEO and said.photographer in STAFF
        return said.modality is Modality.PHOTO and (said.looks_like_screen or seen_on_video)

    @cached_property
    def modality(self) -> Modality:
        """A picture of a live video is a recording like any other (G-R174, G-R206)."""
        live = self.maybe_screen and self.said.made is Made.LIVE_VIDEO
        return Modality.SCREENSHOT if live else self.said.modality

    @cached_property
    def recorded_by_us(self) -> bool:
        """A video or screenshot that staff made, or whose maker is not known: recording needs its own consent."""
        if self.modality is Modality.SCREENSHOT:
            return True
        return self.said.modality is Modality.VIDEO and (
            self.said.photographer in STAFF or self.said.photographer is None
        )

    @cached_property
    def exceptional_only(self) -> bool:
        """Sexual health, remotely, of somebody under 16 or vulnerable (X25, G-R50). Intimate until said otherwise."""
        young = self.below_consent_age or (self.age_then is not None and self.age_then < self.pack.age_consent)
        matter = self.said.sexual_health or self.pack.sexual_health
        return matter and self.remote and (young or self.said.vulnerable) and (self.intimate or not self.said.intimacy)

    @cached_property
    def came_unasked(self) -> bool:
        """Nobody asked for it, or it came by our link and no request of ours matches (G-R122)."""
        arrival = self.said.arrival
        return arrival is Arrival.UNASKED or (arrival is Arrival.OUR_LINK and not self.said.requested)

    @cached_property
    def beyond_request(self) -> bool:
        """It came on a request that allowed no private image, and it is one (G-R182)."""
        return self.said.requested and self.intimate and not self.said.preauthorised_private

    @cached_property
    def unsolicited(self) -> bool:
        return self.came_unasked or self.beyond_request

    @cached_property
    def implied(self) -> bool:
        """Sent unasked, and taken as agreed to being looked at: ordinary, and of a kind taken face to face (X14)."""
        return (
            self.pack.unsolicited_ordinary is UnsolicitedOrdinary.IMPLIED_OK
            and self.said.intimacy is Intimacy.NO
            and not self.intimate
            and self.said.face_to_face is True
        )

    @cached_property
    def to_be_reached(self) -> bool:
        """The sender has to be reached before anything is made of it (G-R116, X14)."""
        return self.beyond_request or (self.came_unasked and not self.implied)

    @cached_property
    def sealed(self) -> bool:
        """... and before it is opened. What a clinician found out by looking does not shut their eyes again."""
        return self.to_be_reached and (self.came_unasked or self.keeps_label)

    @cached_property
    def emergency(self) -> bool:
        """Opened before the sender was reached, for a reason: shown, and nothing else yet."""
        return self.said.contact is ContactOutcome.EMERGENCY

    @cached_property
    def deciding(self) -> frozenset[Act]:
        """The acts that wait until it is settled who decides and what they decided."""
        return USING | {Act.REVEAL} if self.sealed and not self.emergency else USING

    @cached_property
    def doubted(self) -> bool:
        return self.said.capacity_doubt or self.said.lacks_capacity is True

    @cached_property
    def lacks_capacity(self) -> bool:
        """Of somebody of 16 or more: presumed to have it until assessed otherwise (G-R81)."""
        return not self.below_consent_age and self.said.lacks_capacity is True

    @cached_property
    def competent_child(self) -> bool:
        return (
            self.below_consent_age
            and self.said.gillick is True
            and not self.said.capacity_doubt
            and self.said.child_view is not ChildView.TOO_YOUNG
        )

    @cached_property
    def may_decide(self) -> frozenset[Grantor]:
        """Who can, by right, as far as the answers say; several while it is open, or a choice."""
        said = self.said
        if self.below_consent_age:
            if self.competent_child:
                return frozenset({Grantor.COMPETENT_CHILD})
            return frozenset(PARENTAL) | {Grantor.BEST_INTERESTS}
        if self.lacks_capacity:
            if self.minor:
                return frozenset(PARENTAL) | {Grantor.BEST_INTERESTS}
            if said.authority is None or said.authority is Authority.NONE_KNOWN or said.authority_covers is False:
                return frozenset({Grantor.BEST_INTERESTS})
            if said.authority is Authority.OTHER:
                return _OTHER_AUTHORITY
            return frozenset({_AUTHORISED[said.authority]})
        return frozenset({Grantor.PATIENT})

    @cached_property
    def decider(self) -> Grantor | None:
        """Who decides, where the answers settle it: derived where only one can, else the one that was chosen."""
        if self.below_consent_age and self.said.gillick is None and self.said.child_view is not ChildView.TOO_YOUNG:
            return None
        if self.lacks_capacity and not self.minor and self.said.authority is None:
            return None
        if self.doubted and not self.below_consent_age and self.said.lacks_capacity is None:
            return None
        if len(self.may_decide) == 1:
            return next(iter(self.may_decide))
        return self.said.giver if self.said.giver in self.may_decide else None

    @cached_property
    def nobody_consents(self) -> bool:
        """A best-interests decision stands in the place of consent, never a box ticked for somebody (G-R82)."""
        return self.decider is Grantor.BEST_INTERESTS

    @cached_property
    def decides_alone(self) -> bool:
        """The person in the picture decides: their own no cannot be overridden."""
        return self.decider in (Grantor.PATIENT, Grantor.COMPETENT_CHILD)

    @cached_property
    def floor(self) -> bool:
        """No pack can let it be stored without a decision (X1)."""
        return self.intimate or self.child_image or self.minor or self.lacks_capacity or self.unsolicited

    @cached_property
    def kept_for(self) -> str:
        """How long an image like this is kept, as the pack tells it (G-R24, X17)."""
        return self.pack.told_how_long(child=self.child_image, intimate=self.intimate)

    def long_enough(self, name: str) -> bool:
        """Whether a text is there: from so many characters on, without blanks around it, as this pack asks."""
        return len(getattr(self.said, name).strip()) >= self.least(name)

    def least(self, name: str) -> int:
        """Characters from which `name` counts as answered (G-R40, G-R113, G-R156)."""
        least = catalogue()[name].least
        if name == "purpose":
            return max(least, self.pack.shortest_purpose)
        if name == "store_justification":
            return max(least, self.pack.shortest_justification)
        if name == "keep_best_interests":
            return max(least, self.pack.shortest_justification_child)
        return least


def who_decides(situation: Situation, pack: PolicyPack) -> Grantor | None:
    """By whose right this is decided, where the answers settle it; None while they do not."""
    return Case(situation, pack).decider
