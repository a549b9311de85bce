"""The single acts of hiding and of restoring. Each can be asked of the world whether it happened; see `ledger.intents`.

Hiding: everything kept and verified, a stub over the resource, a neutral picture over its bytes, the signed statement,
read back. Restoring: the other way round. What a server refuses is undone, and told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fhir_plugin.delete.hidden_kept import HiddenKept, same_as_before
from fhir_plugin.delete.hidden_words import keeps_versions
from fhir_plugin.delete.hiding_order import HidingOrder, KeptResource
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.errors import (
    Gone,
    NotFound,
    ReadBackMismatch,
    RecordRefused,
    Refused,
    Tampered,
    VersionConflict,
)
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import Json, StatementSigner
from mappings.model.identifiers import Reference
from mappings.r4 import elements
from mappings.r4.hidden_stub import ENTERED_IN_ERROR, Form, act_of, form_of, hidden_stub
from mappings.r4.hiding_provenance import signed_hiding_in

NOT_TAKEN = "This EHR lets nobody change this entry from here."


@dataclass
class KeepStep:
    """Everything that it shows is in the vault, and opens, before anything is taken out of the record.

    Undone last: what was kept may only be given up once the record is seen to show it again.
    """

    order: HidingOrder
    kept: HiddenKept
    name: str = "keep"

    def happened(self) -> Evidence | None:
        with contextlib.suppress(NotFound, Tampered, ReadBackMismatch):
            found = self.kept.verified()
            if found is not None:
                return {"version": elements.version_of(found.resource) or ""}
        return None

    def do(self) -> Evidence:
        if (already := self.happened()) is not None:  # hidden before, for another reason
            return already
        self.kept.keep(self.kept.read())
        verified = self.kept.verified()
        assert verified is not None
        return {"version": elements.version_of(verified.resource) or ""}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        found = self.kept.kept()
        if self.order.before is not None:
            return (f"{self.order.target} stays hidden",)  # as it was before this act
        if found is None:
            return ()
        self.kept.bytes_back(found)
        back = self.kept.resource_back(found, exact=False)
        return () if same_as_before(back, found.resource) else (f"{self.order.target} keeps a stricter label",)


@dataclass
class StubStep:
    """A stub over the version that was kept; one that somebody wrote meanwhile is kept first. What a server does not
    take is tried in a plainer form; of one that takes none, nothing is changed."""

    order: HidingOrder
    act: str
    kept: HiddenKept
    name: str = "image"

    def happened(self) -> Evidence | None:
        current = self.kept.read()
        return self._evidence(current) if self._is_so(current) else None

    def do(self) -> Evidence:
        resource_type = self.order.target.split("/")[0]
        for tries_left in reversed(range(TRIES)):
            current = self.kept.read()
            if self._is_so(current):
                return self._evidence(current)
            if not self.kept.record.capability_of(self.order.target).may(resource_type, "update"):
                raise RecordRefused(NOT_TAKEN, status=405, code="hiding-not-taken")
            try:
                self._put(self._kept_as(current), current)
                break
            except VersionConflict:
                if not tries_left:
                    raise
        current = self.kept.read()
        if not self._is_so(current):
            raise ReadBackMismatch(f"{self.order.target} does not say that it is hidden", code="stub-lost")
        return self._evidence(current)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()  # see `KeepStep`

    def again(self) -> None:
        """Hidden again, when putting it back was refused. What somebody else has put in its place stays as it is."""
        current, found = self.kept.read(), self.kept.kept()
        if found is not None and _form(current) is None and self.kept.is_ours(current, found.resource):
            self._put(found, current)

    # ------------------------------------------------------------------------------------------ inside

    def _kept_as(self, current: Json) -> KeptResource:
        """What was kept, if it is what stands there or is hidden there; else what stands there is kept now."""
        found = self.kept.kept()
        if found is not None and (_form(current) is not None or same_as_before(current, found.resource)):
            return found
        return self.kept.keep(current)

    def _put(self, kept: KeptResource, current: Json) -> None:
        refused: RecordRefused | None = None
        for form in Form:
            stub = hidden_stub(
                kept.resource, act=self.act, form=form, picture=neutral_picture(), wrong_patient=self._wrong
            )
            try:
                self.kept.record.put(stub, version=elements.version_of(current))
                return
            except (VersionConflict, NotFound, Gone):
                raise
            except RecordRefused as error:
                refused = error
        assert refused is not None
        raise refused

    @property
    def _wrong(self) -> bool:
        """As our register says now: somebody may have found meanwhile that it is of another patient."""
        return self.kept.row().wrong_patient

    def _is_so(self, current: Json) -> bool:
        marked = current.get("status") == ENTERED_IN_ERROR or not self._wrong
        return act_of(current) == self.act and _form(current) is not None and marked

    def _evidence(self, current: Json) -> Evidence:
        form = _form(current)
        return {
            "reference": self.order.target,
            "version": elements.version_of(current) or "",
            "form": form.value if form is not None else "",
            "wrong": "yes" if current.get("status") == ENTERED_IN_ERROR else "",
        }


@dataclass
class OverwriteStep:
    """A neutral picture over the bytes, where the server takes it and nothing else shows them. It is not forced: what
    stays readable under its own address is told."""

    kept: HiddenKept
    name: str = "bytes"

    def happened(self) -> Evidence | None:
        return None  # writing the same bytes again changes nothing

    def do(self) -> Evidence:
        found = self.kept.kept()
        if found is None or not found.files:
            return {"how": "none"}
        if _form(self.kept.read()) not in (Form.PICTURE, Form.EMPTY):
            return {"how": "still-there"}  # what is only marked still shows them
        how = {self._overwrite(found, at) for at in range(len(found.files))}
        return {"how": next(each for each in ("still-there", "shared", "overwritten") if each in how)}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()  # see `KeepStep`

    def _overwrite(self, kept: KeptResource, at: int) -> str:
        file, record = kept.files[at], self.kept.record
        if file.shared:
            return "shared"
        if not record.capability_of(file.binary).may("Binary", "update"):
            return "still-there"
        self.kept.parts.engine.keep_lease()
        try:
            if record.read_binary(file.binary).content != neutral_picture():
                record.create_binary(
                    neutral_picture(),
                    "image/png",
                    id=file.binary.split("/")[1],
                    security_context=self.kept.whose.reference,
                )
            return "overwritten" if record.read_binary(file.binary).content == neutral_picture() else "still-there"
        except RecordRefused:
            return "still-there"


@dataclass
class BytesBackStep:
    """The bytes as they were, by their digest."""

    kept: HiddenKept
    overwrite: OverwriteStep
    name: str = "bytes"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        self.kept.bytes_back(_whole(self.kept))
        return {}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        self.overwrite.do()
        return ()


@dataclass
class ImageBackStep:
    """The resource as it was. Undone by hiding it again."""

    kept: HiddenKept
    stub: StubStep
    name: str = "image"

    def happened(self) -> Evidence | None:
        current = self.kept.read()
        return self._evidence(current) if same_as_before(current, _whole(self.kept).resource) else None

    def do(self) -> Evidence:
        try:
            return self._evidence(self.kept.resource_back(_whole(self.kept)))
        except (ReadBackMismatch, RecordRefused, Refused):
            self.stub.again()
            raise

    def undo(self, evidence: Evidence) -> Sequence[str]:
        self.stub.again()
        return ()

    def _evidence(self, current: Json) -> Evidence:
        return {"reference": self.kept.whose.reference, "version": elements.version_of(current) or ""}


@dataclass
class VerifyStep:
    """Read back: hidden, or exactly as it was; signed for; and whether the version from before still opens here."""

    order: HidingOrder
    kept: HiddenKept
    signer: StatementSigner = field(repr=False)
    provenance: Callable[[], Reference] = field(repr=False)
    name: str = "verify"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        found = _whole(self.kept)
        try:
            current = self.kept.read()
            signed = signed_hiding_in(self.kept.record.read(*self.provenance().split("/")))
        except (NotFound, Gone) as error:
            raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error
        if signed is None or signed[0]["target"] != self.order.target or not self.signer.verify(*signed):
            raise ReadBackMismatch(f"the signature over {self.order.target} does not verify")
        if self.order.restores:
            self._is_back(found, current)
            return {}
        if _form(current) is None:
            raise ReadBackMismatch(f"{self.order.target} does not say that it is hidden", code="stub-lost")
        capability, resource_type = self.kept.record.capability_of(self.order.target), self.order.target.split("/")[0]
        return {
            "earlier": self._earlier(found),
            "keeps": "yes" if keeps_versions(capability, resource_type) else "",
            "keeps_files": "yes" if keeps_versions(capability, "Binary") else "",
        }

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()

    def _is_back(self, found: KeptResource, current: Json) -> None:
        wanted = frozenset(self.kept.row().digest.split())
        if not same_as_before(current, found.resource) or self.kept.digests() != wanted:
            raise ReadBackMismatch(f"{self.order.target} is not as it was", code="not-as-it-was")

    def _earlier(self, found: KeptResource) -> str:
        """Whether this server still gives the version from before to whoever asks as we do."""
        version = elements.version_of(found.resource)
        if version is None:
            return "unversioned"
        try:
            resource_type, _, id = self.order.target.partition("/")
            earlier = self.kept.record.read_version(resource_type, id, version)
        except (NotFound, Gone):
            return "gone"
        except RecordRefused:
            return "refused"
        return "readable" if _form(earlier) is None else "unversioned"


def _form(resource: Json) -> Form | None:
    return form_of(resource, picture=neutral_picture())


def _whole(kept: HiddenKept) -> KeptResource:
    found = kept.verified()
    if found is None:
        raise RecordRefused("nothing was kept of this image", status=409, code="nothing-kept")
    return found
