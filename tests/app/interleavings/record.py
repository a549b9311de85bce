"""The FHIR half of an EHR in memory. It judges every request against the one patient of its token.

Reads by id are as lenient as a server with `user/` scopes: they give whatever is there, so that the app alone
keeps one patient's pictures from another's page. Writes and searches for somebody else are findings.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tests.app.interleavings.people import STAFF, Json, Person, Staff, named_in, of_ehr, others
from tests.fakes.clock import FakeClock

CAPTURE_TAG = "urn:fhir-plugin:capture"
FHIR_JSON = "application/fhir+json"
_HELD = ("Media", "DocumentReference", "Binary", "Consent", "Provenance", "AuditEvent")
_INTERACTIONS = ("create", "read", "update", "delete", "search-type")
_PARAMETERS = ("_tag", "identifier", "patient", "subject", "target", "entity")
_NO_SEARCH = frozenset({"Binary"})


@dataclass(frozen=True)
class Access:
    """What one access token opens: one person of one EHR, for one member of staff."""

    token: str = field(repr=False)
    person: Person
    user: Staff


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass
class _Row:
    owner: Person
    version: int
    resource: Json | None
    content: bytes = b""
    content_type: str = ""


@dataclass(frozen=True)
class Write:
    """One resource that reached the EHR: by whom, for whom, and of which capture (None: bytes alone)."""

    access: Access
    reference: str
    capture: str | None


Finding = Callable[[str], None]


@dataclass
class Record:
    """The charts of one EHR. `own_ids`: whether it takes the app's ids and transactions, or gives ids of its own."""

    name: str
    base: str
    clock: FakeClock
    own_ids: bool
    finding: Finding
    writes: list[Write] = field(default_factory=list)
    born: dict[str, str] = field(default_factory=dict)
    """Birth dates that were corrected, by patient id."""
    corrected: dict[str, int] = field(default_factory=dict)
    """How often the details of a patient were corrected."""
    _rows: dict[str, _Row] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _contexts: list[tuple[str, Access]] = field(default_factory=list)

    def correct(self, person: Person) -> None:
        """The EHR corrects the birth date of this patient."""
        count = self.corrected.get(person.id, 0) + 1
        self.corrected[person.id] = count
        self.born[person.id] = f"{person.born[:-2]}{count % 9 + 10}"

    def images(self) -> list[tuple[str, Person]]:
        """References of every picture that is filed here, and of whom it is."""
        return [
            (reference, row.owner)
            for reference, row in self._rows.items()
            if row.resource is not None and row.resource["resourceType"] == "Media"
        ]

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes, access: Access | None
    ) -> Answer:
        """One request within the FHIR base. Only the CapabilityStatement is for everybody."""
        if path == "metadata" and method == "GET":
            return _json(200, self._capability())
        if access is None:
            return _refusal(401, "login")
        parts = path.split("/") if path else []
        match method, parts:
            case "POST", []:
                return self._transaction(json.loads(content), access)
            case "GET", [kind]:
                return self._search(kind, dict(parse_qsl(query)), access)
            case "POST", [kind, "_search"]:
                return self._search(kind, dict(parse_qsl(content.decode())), access)
            case "GET", [kind, id]:
                return self._read(kind, id, access)
            case "POST", [kind] if not self.own_ids:
                return self._write(kind, str(next(self._ids)), headers, content, access)
            case "PUT", [kind, id]:
                if not self.own_ids and f"{kind}/{id}" not in self._rows:
                    return _refusal(405, "not-supported")
                return self._write(kind, id, headers, content, access)
            case "DELETE", [kind, id]:
                return self._delete(f"{kind}/{id}", access)
        return _refusal(405, "not-supported")

    def settle(self) -> None:
        """After a step: what a Binary was said to belong to must belong to the patient who it was written for."""
        for context, access in self._contexts:
            owner = self._rows.get(context)
            if owner is not None and owner.owner != access.person:
                self.finding(f"a Binary of {access.person.mark} belongs to {context} of {owner.owner.mark}")

    # ------------------------------------------------------------------------------------------ reading

    def _capability(self) -> Json:
        described = [
            {
                "type": kind,
                "interaction": [{"code": code} for code in _INTERACTIONS],
                "updateCreate": self.own_ids,
                "searchParam": [] if kind in _NO_SEARCH else [{"name": name} for name in _PARAMETERS],
            }
            for kind in _HELD
        ]
        people = [
            {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]}
            for kind in ("Patient", "Practitioner", "PractitionerRole")
        ]
        rest: Json = {"mode": "server", "resource": [*described, *people]}
        if self.own_ids:
            rest["interaction"] = [{"code": "transaction"}]
        return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}

    def _read(self, kind: str, id: str, access: Access) -> Answer:
        if kind == "Patient":
            if id != access.person.id:
                self.finding(f"a token of {access.person.mark} read Patient/{id}")
            return _json(200, access.person.resource(self.born.get(access.person.id, access.person.born)))
        if kind == "Practitioner":
            found = next((each for each in STAFF[self.name] if each.id == id), None)
            return _json(200, found.resource()) if found else _refusal(404, "not-found")
        row = self._rows.get(f"{kind}/{id}")
        if row is None:
            return _refusal(404, "not-found")
        if row.resource is None and kind != "Binary":
            return _refusal(410, "deleted")
        if kind == "Binary":
            return (
                Answer(200, {"Content-Type": row.content_type}, row.content) if row.content else _refusal(410, "gone")
            )
        assert row.resource is not None
        return _json(200, row.resource, {"ETag": f'W/"{row.version}"'})

    def _search(self, kind: str, asked: Mapping[str, str], access: Access) -> Answer:
        if kind == "PractitionerRole":
            found = [role for each in STAFF[self.name] if each == access.user for role in each.roles()]
            return _bundle(found)
        for name in ("patient", "subject"):
            if name in asked and asked[name].removeprefix("Patient/") != access.person.id:
                self.finding(f"a token of {access.person.mark} searched for {name}={asked[name]}")
        if not {"patient", "subject", "identifier", "_tag"} & set(asked):
            self.finding(f"a search of {kind} that names neither patient nor capture")
        rows = [
            row.resource
            for reference, row in self._rows.items()
            if reference.startswith(f"{kind}/") and row.resource is not None and row.owner == access.person
        ]
        return _bundle([each for each in rows if all(_matches(each, *one) for one in asked.items())])

    # ------------------------------------------------------------------------------------------ writing

    def _transaction(self, bundle: Json, access: Access) -> Answer:
        if not self.own_ids:
            return _refusal(405, "not-supported")
        done = []
        together = {entry["request"]["url"] for entry in bundle["entry"]}
        for entry in bundle["entry"]:
            assert entry["request"]["method"] == "PUT"
            kind, id = entry["request"]["url"].split("/")
            self._judge(entry["resource"], access, together)
            row = self._keep(kind, id, entry["resource"], access)
            location = f"{kind}/{id}/_history/{row.version}"
            done.append({"response": {"status": "201 Created", "location": location}})
        return _json(200, {"resourceType": "Bundle", "type": "transaction-response", "entry": done})

    def _write(self, kind: str, id: str, headers: Mapping[str, str], content: bytes, access: Access) -> Answer:
        reference = f"{kind}/{id}"
        before = self._rows.get(reference)
        if before is not None and before.owner != access.person:
            self.finding(f"{access.person.mark} wrote over {reference} of {before.owner.mark}")
        content_type = headers.get("Content-Type", "")
        if kind == "Binary" and content_type != FHIR_JSON:
            self._judge_bytes(reference, headers, content, access)
            version = before.version + 1 if before else 1
            self._rows[reference] = _Row(access.person, version, None, content, content_type)
            return Answer(201 if before is None else 200, {"Location": f"{self.base}/{reference}/_history/{version}"})
        resource = json.loads(content)
        self._judge(resource, access, set())
        if "If-Match" in headers and (before is None or headers["If-Match"] != f'W/"{before.version}"'):
            return _refusal(412, "conflict")
        row = self._keep(kind, id, resource, access)
        assert row.resource is not None
        location = {"Location": f"{self.base}/{reference}/_history/{row.version}", "ETag": f'W/"{row.version}"'}
        return _json(201 if before is None else 200, row.resource, location)

    def _keep(self, kind: str, id: str, resource: Json, access: Access) -> _Row:
        reference = f"{kind}/{id}"
        before = self._rows.get(reference)
        version = before.version + 1 if before else 1
        meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": self.clock.now().isoformat()}
        row = self._rows[reference] = _Row(access.person, version, {**resource, "id": id, "meta": meta})
        self.writes.append(Write(access, reference, _capture_of(resource)))
        return row

    def _delete(self, reference: str, access: Access) -> Answer:
        row = self._rows.get(reference)
        if row is None:
            return _refusal(404, "not-found")
        if row.owner != access.person:
            self.finding(f"a token of {access.person.mark} deleted {reference} of {row.owner.mark}")
        capture = _capture_of(row.resource) if row.resource is not None else None
        self.writes.append(Write(access, reference, capture))
        row.resource, row.content = None, b""
        row.version += 1
        return Answer(204)

    # ------------------------------------------------------------------------------------------ judging

    def _judge(self, resource: Json, access: Access, together: set[str]) -> None:
        """Everything that a written resource says belongs to the token's patient, at this EHR."""
        kind, person = resource["resourceType"], access.person
        wrong = others(named_in(json.dumps(resource).encode()), person)
        if wrong:
            self.finding(f"a {kind} for {person.mark} speaks of {sorted(each.mark for each in wrong)}")
        for text in _references(resource):
            if text.startswith("http") and not text.startswith(f"{self.base}/"):
                self.finding(f"a {kind} at {self.name} refers to another server: {text}")
            target = text.removeprefix(f"{self.base}/").split("/_history/")[0]
            if target.startswith("Patient/") and target != f"Patient/{person.id}":
                self.finding(f"a {kind} for {person.mark} refers to {target}")
            if target.startswith("Practitioner/") and target != f"Practitioner/{access.user.id}":
                self.finding(f"a {kind} by {access.user.id} names {target}")
            row = self._rows.get(target)
            if row is not None and row.owner != person:
                self.finding(f"a {kind} for {person.mark} refers to {target} of {row.owner.mark}")
        owner = {"Consent": "patient", "Media": "subject", "DocumentReference": "subject"}.get(kind)
        if owner is not None and resource[owner]["reference"] not in (
            f"Patient/{person.id}",
            f"{self.base}/Patient/{person.id}",
        ):
            self.finding(f"{kind}.{owner} is not the launch's patient")
        if kind == "Provenance":
            targets = [each["reference"].removeprefix(f"{self.base}/") for each in resource["target"]]
            if not targets or not all(each in together or each in self._rows for each in targets):
                self.finding("a Provenance without its picture")
        if kind == "AuditEvent" and f"Patient/{person.id}" not in {
            text.removeprefix(f"{self.base}/") for text in _references(resource)
        }:
            self.finding("an AuditEvent that does not say whose record it is about")

    def _judge_bytes(self, reference: str, headers: Mapping[str, str], content: bytes, access: Access) -> None:
        if named_in(content) != {access.person}:
            self.finding(f"bytes of somebody else were written for {access.person.mark}")
        context = headers.get("X-Security-Context", "").removeprefix(f"{self.base}/")
        if context.startswith("Patient/"):
            if context != f"Patient/{access.person.id}":
                self.finding(f"a Binary for {access.person.mark} belongs to {context}")
        elif context.startswith(("Media/", "DocumentReference/")):
            self._contexts.append((context, access))
        else:
            self.finding("a Binary without a security context")
        self.writes.append(Write(access, reference, None))


def of(name: str) -> tuple[Person, ...]:
    """The patients whose charts an EHR has."""
    return of_ehr(name)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("reference", "url") and isinstance(value, str) and ("/" in value):
                if key == "reference" or value.startswith(("Binary/", "https://fhir.")):
                    yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _capture_of(resource: Json) -> str | None:
    tags = resource.get("meta", {}).get("tag", [])
    return next((str(tag["code"]) for tag in tags if tag.get("system") == CAPTURE_TAG), None)


def _matches(resource: Json, name: str, value: str) -> bool:
    if name in ("_tag", "identifier"):
        where = resource.get("meta", {}).get("tag", []) if name == "_tag" else resource.get("identifier", [])
        listed = where if isinstance(where, list) else [where]
        system, _, code = value.rpartition("|")
        return any(each.get("system") == system and each.get("code", each.get("value")) == code for each in listed)
    if name in ("target", "entity"):
        return value in _references(resource)
    return True  # whose it is has been judged, and everything else only shapes the answer


def _json(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, {"Content-Type": FHIR_JSON, **(headers or {})}, json.dumps(body).encode())


def _bundle(resources: list[Json]) -> Answer:
    entries = [{"resource": each} for each in resources]
    return _json(200, {"resourceType": "Bundle", "type": "searchset", "entry": entries})


def _refusal(status: int, code: str) -> Answer:
    issue = {"severity": "error", "code": code}
    return _json(status, {"resourceType": "OperationOutcome", "issue": [issue]})
