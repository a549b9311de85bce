"""The fast path's questions as people read them. What must be answered is policy; these are only the words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    value: str
    text: str


@dataclass(frozen=True)
class Question:
    """One question with its choices. Nothing is ever chosen beforehand."""

    name: str
    text: str
    choices: tuple[Choice, ...] = ()
    hint: str = ""

    @property
    def items(self) -> list[dict[str, str]]:
        """The choices as the design system's radios take them."""
        return [{"value": choice.value, "text": choice.text} for choice in self.choices]


YES_NO = (Choice("yes", "Yes"), Choice("no", "No"))

FACE_TO_FACE = Question("face_to_face", "Would you keep this image if you had seen the patient face to face?", YES_NO)
ARRIVAL = Question(
    "arrival",
    "How did the image reach you?",
    (
        Choice("taken-now", "Taken now"),
        Choice("our-link", "Our link"),
        Choice("email", "Email"),
        Choice("other", "Another way"),
        Choice("unasked", "Nobody asked for it"),
    ),
)
_SAID = (Choice("given", "Agreed"), Choice("refused", "Refused"), Choice("not-asked", "Not asked"))
CONSENT_RECEIVE = Question("consent_receive", "To take or receive it", _SAID)
CONSENT_STORE = Question("consent_store", "To store it in the record", _SAID)
CONSENT_FORM = Question(
    "consent_form",
    "How was it given?",
    (Choice("verbal", "Spoken"), Choice("electronic", "Electronic"), Choice("written", "Written")),
)
UNDERSTOOD = Question(
    "understood",
    "Did you check that the patient understood?",
    YES_NO,
    "What it is for, where it is kept, who can see it",
)
PHOTOGRAPHER = Question(
    "photographer",
    "Who took it?",
    (
        Choice("patient", "Patient"),
        Choice("clinician", "Me"),
        Choice("colleague", "A colleague"),
        Choice("parent", "Parent"),
        Choice("family-carer", "Family carer"),
        Choice("care-worker", "Care worker"),
        Choice("other", "Somebody else"),
    ),
)
IDENTITY = Question(
    "identity",
    "How did you confirm who it shows?",
    (
        Choice("in-person", "In person"),
        Choice("known", "Known to me"),
        Choice("date-of-birth", "Date of birth"),
        Choice("video", "On video"),
        Choice("nhs-login", "NHS login"),
        Choice("not-possible", "Not possible"),
    ),
)
INTIMACY = Question(
    "intimacy",
    "Is it intimate, or private to the patient?",
    (
        Choice("no", "No"),
        Choice("private", "The patient wants it private"),
        Choice("intimate", "Intimate"),
    ),
    "Genitals, anus, breasts, or whatever the patient feels is intimate",
)
SHOW_ONLINE = Question("show_online", "Show it in the patient’s online record?", YES_NO)
LATERALITY = (Choice("left", "Left"), Choice("right", "Right"), Choice("both", "Both"))

QUESTIONS: dict[str, Question] = {
    question.name: question
    for question in (
        FACE_TO_FACE,
        ARRIVAL,
        CONSENT_RECEIVE,
        CONSENT_STORE,
        CONSENT_FORM,
        UNDERSTOOD,
        PHOTOGRAPHER,
        IDENTITY,
        INTIMACY,
        SHOW_ONLINE,
    )
}
