"""Is a photograph the right thing here? The questions before a link may exist (G-R35 to G-R57), pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.policy.choices import SexualHealthUnder16

SHORTEST = 10
"""Characters of a reason. Less is not a justification."""


class Preference(StrEnum):
    """What the patient would rather have (G-R44)."""

    PHOTO = "photo"
    IN_PERSON = "in-person"
    NONE = "no-preference"


USED_BEFORE = "This was the reason of an earlier request. Say why a photo is needed this time."


@dataclass(frozen=True)
class Necessity:
    """None: not answered. No answer is ever filled in beforehand or taken from an earlier request (G-R40)."""

    remote_right: bool | None = None
    """Remote is the right way to a safe plan here (G-R37)."""
    image_enough: bool | None = None
    """A picture is enough, or enough for now (G-R38)."""
    necessary: bool | None = None
    justified: bool | None = None
    beneficial: bool | None = None
    best_interests: bool | None = None
    """These four: G-R41."""
    justification: str = field(default="", repr=False)
    """Why, for this patient, today (G-R40)."""
    limits: str = field(default="", repr=False)
    changes: str = field(default="", repr=False)
    """How the picture will change what is done (G-R43)."""
    preference: Preference | None = None
    preference_reason: str = field(default="", repr=False)
    """Why a photo although the patient would rather be seen (G-R44)."""
    speaks_freely: bool | None = None
    """The patient could speak freely; nobody presses them (G-R48)."""
    intimate_necessary: bool | None = None
    """Clinically necessary, and an examination in person is not reasonable, the patient's choice counted (G-R42)."""
    can_wait: bool | None = None
    """It could safely wait for an examination in person (G-R53)."""
    chaperone_offered: bool | None = None
    """G-R193."""
    spoken_first: bool | None = None
    """A clinician has talked with the patient about sending a private picture (G-R5, G-R182)."""
    legitimate_reason: str = field(default="", repr=False)
    """For a private picture of somebody under 18 (G-R185, G-R187)."""
    sexual_health: bool = False
    vulnerable: bool = False
    exceptional_reason: str = field(default="", repr=False)
    """Sexual health of somebody under 16 or vulnerable (G-R50)."""


_FOUR = {
    "necessary": "Say whether a photo is necessary.",
    "justified": "Say whether asking for it is justified.",
    "beneficial": "Say whether it benefits the patient.",
    "best_interests": "Say whether it is in the patient's best interests.",
}
_STOP = "You said no: do not ask for a photo. Offer an appointment in person or another way."


def missing_necessity(
    said: Necessity,
    *,
    private: bool,
    child: bool,
    under_16: bool,
    sexual_health: SexualHealthUnder16 = SexualHealthUnder16.BLOCKED,
    earlier: Sequence[str] = (),
) -> dict[str, str]:
    """Each field that still stands between this request and a link, with what to do; empty: it may go on.

    `sexual_health`: what the organisation allows (X25). `earlier`: the justifications of this patient's earlier
    requests, which may not be used again (G-R40).
    """
    missing: dict[str, str] = {}
    yes = {
        "remote_right": "Say whether remote is the right way to a safe plan.",
        "image_enough": "Say whether a photo is enough for this.",
        **_FOUR,
    }
    for name, words in yes.items():
        if getattr(said, name) is not True:
            missing[name] = words if getattr(said, name) is None else _STOP
    if len(said.justification.strip()) < SHORTEST:
        missing["justification"] = "Say in a sentence why this patient needs this photo now."
    elif plain(said.justification) in {plain(each) for each in earlier}:
        missing["justification"] = USED_BEFORE
    if said.preference is None:
        missing["preference"] = "Say what the patient would rather have."
    elif said.preference is Preference.IN_PERSON and len(said.preference_reason.strip()) < SHORTEST:
        missing["preference_reason"] = (
            "The patient would rather be seen. Say why a photo all the same, or book a visit."
        )
    if said.speaks_freely is not True:
        missing["speaks_freely"] = (
            "Say whether the patient could speak freely."
            if said.speaks_freely is None
            else "Do not send a link when the patient could not speak freely. See or ring them alone, "
            "and think of safeguarding."
        )
    if private:
        missing |= _missing_private(said, child=child)
    if said.sexual_health and (under_16 or said.vulnerable):
        if sexual_health is SexualHealthUnder16.BLOCKED:
            missing["sexual_health"] = (
                "Your organisation does not ask for sexual-health photos of people under 16 or vulnerable. See them."
            )
        elif len(said.exceptional_reason.strip()) < SHORTEST:
            missing["exceptional_reason"] = (
                "Under 16 or vulnerable: a sexual-health photo only in an exception. Say which, or see them."
            )
    return missing


def _missing_private(said: Necessity, *, child: bool) -> dict[str, str]:
    missing: dict[str, str] = {}
    if said.spoken_first is not True:
        missing["spoken_first"] = "Talk with the patient first. A private photo is never asked for unannounced."
    if said.intimate_necessary is not True:
        missing["intimate_necessary"] = (
            "Say whether it is clinically necessary and an examination in person is not reasonable."
            if said.intimate_necessary is None
            else "You said no: examine in person instead."
        )
    if said.can_wait is not False:
        missing["can_wait"] = (
            "Say whether it can safely wait for an examination."
            if said.can_wait is None
            else "It can wait: book an examination or refer instead."
        )
    if said.chaperone_offered is None:
        missing["chaperone_offered"] = "Say whether a chaperone was offered."
    if child and len(said.legitimate_reason.strip()) < SHORTEST:
        missing["legitimate_reason"] = (
            "Under 18: a private photo may be a crime. Say the clinical reason why it must be taken, or see them."
        )
    return missing


def plain(text: str) -> str:
    """The words alone: however they are spaced, cased and punctuated."""
    return re.sub(r"\W+", " ", text).strip().casefold()
