"""`ClinicalRecord` over the REST API of an EHR's FHIR server: R4 and R4B, and R5 as `fhir_r5` translates it.

Every URL that is asked lies within `base`; the token goes nowhere else (SMART-R97, R98). The only
identifiers of people in our URLs are FHIR logical ids, which the API puts there; a search by NHS number,
name, birth date or the like is sent by POST `_search`, in the body.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from fhir_plugin.adapters.fhir_binaries import BinaryForms, accept_binary, is_markup, raw_not_taken
from fhir_plugin.adapters.fhir_bundles import (
    deletion_or_resource,
    entries_of,
    outcomes_of,
    transaction_bundle,
)
from fhir_plugin.adapters.fhir_capability import build_capability
from fhir_plugin.adapters.fhir_json import binary_json, dump
from fhir_plugin.adapters.fhir_r5 import wire_for
from fhir_plugin.adapters.fhir_replies import (
    FHIR_JSON,
    accept_read,
    accept_write,
    located,
    refusal,
    stored_from,
    version_of,
)
from fhir_plugin.adapters.fhir_sender import MOST_PAGES, FhirSender
from fhir_plugin.adapters.fhir_urls import resource_path
from fhir_plugin.adapters.search_answers import CHECKED, answers
from fhir_plugin.capability import Capability, Discovery
from fhir_plugin.errors import AnswerLost, ContentRefused, NotFound, RecordRefused, RecordUnavailable, Unavailable
from fhir_plugin.ports import (
    BinaryContent,
    ClinicalRecord,
    EntryOutcome,
    ServerLimits,
    Stored,
    TransactionEntry,
)
from mappings.model.identifiers import FhirBase, Reference
from smart_launch.transport import Reply, Transport

Json = dict[str, Any]

PAGE_SIZE: Final = 100

PRIVATE_PARAMETERS: Final = frozenset(
    {"name", "given", "family", "phonetic", "birthdate", "telecom", "phone", "email", "address"}
)
"""Search parameters whose values say who somebody is, on any type. Never in a URL."""
PEOPLE: Final = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "PractitionerRole"})
"""On these types an identifier says who somebody is, too."""


class FhirServerRecord:
    """The record on one FHIR server, for one launch.

    `access_token` is asked anew for every request and may raise `SignInNeeded`; None is an open server.
    `granted` says what the granted scopes allow; `vendor` names the server family where the registry of
    issuers knows it; `binary_forms` is shared by all records of a process. `renew` gets a token that the server
    answered with 401 and gives another one, or raises `SignInNeeded`: each request is repeated at most once.
    `limits` learns what the server refuses as too large. `scopes` as granted, and what `discover` finds of the SMART
    configuration, are for people to read.
    """

    def __init__(
        self,
        transport: Transport,
        base: FhirBase,
        access_token: Callable[[], str] | None = None,
        *,
        granted: Callable[[str, str], bool] = lambda _type, _interaction: True,
        vendor: str | None = None,
        binary_forms: BinaryForms | None = None,
        most_pages: int = MOST_PAGES,
        renew: Callable[[str], str] | None = None,
        limits: ServerLimits | None = None,
        scopes: tuple[str, ...] = (),
        discover: Callable[[], Discovery | None] = lambda: None,
    ) -> None:
        self._sender = FhirSender(
            transport, base, access_token, most_pages=most_pages, renew=renew, refused_for_size=self._remember_size
        )
        self._limits = limits
        self._scopes = scopes
        self._discover = discover
        self._granted = granted
        self._vendor = vendor
        self._forms = binary_forms or BinaryForms()
        self._capability: Capability | None = None

    @property
    def base(self) -> FhirBase:
        return self._sender.base

    @property
    def sender(self) -> FhirSender:
        """How it asks: for what else is asked of the same server with the same token."""
        return self._sender

    def capability(self) -> Capability:
        """Asked of `metadata` once; first without the token, which may have died meanwhile."""
        if self._capability is None:
            what = "read the CapabilityStatement"
            reply = self._sender.ask("GET", f"{self.base}/metadata", what, token=False)
            if reply.status >= 400 and reply.retry_after is None and self._sender.has_token:
                # 401 as a rule; a server that takes no anonymous request may answer anything
                reply = self._sender.ask("GET", f"{self.base}/metadata", what)
            statement = accept_read(reply, what)
            known = build_capability(statement, vendor=self._vendor, granted=self._granted)
            self._capability = replace(known, scopes=self._scopes, discovery=self._discover())
            self._sender.wire = wire_for(known.fhir_version)
        if self._limits is not None:
            size, types = self._limits.body_limit(self.base), self._limits.refused_types(self.base)
            if (size, types) != (self._capability.refused_size, self._capability.refused_types):
                self._capability = replace(self._capability, refused_size=size, refused_types=types)
        return self._capability

    def _remember_size(self, size: int) -> None:
        """What is learnt is no reason to fail: where it cannot be kept, it is learnt again."""
        if self._limits is not None:
            with contextlib.suppress(Unavailable):
                self._limits.refused(self.base, size)

    @contextlib.contextmanager
    def _learning_type(self, content_type: str) -> Iterator[None]:
        """Of a server that says it takes a Binary, a refusal as not supported is about the type of the bytes."""
        try:
            yield
        except RecordRefused as refused:
            said = refused.status in (400, 422) and refused.code == "type-not-supported"
            if not said and refused.status != 415:
                raise
            if self._limits is not None:
                with contextlib.suppress(Unavailable):
                    self._limits.refused_type(self.base, content_type)
            raise ContentRefused(str(refused), status=refused.status) from refused

    # ------------------------------------------------------------------ reading

    def capability_of(self, _reference: Reference) -> Capability:
        return self.capability()

    def searchable(self, resource_type: str) -> bool:
        return self.capability().may(resource_type, "search-type")

    def beside(self, _resource_types: frozenset[str]) -> ClinicalRecord:
        """Itself: there is no companion store beside this one."""
        return self

    def read(self, resource_type: str, id: str) -> Json:
        path = resource_path(resource_type, id)
        resource = accept_read(self._sender.ask("GET", f"{self.base}/{path}", f"read {path}"), f"read {path}")
        return _named(resource, resource_type, id)

    def read_version(self, resource_type: str, id: str, version: str) -> Json:
        path = resource_path(resource_type, id, version)
        resource = accept_read(self._sender.ask("GET", f"{self.base}/{path}", f"read {path}"), f"read {path}")
        if version_of(resource) not in (None, version):
            raise RecordUnavailable(f"read {path}: another version came back", code="unusable-answer")
        return _named(resource, resource_type, id)

    def history(self, resource_type: str, id: str) -> list[Json]:
        path = resource_path(resource_type, id)
        what = f"history of {path}"
        found = []
        for page in self._sender.pages(f"{self.base}/{path}/_history?_count={PAGE_SIZE}", what):
            for entry in entries_of(page, "history", what):
                version = deletion_or_resource(entry, resource_type, id)
                if version is not None:
                    found.append(version)
        if not found:  # some answer an empty history for what never was
            raise NotFound(f"{what}: nothing", status=404)
        return found

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        resource_path(resource_type)
        asked = {"_count": str(PAGE_SIZE), **self._sender.wire.asked(resource_type, params)}
        private = [value for name, value in params.items() if _is_private(resource_type, name)]
        what = f"search {resource_type} by {', '.join(sorted(params)) or 'nothing'}"
        if private:
            url, form = f"{self.base}/{resource_type}/_search", asked
        else:
            url, form = f"{self.base}/{resource_type}?{urlencode(asked, quote_via=quote, safe='')}", None
        found: dict[str, Json] = {}
        for page in self._sender.pages(url, what, form=form, private=private):
            for entry in entries_of(page, "searchset", what):
                resource = entry.get("resource")
                if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
                    continue
                if isinstance(resource.get("id"), str) and self._answers(resource, params):
                    found.setdefault(resource["id"], resource)
        return list(found.values())

    def read_binary(self, url: str) -> BinaryContent:
        address = self._sender.within.resolve(url)
        if address is None:
            raise RecordRefused("the image lies outside this record", code="outside-base")
        what = "read of a Binary"
        reply = self._sender.ask("GET", address, what, headers={"Accept": "*/*"})
        if reply.status == 406 or (reply.status == 200 and is_markup(reply)):
            reply = self._sender.ask("GET", address, what)
        found = accept_binary(reply, what)
        if (named := located(address)) is not None:
            self._forms.came_back(self.base, named.reference, found.content)
        return found

    # ------------------------------------------------------------------ writing

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        resource_type = str(resource.get("resourceType"))
        what = f"create {resource_path(resource_type)}"
        headers = {"Content-Type": FHIR_JSON, "Prefer": "return=representation"}
        if if_none_exist is not None:
            headers["If-None-Exist"] = if_none_exist
        body = dump(resource)
        reply = self._sender.ask("POST", f"{self.base}/{resource_type}", what, headers=headers, content=body)
        return _accepted(reply, what, resource_type, None)

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        resource_type, id = str(resource.get("resourceType")), str(resource.get("id"))
        path = resource_path(resource_type, id)
        headers = {"Content-Type": FHIR_JSON, "Prefer": "return=representation"}
        if version is not None:
            headers["If-Match"] = f'W/"{version}"'
        body = dump(resource)
        reply = self._sender.ask("PUT", f"{self.base}/{path}", f"put {path}", headers=headers, content=body)
        return _accepted(reply, f"put {path}", resource_type, id)

    def add_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._change_labels(reference, codings, "$meta-add")

    def remove_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._change_labels(reference, codings, "$meta-delete")

    def _change_labels(self, reference: Reference, codings: Sequence[Json], operation: str) -> None:
        """HAPI's operations on `meta` alone: nothing else of the resource goes over the wire."""
        resource_type, _, id = reference.partition("/")
        path, what = resource_path(resource_type, id), f"{operation} of {reference}"
        if not self.capability().changes_labels(resource_type, remove=operation == "$meta-delete"):
            raise RecordRefused(f"{what}: not offered here", status=405, code="operation-not-supported")
        asked = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"security": [*codings]}}]}
        headers = {"Content-Type": FHIR_JSON}
        reply = self._sender.ask("POST", f"{self.base}/{path}/{operation}", what, headers=headers, content=dump(asked))
        accept_write(reply, what)

    def delete(self, resource_type: str, id: str) -> None:
        path = resource_path(resource_type, id)
        what = f"delete {path}"
        reply = self._sender.ask("DELETE", f"{self.base}/{path}", what)
        if reply.status not in (404, 410):
            # 202 says "perhaps later", which is not done
            accept_write(reply, what, expected=frozenset({200, 204}))

    def transact(self, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        """One outcome per entry. A server that is not atomic may keep half even of one that it refused."""
        if not entries:
            return []
        what = f"a transaction of {len(entries)}"
        headers = {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
        body = dump(transaction_bundle(entries))
        reply = self._sender.ask("POST", str(self.base), what, headers=headers, content=body)
        return outcomes_of(accept_write(reply, what), entries, what)

    def create_binary(
        self, content: bytes, content_type: str, *, id: str | None, security_context: Reference | None
    ) -> Stored:
        """Raw first, unless the server is known not to take it; then JSON with spliced base64.

        A 500 on a raw POST may have written, so there the second try needs an `id` to be idempotent.
        """
        taken = self._forms.raw_taken(self.base)
        if taken is None:
            taken = self.capability().vendor.raw_binary
        what = "create Binary" if id is None else f"put {resource_path('Binary', id)}"
        if taken is not False:
            headers = {"Content-Type": content_type, "Prefer": "return=minimal"}
            if security_context is not None:
                headers["X-Security-Context"] = security_context
            reply = self._send_binary(content, headers, id, what)
            if not raw_not_taken(reply, idempotent=id is not None and taken is None):
                stored = _accepted(reply, what, "Binary", id)
                self._forms.sent_raw(self.base, stored.reference, content)
                return stored
        spliced = binary_json(content, content_type, id=id, security_context=security_context)
        headers = {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
        reply = self._send_binary(spliced, headers, id, what)
        with self._learning_type(content_type):
            stored = _accepted(reply, what, "Binary", id)
        self._forms.remember(self.base, raw=False)
        return stored

    def _send_binary(self, body: bytes, headers: Mapping[str, str], id: str | None, what: str) -> Reply:
        if id is None:
            return self._sender.ask("POST", f"{self.base}/Binary", what, headers=headers, content=body)
        return self._sender.ask("PUT", f"{self.base}/Binary/{id}", what, headers=headers, content=body)

    # ------------------------------------------------------------------ answers

    def _answers(self, resource: Json, params: Mapping[str, str]) -> bool:
        asked = [(name, value) for name, value in params.items() if name in CHECKED]
        return not any(answers(resource, name, value, base=self.base) is False for name, value in asked)


def _accepted(reply: Reply, what: str, resource_type: str, id: str | None) -> Stored:
    """What was stored by a POST (`id` None) or by a PUT to `id`. Raises as `fhir_replies` says."""
    if not 200 <= reply.status < 300:
        raise refusal(reply, what, writing=True, on_type=id is None)
    body = accept_write(reply, what)
    try:
        stored = stored_from(reply, body, what)
    except AnswerLost:
        if id is None or body is not None:
            raise
        stored = Stored(resource_type, id)  # an empty answer to PUT [type]/[id] can mean only that one
    if stored.resource_type != resource_type or id not in (None, stored.id):
        raise AnswerLost(f"{what}: the server says that it made {stored.reference}", code="id-changed")
    return stored


def _is_private(resource_type: str, parameter: str) -> bool:
    """Whether the value of this search parameter says who somebody is."""
    name, _, modifier = parameter.rpartition(".")[2].partition(":")
    if name in PRIVATE_PARAMETERS or name.startswith("address-") or modifier == "identifier":
        return True
    return name == "identifier" and (resource_type in PEOPLE or "." in parameter)


def _named(resource: Json, resource_type: str, id: str) -> Json:
    if resource.get("resourceType") != resource_type or resource.get("id") != id:
        message = f"read {resource_type}/{id}: another resource came back"
        raise RecordUnavailable(message, code="unusable-answer")
    return resource
