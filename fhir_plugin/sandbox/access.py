"""What a bearer token may do at the FHIR endpoint: SMART scopes and the patient compartment, enforced.

Silence means no: with only `patient/` scopes, a resource that cannot be tied to the launch's patient is out of
reach, unless its type says nothing about any patient (Practitioner, Organization and the like, to read).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from flask import Request

from fhir_plugin.sandbox.fhir.access import OPEN_ACCESS, Access, AccessDenied
from fhir_plugin.sandbox.fhir.indexing import Index, index_resource
from fhir_plugin.sandbox.fhir.outcome import Json
from fhir_plugin.sandbox.fhir.parameters import patient_compartment
from fhir_plugin.sandbox.fhir.references import read_reference
from fhir_plugin.sandbox.oauth.scopes import INTERACTIONS, ClinicalScope, parse
from fhir_plugin.sandbox.oauth.tokens import TokenBook

LookUp = Callable[[str, str], Json | None]
"""(type, id) -> the newest content of that resource, even if it has been deleted since; None if never stored."""

_WRITES = frozenset("cud")
_SHARED = frozenset(
    {
        "ActivityDefinition", "CapabilityStatement", "CodeSystem", "ConceptMap", "Endpoint",
        "HealthcareService", "Location", "Medication", "NamingSystem", "OperationDefinition", "Organization",
        "OrganizationAffiliation", "PlanDefinition", "Practitioner", "PractitionerRole", "Questionnaire",
        "SearchParameter", "StructureDefinition", "Subscription", "ValueSet",
    }
)  # fmt: skip
"""Types that carry nothing about a patient. `patient/` scopes may read them."""
_THROUGH_OTHERS = frozenset({"Provenance", "AuditEvent", "Binary"})
"""Types that belong to a patient through what they point at: R4's compartment knows them only in part."""
_BEARER = re.compile(r"Bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)


def create_access(
    book: TokenBook,
    *,
    fhir_base: str,
    look_up: LookUp,
    is_open: bool = False,
    fhir_user: Callable[[str], str] = str,
) -> Callable[[Request], Access]:
    """The check that the FHIR endpoint makes of every request.

    `fhir_user`: the reference of a sign-in id. Raises `AccessDenied` 401 with WWW-Authenticate (RFC 6750 section 3)
    for no token or one that is not good. With `is_open`, a request without a token may do everything; one with a
    token is still held to it.
    """

    def access(request: Request) -> Access:
        header = request.headers.get("Authorization")
        if header is None:
            if is_open:
                return OPEN_ACCESS
            raise AccessDenied(401, "login", "An access token is needed.", headers={"WWW-Authenticate": "Bearer"})
        match = _BEARER.fullmatch(header.strip())
        token = book.find_access(match[1]) if match is not None else None
        if token is None:
            raise AccessDenied(
                401,
                "expired" if match is not None else "login",
                "The access token is unknown, expired or revoked.",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        user = fhir_user(token.user) if token.user is not None else None
        return TokenAccess(parse(token.scope).clinical, token.context.patient, fhir_base, look_up, user)

    return access


class TokenAccess:
    """The reach of one token during one request.

    `sees` is asked without saying for what, so the interaction last asked about for that type counts: with
    `patient/Observation.c` alone, nobody reads.
    """

    def __init__(
        self,
        scopes: tuple[ClinicalScope, ...],
        patient: str | None,
        fhir_base: str,
        look_up: LookUp,
        user: str | None = None,
    ) -> None:
        self.user = user
        self._scopes = scopes
        self._patient = patient
        self._base = fhir_base
        self._look_up = look_up
        self._asked: dict[str, str] = {}

    def allows(self, resource_type: str, interaction: str) -> bool:
        """Whether some granted scope covers this interaction on this type."""
        self._asked[resource_type] = interaction
        return any(self._covers(scope, resource_type, interaction) for scope in self._scopes)

    def sees(self, resource: Json) -> bool:
        """Whether some scope that covers the interaction also covers this very resource."""
        resource_type = resource["resourceType"]
        interaction = self._asked.get(resource_type, "read")
        covering = [s for s in self._scopes if self._covers(s, resource_type, interaction)]
        if not covering:
            return False
        index = index_resource(resource, self._base)
        writing = bool(_WRITES & frozenset(INTERACTIONS.get(interaction, "cruds")))
        return any(
            _matches(index, scope.query)
            and (scope.level != "patient" or self._is_the_patients(resource, index, writing))
            for scope in covering
        )

    @staticmethod
    def _covers(scope: ClinicalScope, resource_type: str, interaction: str) -> bool:
        # Writing what many patients share is not within a patient's scope, whatever the wildcard says.
        if scope.level == "patient" and resource_type in _SHARED:
            letters = frozenset(INTERACTIONS.get(interaction, "cruds"))
            if letters & _WRITES:
                return False
        return scope.covers(resource_type, interaction)

    def _is_the_patients(self, resource: Json, index: Index, writing: bool) -> bool:
        resource_type = resource["resourceType"]
        if resource_type in _SHARED:
            return not writing
        if resource_type not in _THROUGH_OTHERS:
            return self._patient in _patients(resource, index)
        touched = set(self._patients_touched(resource, index))
        if writing:
            # Its targets may be made by the same transaction and have no id yet; another patient's never.
            return touched <= {self._patient}
        return self._patient in touched

    def _patients_touched(self, resource: Json, index: Index) -> Iterator[str]:
        yield from _patients(resource, index)
        for text in _pointers(resource):
            target = read_reference(text, self._base)
            if target is None:
                continue
            if target.resource_type == "Patient":
                yield target.id
            elif target.resource_type not in _SHARED | _THROUGH_OTHERS:
                found = self._look_up(target.resource_type, target.id)
                if found is not None:
                    yield from _patients(found, index_resource(found, self._base))


def _patients(resource: Json, index: Index) -> set[str]:
    """The ids of the patients whose compartment holds the resource (R4 CompartmentDefinition/patient)."""
    resource_type = resource["resourceType"]
    if resource_type == "Patient":
        return {resource.get("id", "")}
    # Types that R4 leaves out of the compartment, Task above all, belong to whom they say they are for.
    codes = patient_compartment().get(resource_type, ("patient", "subject"))
    return {row[2] for row in index.reference if row[0] in codes and row[1] == "Patient"}


def _pointers(resource: Json) -> Iterator[str]:
    """The references by which a Provenance, an AuditEvent or a Binary belongs to somebody."""
    match resource["resourceType"]:
        case "Provenance":
            found = resource.get("target")
        case "AuditEvent":
            found = [entity.get("what") for entity in resource.get("entity") or ()]
        case _:
            found = [resource.get("securityContext")]
    for reference in found or ():
        if isinstance(reference, dict) and isinstance(text := reference.get("reference"), str):
            yield text


def _matches(index: Index, query: tuple[tuple[str, str], ...]) -> bool:
    return all(_matches_one(index, name, value) for name, value in query)


def _matches_one(index: Index, name: str, value: str) -> bool:
    """A token search: `system|code`, `|code`, `system|` or `code`; commas are alternatives (R4 search)."""
    return any(
        row[0] == name and _token_equals(row[1], row[2], wanted) for wanted in value.split(",") for row in index.token
    )


def _token_equals(system: str, code: str, wanted: str) -> bool:
    if "|" not in wanted:
        return code == wanted
    wanted_system, _, wanted_code = wanted.partition("|")
    return system == wanted_system and wanted_code in ("", code)
