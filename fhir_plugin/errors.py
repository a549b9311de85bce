"""Everything that can go wrong here, and who must act.

::

    PluginError
    |-- Refused                 the person must do something else; nothing was written
    |   |-- UnacceptableImage   this file cannot become a clinical image
    |   |-- NotAllowed          this person, launch or patient may not do that
    |   |   `-- NoRole          the EHR said who this is, but nothing gives them a role here
    |   |-- WrongPatient        the page and the launch do not name the same patient
    |   `-- Incomplete          answers are missing or contradict each other
    |-- Unavailable             something we need does not answer; nothing is lost, try again
    |   |-- RecordUnavailable   the EHR's FHIR server
    |   `-- SignInNeeded        the EHR's token has expired: launch again from the chart
    |-- RecordRefused           the EHR's FHIR server understood and said no
    |   |-- NotFound            no such resource, or hidden from us
    |   |-- Gone                it was there and has been deleted
    |   |-- VersionConflict     somebody changed it meanwhile
    |   |-- TooLarge            over the server's limit
    |   `-- ContentRefused      bytes of a type that it does not hold
    |-- AnswerLost              the request may or may not have happened: ask the world, never repeat blindly
    |-- ReadBackMismatch        what the EHR holds is not what we sent
    `-- Tampered                a chain, a signature or a ciphertext does not verify

Messages carry ids and codes, never content: no names, free text, tokens or image bytes. `code` is stable
and machine readable; the HTTP status is chosen in `fhir_plugin.web.errors`.
"""

from __future__ import annotations

from mappings.model.people import JobNamed, User


class PluginError(Exception):
    """The root. `code` is stable; `message` is plain English that says what to do."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class Refused(PluginError):
    """The person must do something else. Nothing was written."""

    code = "refused"


class UnacceptableImage(Refused):
    """This file cannot become a clinical image. `code` says why: see `imaging.refusals`."""

    code = "unacceptable-image"


class NotAllowed(Refused):
    """This person, launch or patient may not do that."""

    code = "not-allowed"


class NoRole(NotAllowed):
    """The EHR said who this is, but neither a job role nor an appointment gives them a role here.

    Carries what their page shows; of this only `message` is ever logged or kept.
    """

    code = "no-role"

    def __init__(self, message: str, *, user: User, ehr: str, jobs: tuple[JobNamed, ...] = (), ask: str = "") -> None:
        super().__init__(message)
        self.user = user
        self.ehr = ehr
        """The EHR's name in the registry."""
        self.jobs = jobs
        """The jobs that the EHR names for them."""
        self.ask = ask
        """Whom to ask, if the EHR's entry or the settings name somebody."""


class WrongPatient(Refused):
    """The page was made for one patient and the launch is for another. Nothing was written."""

    code = "wrong-patient"


class Incomplete(Refused):
    """Answers are missing or contradict each other. `fields` maps each field to what to do."""

    code = "incomplete"

    def __init__(self, message: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class Unavailable(PluginError):
    """Something we need does not answer. Nothing is lost; try again."""

    code = "unavailable"


class RecordUnavailable(Unavailable):
    """The EHR's FHIR server did not answer, or asked us to wait. `retry_after` in seconds, if it said."""

    code = "record-unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class SignInNeeded(Unavailable):
    """The EHR's token has expired and cannot be refreshed: launch again from the chart."""

    code = "sign-in-needed"


class RecordRefused(PluginError):
    """The EHR's FHIR server understood and said no. `status` is its HTTP status."""

    code = "record-refused"

    def __init__(self, message: str, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status


class NotFound(RecordRefused):
    """No such resource, or it is hidden from us."""

    code = "not-found"


class Gone(RecordRefused):
    """It was there and has been deleted. Old versions may still be readable."""

    code = "gone"


class VersionConflict(RecordRefused):
    """Somebody changed it since we read it."""

    code = "version-conflict"


class TooLarge(RecordRefused):
    """Over the server's limit, whatever status it chose to say so."""

    code = "too-large"


class ContentRefused(RecordRefused):
    """The server takes a Binary, as it says, and not with bytes of this type."""

    code = "content-refused"


class AnswersChanged(Refused):
    """Another page has saved other answers since this one last saw them."""

    code = "answers-changed"


class AlreadyThere(Refused):
    """What was to be added is there: it was sent twice."""

    code = "already-there"


class AnswerLost(PluginError):
    """We asked, and the answer never came, or came broken. It may have happened: ask the world."""

    code = "answer-lost"


class ReadBackMismatch(PluginError):
    """What the EHR holds is not what we sent."""

    code = "read-back-mismatch"


class Tampered(PluginError):
    """A chain, a signature or a ciphertext does not verify."""

    code = "tampered"
