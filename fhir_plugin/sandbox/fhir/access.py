"""Who may do what: the hook that the sandbox's authorization server fills in.

Interactions are FHIR's words (R4 value set type-restful-interaction): read, vread, update, patch, delete,
create, search-type, history-instance, history-type; and `$everything`, `$expunge`, `$validate` for operations.
Every entry of a batch or transaction is asked about by itself; so is every resource of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fhir_plugin.sandbox.fhir.outcome import FhirError, Json


class Access(Protocol):
    """What one request may do."""

    @property
    def user(self) -> str | None:
        """The reference of who signed in, e.g. `Practitioner/7`; None where nobody did."""

    def allows(self, resource_type: str, interaction: str) -> bool:
        """Whether any resource of this type may be met with this interaction. No: 403."""

    def sees(self, resource: Json) -> bool:
        """Whether this very resource is within reach: patient compartment, granular scope.

        Asked of what is read (no: as if it were not there), of what is about to be written, and of what it
        would replace (no: 403). A Binary comes without its `data`.
        """


class AccessDenied(FhirError):
    """The request carries no token that counts (401), or one that may not (403).

    `code` is an R4 issue type: login, expired, forbidden, ...; `headers` may carry WWW-Authenticate.
    """

    def __init__(self, status: int, code: str, text: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, code, text, headers=headers)


class OpenAccess:
    """Everything for everybody: `--open`, and the sandbox's own pages."""

    user: str | None = None

    def allows(self, resource_type: str, interaction: str) -> bool:
        return True

    def sees(self, resource: Json) -> bool:
        return True


OPEN_ACCESS = OpenAccess()
