"""Plain words about a permanent deletion, for a person to hand over or send: to the patient, and to those who had
received the image. Nothing intimate is said: not what it showed, not of where, not why it was taken.

Words as easy as those of the patient's own pages: short sentences, and each thing said once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from fhir_plugin.delete.attest import ATTESTED_PLACES
from fhir_plugin.delete.clock import uk_day
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionReason, DeletionState

REASONS: Final = {
    DeletionReason.WRONG_PATIENT.value: "it was put in the wrong person’s record",
    DeletionReason.NO_CONSENT.value: "nobody had agreed to it being kept",
    DeletionReason.WITHDRAWN.value: "the agreement to keep it was taken back",
    DeletionReason.ERASURE_REQUEST.value: "the patient asked for it to be erased",
    DeletionReason.OBJECTION.value: "the patient objected to it being kept",
    DeletionReason.RETENTION_ENDED.value: "the time for keeping it was over",
    DeletionReason.COURT_ORDER.value: "a court ordered it",
    DeletionReason.OTHER.value: "for another reason, which is written down",
}

_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DONE: Final = "Your picture is gone for good"
_PLACES_ALIKE: Final = "We looked for it in every place that we can look. We found nothing."
_KEPT: Final = (
    "We still keep a short note. It says that there was a picture, when it was deleted, and who decided that. It does "
    "not say what the picture showed."
)
_ASK: Final = "Ask us if you want to know more. You can see this note at any time."
_COMPLAIN: Final = (
    "If you are not happy with this, tell us first. You can also complain to the Information Commissioner’s Office: "
    "ico.org.uk/make-a-complaint, or ring 0303 123 1113."
)


@dataclass(frozen=True)
class Letter:
    """What a person hands over or sends: a heading and paragraphs."""

    heading: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """As plain text."""
        return "\n\n".join((self.heading, *self.paragraphs)) + "\n"


def to_the_patient(case: DeletionCase, item: DeletionItem, *, organisation: str) -> Letter:
    """What became of one picture, however it stands now. Nothing is called gone that is not proven to be."""
    match item.state:
        case DeletionState.COMPLETED:
            return Letter(_DONE, (*_gone(case, item), _KEPT, _ASK, _COMPLAIN, organisation))
        case DeletionState.REJECTED:
            why = "We looked at this with care. We have to keep the picture. You can ask us why."
            safe = "Only people who need to see it for your care can see it. We can also hide it. Ask us about that."
            return Letter("Your picture stays in your record", (why, safe, _COMPLAIN, organisation))
        case DeletionState.FAILED:
            return Letter(
                "Your picture is not gone everywhere yet",
                (
                    "We have begun to delete your picture. We could not show that it is gone from every place.",
                    "We will look again. Nobody has to ask us for it. We will tell you when it is gone.",
                    _COMPLAIN,
                    organisation,
                ),
            )
        case DeletionState.CANCELLED | DeletionState.ENTERED_IN_ERROR:
            stays = "Nobody is going to delete your picture now. Ask us if you want to know why."
            return Letter("Your picture stays in your record", (stays, _COMPLAIN, organisation))
        case _:
            return Letter(
                "We are deciding about your picture",
                (
                    "Somebody has asked us to delete a picture in your record for good. It is still there.",
                    f"We will decide by {_day(case.reply_due or case.due)}, and we will tell you.",
                    organisation,
                ),
            )


def to_a_recipient(item: DeletionItem, *, sent: dt.date, organisation: str) -> Letter:
    """To whoever had received it, by the day on which they had; names neither patient nor picture."""
    what = f"On {_day(sent)} we sent you a picture from a patient’s record, or showed it to you."
    ours = (
        "We have deleted it for good."
        if item.state is DeletionState.COMPLETED
        else "We are going to delete it for good."
    )
    return Letter(
        "Please delete a picture that you had from us",
        (
            f"{what} {ours}",
            "Please delete every copy that you have: files, prints, mails, and copies in bins or backups, as far as "
            "you can reach them. Tell anybody to whom you gave it.",
            "Then write to us: what you deleted, and when. If the law makes you keep it, tell us which law. Do not "
            "send the picture back.",
            organisation,
        ),
    )


def not_said_yet(case: DeletionCase) -> tuple[str, ...]:
    """The places for which nobody has given their word: for whoever writes these letters."""
    said = {each.place for each in case.attested if each.on is not None}
    return tuple(words for place, words in ATTESTED_PLACES.items() if place not in said)


def _gone(case: DeletionCase, item: DeletionItem) -> tuple[str, ...]:
    on = f" We finished on {_day(uk_day(item.proof.at))}." if item.proof is not None else ""
    first = f"We have deleted a picture that was in your record.{on} Nobody can get it back from there."
    backups = (
        "There may still be a copy in a backup for a while. A backup is a safety copy of a whole computer. Nobody "
        "looks at pictures in it. It is written over in time."
    )
    if case.reason is DeletionReason.WRONG_PATIENT:
        first = (
            f"A picture was in your record that did not belong there. We have deleted it.{on} We are sorry that it "
            "was there."
        )
    return first, _PLACES_ALIKE, backups


def _day(day: dt.date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
