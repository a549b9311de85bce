"""The questions before a patient is asked for a photo, as the page puts them; what is missing is said by the flow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """One question. `kind`: yes-no, words, long-words, tick or choice. `group`: the part of the page it is in."""

    name: str
    text: str
    kind: str
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()


NECESSITY = (
    Asked("remote_right", "Is remote the right way to a safe plan here?", "yes-no"),
    Asked(
        "image_enough",
        "Is a photo enough for this?",
        "yes-no",
        "Feeling or a sample may be needed as well. A still often shows more than a video.",
    ),
    Asked("necessary", "Is a photo necessary?", "yes-no"),
    Asked("justified", "Is asking for it justified?", "yes-no"),
    Asked("beneficial", "Does it benefit the patient?", "yes-no"),
    Asked("best_interests", "Is it in the patient’s best interests?", "yes-no"),
    Asked("justification", "Why does this patient need a photo today?", "words", "For the record, in a sentence."),
)
MORE = (
    Asked("limits", "What will a photo not show?", "words"),
    Asked("changes", "How will it change what you do?", "words"),
)
PATIENT = (
    Asked(
        "preference",
        "What would the patient rather have?",
        "choice",
        choices=(("photo", "Send a photo"), ("in-person", "Be seen"), ("no-preference", "Either")),
    ),
    Asked("speaks_freely", "Could the patient speak freely, with nobody pressing them?", "yes-no"),
    Asked("alternatives", "What else can the patient do?", "words", "The patient reads this. Being seen is one way."),
)
PREFERS_TO_BE_SEEN = Asked("preference_reason", "They would rather be seen: why a photo all the same?", "words")
TOLD = (
    Asked("purpose", "Why a photo helps", "words", "The patient reads this. Use their words."),
    Asked("area", "What to photograph", "words", "The patient reads this, after the date of birth check."),
)
WHO = (
    Asked(
        "asked",
        "Who is asked?",
        "choice",
        choices=(
            ("patient", "The patient"),
            ("parent", "A parent, for a child"),
            ("competent-child", "The child, who is competent for this"),
        ),
    ),
)
PARENT = (Asked("parent_words", "Who is it, and how do you know of their parental responsibility?", "words"),)
CHILD = (
    Asked("gillick_words", "Why is this child competent to decide about this photo?", "words"),
    Asked("own_phone", "It is the child’s own phone, which no parent reads", "tick"),
    Asked(
        "parents_may_know",
        "I asked the child: it may go to a parent’s phone",
        "tick",
        "Only if the child said so, alone with you.",
    ),
)
PRIVATE = (
    Asked("private_allowed", "A private part of the body may be photographed", "tick", "Agreed with the patient."),
    Asked("spoken_first", "Have you talked with the patient about a private photo?", "yes-no"),
    Asked(
        "intimate_necessary",
        "Is it clinically necessary, and an examination in person not reasonable?",
        "yes-no",
        "Count what the patient would choose.",
    ),
    Asked("can_wait", "Can it safely wait for an examination?", "yes-no"),
    Asked("chaperone_offered", "Was a chaperone offered?", "yes-no"),
)
UNDER_18 = (
    Asked(
        "legitimate_reason",
        "Under 18 and private: what is the clinical reason?",
        "words",
        "Taking, sending and receiving it may be a crime without one. Consider seeing the patient.",
    ),
)
SEXUAL_HEALTH = (
    Asked("sexual_health", "It is about sexual health", "tick"),
    Asked("vulnerable", "The patient is vulnerable", "tick"),
    Asked("exceptional_reason", "Under 16 or vulnerable: which exception is it?", "words"),
)
NEEDS = (
    Asked("easy_read", "Easy read", "tick"),
    Asked("large_print", "Large print", "tick"),
    Asked("interpreter", "Needs an interpreter", "tick"),
)
PRACTICE = (
    Asked("practice", "Name of the practice", "line", "The patient reads this."),
    Asked("practice_phone", "Number to ring instead", "line"),
)
STATES = {
    "prepared": "No link yet",
    "sent": "Link sent",
    "opened": "Opened",
    "sending": "Being sent",
    "answered": "Photos came back",
    "declined": "Would rather not",
    "call-me": "Wants to be called",
    "withdrawn": "Taken back",
    "expired": "Not answered in time",
    "cancelled": "Cancelled",
}
"""Each state as people read it."""
