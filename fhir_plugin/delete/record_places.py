"""The places of a record that a proof looks at: by reading, by version, by every search, by `$everything`, as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fhir_plugin.delete.looking import Sought, is_deleted, is_put_over, named, outcome_or_page
from fhir_plugin.delete.needles import Needles
from fhir_plugin.errors import Gone, NotFound, RecordRefused, RecordUnavailable
from fhir_plugin.ports import Answered, ClinicalRecord, PurgeMeans, RecordPurge
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import PatientId, Reference
from mappings.r4.tombstone import is_tombstone

Json = dict[str, Any]
Look = Callable[[], Iterator[str]]

IMAGE_TYPES: Final = ("Media", "DocumentReference")
GUESSED: Final = 5
"""Versions beyond the last one known that are asked for, and of a Binary from the first on."""
MOST_GUESSED: Final = 200
MOST_RESOURCES: Final = 100_000
MOST_OFTEN: Final = 3
"""How often one version of one resource may come in one answer before its pages go round in a circle."""
_GONE: Final = frozenset({404, 410})
_FORM_NOT_SERVED: Final = frozenset({406, 415})
_NO_OPERATION: Final = frozenset({405, 501})


class NotOffered(Exception):
    """The server says that it has no such place, and showed nothing when it was asked. Nobody finds anything there."""


class RecordPlaces:
    """One image's places in one record, under one launch."""

    def __init__(
        self,
        record: ClinicalRecord,
        purge: RecordPurge,
        patient: PatientId,
        image: BoundImage,
        needles: Needles | None,
        sought: Sought,
        *,
        beside: bool = False,
    ) -> None:
        """`beside`: the image was kept by this app and its chart never had it. Where the EHR takes no resources of a
        type, our own store is then all there is to ask."""
        self._record = record
        self._purge = purge
        self._patient = patient
        self._image = image
        self._needles = needles
        self._sought = sought
        self._beside = beside
        self._type, _, self._id = image.reference.partition("/")

    def looks(self) -> Mapping[str, Look]:
        """Each place with how it is looked at, in this order."""
        looks: dict[str, Look] = {
            "record-control": self._control,
            "record-read": self._read,
            "record-versions": self._versions,
            "search-id": lambda: self._search(self._type, {"_id": self._id}),
            "search-patient": self._of_the_patient,
        }
        if self._needles is None or self._needles.identifiers:
            looks["search-identifier"] = self._by_identifier
        if self._needles is None or self._needles.labels:
            looks["search-security"] = self._by_label
        looks["everything"] = self._everything
        if self._image.binaries:
            looks["binary"] = self._bytes
            looks["binary-versions"] = self._versions_of_bytes
        return looks

    def addresses(self) -> Iterator[str]:
        """Its own address and its bytes', with the versions that the server says it shows: there, and nowhere else."""
        yield from self._read()
        if self._shows_versions(self._type):
            yield from self._versions()
        if self._image.binaries:
            yield from self._bytes()
            if self._shows_versions("Binary"):
                yield from self._versions_of_bytes()

    def _shows_versions(self, kind: str) -> bool:
        return bool({"vread", "history-instance"} & self._record.capability().interactions.get(kind, frozenset()))

    def means(self) -> tuple[PurgeMeans, ...]:
        """What could be asked of the server's administrator: for the image and its bytes."""
        kinds = dict.fromkeys((self._type, *(each.partition("/")[0] for each in self._image.binaries)))
        return tuple(dict.fromkeys(self._purge.means(kind) for kind in kinds))

    # ------------------------------------------------------------------------------------------- is it truthful

    def _control(self) -> Iterator[str]:
        """The patient is shown, and found. Else this record's silence about anything means nothing."""
        self._need("Patient", "read")
        try:
            self._record.read("Patient", self._patient)
        except (NotFound, Gone):
            raise _unbelievable("the patient is not shown") from None
        if self._record.capability().may("Patient", "search-type"):
            self._need_found("Patient", self._patient, {"_id": self._patient})
        if (tombstone := self._tombstone()) is not None:
            self._need_found(self._type, self._id, {"_id": str(tombstone["id"])})
        return iter(())

    def _need_found(self, kind: str, id: str, params: Mapping[str, str]) -> None:
        if not any(each.get("id") == id for each in self._record.search(kind, params)):
            raise _unbelievable("what is there is not found by searching")

    def _tombstone(self) -> Json | None:
        if not self._record.capability().may(self._type, "search-type"):
            return None
        try:
            resource = self._record.read(self._type, self._id)
        except RecordRefused:
            return None
        return resource if is_tombstone(resource) else None

    def _need(self, kind: str, interaction: str) -> None:
        """Without the right to look, our own store alone would answer, and nothing there would look like nothing."""
        if not (self._record.capability().may(kind, interaction) or self._only_here(kind)):
            message = f"{interaction} of {kind}: this launch may not, or the server does not do it"
            raise RecordRefused(message, status=403, code="may-not-look")

    def _only_here(self, kind: str) -> bool:
        return self._beside and not self._record.capability().holds(kind)

    # -------------------------------------------------------------------------------------------------- reading

    def _read(self) -> Iterator[str]:
        self._need(self._type, "read")
        try:
            yield from self._seen(self._record.read(self._type, self._id))
        except (NotFound, Gone):
            return

    def _versions(self) -> Iterator[str]:
        """What its history tells of, what the versions that we know of still answer, and what the server's adapter
        knows of. At least one of history and versions has to be offered: else nobody can say what is kept."""
        self._need(self._type, "read")
        told, history_offered = self._history()
        for each in told:
            yield from self._version(each)
        for version, resource in self._told(self._image.reference).items():
            if resource is not None:
                yield from self._version({**resource, "meta": {**_meta(resource), "versionId": version}})
        known = {str(_meta(each).get("versionId", "")) for each in told} | {self._image.version}
        versions_offered = False
        for version in sorted(_guessed(known), key=lambda each: (len(each), each)):
            try:
                resource = self._record.read_version(self._type, self._id, version)
                versions_offered = True
                yield from self._version(resource)
            except (NotFound, Gone):
                versions_offered = True
            except RecordRefused as refused:
                if self._only_here(self._type):  # our own store has none; the EHR never had it
                    versions_offered = True
                elif refused.status not in _NO_OPERATION or self._record.capability().may(self._type, "vread"):
                    raise
        if not (history_offered or versions_offered):
            raise RecordRefused("nobody is shown earlier versions here", status=405, code="versions-not-offered")

    def _history(self) -> tuple[list[Json], bool]:
        try:
            return self._record.history(self._type, self._id), True
        except (NotFound, Gone):
            return [], True
        except RecordRefused:
            if self._record.capability().may(self._type, "history-instance") and not self._only_here(self._type):
                raise
            return [], False

    def _version(self, resource: Json) -> Iterator[str]:
        if not is_deleted(resource):
            yield from self._seen(resource)

    # ------------------------------------------------------------------------------------------------ searching

    def _of_the_patient(self) -> Iterator[str]:
        """Every image of the patient, whatever its type: a copy has the same bytes under another id."""
        yield from self._search(self._type, {"patient": self._patient})
        for kind in IMAGE_TYPES:
            if kind != self._type and self._record.capability().searches(kind, "patient"):
                yield from self._search(kind, {"patient": self._patient})

    def _by_identifier(self) -> Iterator[str]:
        for each in self._needed().identifiers:
            yield from self._search(self._type, {"identifier": _escaped(each)}, may_lack="identifier")

    def _by_label(self) -> Iterator[str]:
        for each in self._needed().labels:
            params = {"patient": str(self._patient), "_security": _escaped(each)}
            yield from self._search(self._type, params, may_lack="_security")

    def _search(self, kind: str, params: Mapping[str, str], *, may_lack: str = "") -> Iterator[str]:
        """`may_lack`: a parameter that a server need not know. One that does not advertise it and refuses it finds
        nothing by it for anybody; what it would have found, the search by patient has to."""
        self._need(kind, "search-type")
        capability = self._record.capability()
        unknown = [name for name in params if name != "_id" and not capability.searches(kind, name)]
        if unknown and not capability.holds(kind) and not self._beside:  # then the server would not even be asked
            if may_lack in unknown:
                raise NotOffered
            raise RecordRefused(f"search of {kind}: not by {unknown[0]}", status=403, code="may-not-look")
        try:
            found = self._record.search(kind, params)
        except RecordRefused as refused:
            if may_lack in unknown and refused.status == 400:
                raise NotOffered from None
            raise
        for each in found:
            yield from self._seen(each)

    def _everything(self) -> Iterator[str]:
        """Ends with what could not be told where the patient is not in it, or the pages never end."""
        seen: dict[str, int] = {}
        try:
            for resource in self._purge.everything(self._patient):
                name = named(resource)
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > MOST_OFTEN or len(seen) > MOST_RESOURCES:
                    raise RecordRefused("the pages of $everything never end", code="pages-loop")
                yield from self._seen(resource)
        except RecordRefused as refused:
            if refused.code == "operation-not-supported" and not seen:
                raise NotOffered from None
            raise
        if not any(name.partition("/_history")[0] == f"Patient/{self._patient}" for name in seen):
            raise _unbelievable("$everything without the patient")

    def _seen(self, resource: object) -> Iterator[str]:
        found = self._sought.found_in(resource)
        if found is not None:
            yield found

    def _needed(self) -> Needles:
        if self._needles is None:
            raise RecordRefused("nobody knows any more what to look for", code="no-needles")
        return self._needles

    # ---------------------------------------------------------------------------------------------------- bytes

    def _bytes(self) -> Iterator[str]:
        """The address itself, under every form in which a server might give it."""
        for binary in self._image.binaries:
            if not self._only_here("Binary"):
                yield from self._answers(binary, self._purge.binary_answers(binary, ()))
            try:
                content = self._record.read_binary(binary).content
            except (NotFound, Gone):
                continue
            except RecordRefused as refused:
                if refused.status in _FORM_NOT_SERVED or self._only_here("Binary"):
                    continue
                raise
            if self._is_something(content):
                yield binary
            elif not self._is_notice(content):
                raise RecordUnavailable(f"{binary}: what came back is no image", code="unusable-answer")
        if self._record.capability().may("Binary", "search-type"):
            for binary in self._image.binaries:
                yield from self._search("Binary", {"_id": binary.partition("/")[2]})

    def _versions_of_bytes(self) -> Iterator[str]:
        """Each version that the server tells of, and those that it might have, under every form."""
        for binary in self._image.binaries:
            told = self._told(binary)
            for version, resource in told.items():
                if resource is not None and not is_deleted(resource) and self._sought.found_in(_of(binary, resource)):
                    yield f"{binary}/_history/{version}"
            if self._only_here("Binary"):
                continue
            versions = sorted(_guessed({each for each in told if "/" not in each}), key=lambda each: (len(each), each))
            yield from self._answers(binary, self._purge.binary_answers(binary, versions))

    def _told(self, reference: Reference) -> Mapping[str, Json | None]:
        try:
            return self._purge.versions(reference)
        except RecordRefused as refused:
            kind = reference.split("/")[0]
            untold = refused.status in _NO_OPERATION and not self._record.capability().may(kind, "history-instance")
            if not (untold or self._only_here(kind)):
                raise
            return {}  # our own store has been asked by its address

    def _answers(self, binary: Reference, answers: list[Answered]) -> Iterator[str]:
        """Of each address, one form at least has to be refused for good: 406 alone says that another form is there."""
        decided: dict[str, bool] = {}
        unclear = ""
        for each in answers:
            what, _, form = each.asked.rpartition(" ")
            decided.setdefault(what, False)
            if each.status in _GONE:
                decided[what] = True
            elif each.status in _FORM_NOT_SERVED or each.status in _NO_OPERATION:
                continue
            elif 200 <= each.status < 300 and each.content and self._is_notice(each.content):
                decided[what] = True
            elif 200 <= each.status < 300 and each.content and self._is_something(each.content):
                decided[what] = True
                yield f"{binary} ({each.asked})"
            else:
                unclear = f"{what} {form} answered {each.status}"
        if not decided or not all(decided.values()) or unclear:
            message = f"{binary}: {unclear or 'no address was refused for good'}"
            raise RecordUnavailable(message, code="unusable-answer")

    def _is_something(self, content: bytes) -> bool:
        """Anything but an error in disguise; and that, too, if the image stands in it."""
        return self._sought.in_bytes(content) or not (outcome_or_page(content) or is_put_over(content))

    def _is_notice(self, content: bytes) -> bool:
        return is_put_over(content) and not self._sought.in_bytes(content)


def _of(binary: Reference, resource: Json) -> Json:
    """As what was asked for: a version that says another name is a find all the same."""
    return {**resource, "resourceType": "Binary", "id": binary.partition("/")[2]}


def _guessed(known: set[str]) -> set[str]:
    """The versions known, and all numbers up to a few beyond the highest of them: what nobody told us of."""
    numbers = [int(each) for each in known if each.isdecimal() and each.isascii() and len(each) < 7]
    last = max(numbers, default=0)
    first = max(1, last - MOST_GUESSED)
    return {each for each in known if each} | {str(each) for each in range(first, last + GUESSED + 1)}


def _escaped(token: str) -> str:
    """`system|value` as a search value (R4, 3.1.1.5.7): of the value, what would divide it is marked."""
    system, _, value = token.partition("|")
    for each in "\\,$|":
        value = value.replace(each, f"\\{each}")
    return f"{system}|{value}" if system else value


def _meta(resource: Json) -> Json:
    meta = resource.get("meta")
    return meta if isinstance(meta, dict) else {}


def _unbelievable(why: str) -> RecordUnavailable:
    return RecordUnavailable(f"this record cannot be believed: {why}", code="record-not-believable")
