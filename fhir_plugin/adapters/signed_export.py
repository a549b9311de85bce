"""The signed file of a capture: a ZIP that `fhir-plugin verify-package` checks, on any computer.

An adapter because it joins two flows that do not know each other: what filing exports, and how packages are signed. It
holds each image whole, a page for each (PDF) to print or to file, what the record would hold of it (`record.json`), and
the list of all that with its detached JWS (RFC 7515, appendix F). One image at a time is in memory.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from stat import S_IFREG
from typing import Final

from stream_zip import ZIP_AUTO, Method, stream_zip

from fhir_plugin.capture.export import CaptureExport, ExportedImage, export_of, may_export
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.damage import unless_damaged
from fhir_plugin.disclose.package import names
from fhir_plugin.disclose.package.manifest import Listed, SigningKey, canonical, kid_of, manifest_of, signing_key
from fhir_plugin.errors import NotFound, Unavailable
from fhir_plugin.ports import AuditEntry, ClinicalRecord, CopySheets, Json, SheetPicture, StatementSigner
from mappings.model.disclosure import Mode
from mappings.model.identifiers import CaptureId, FhirBase, Sha256
from mappings.model.people import ClinicalSession

PDF: Final = "application/pdf"
JSON: Final = "application/json"
_MODE: Final = S_IFREG | 0o644
_PIECE: Final = 1 << 16
_Packed = tuple[str, dt.datetime, int, Method, Iterable[bytes]]


@dataclass(frozen=True)
class SignedExports:
    """Exports of captures: for whoever took them, and for whoever runs the installation."""

    parts: CaptureParts
    beside: Callable[[FhirBase], ClinicalRecord]
    """Our companion store of one EHR: what an operator can read without anybody's launch."""

    def may(self, session: ClinicalSession, capture_id: CaptureId) -> bool:
        """Whether this person has something of this capture to file by hand. Raises `NotFound`."""
        draft = self.parts.draft(session, capture_id)
        return unless_damaged("capture-export", lambda: may_export(self.parts, draft), False)

    def of(self, session: ClinicalSession, capture_id: CaptureId) -> Iterator[bytes]:
        """The file, for who took the pictures. Raises `NotFound`, `NothingToExport`."""
        parts = self.parts
        draft = parts.draft(session, capture_id)
        export = export_of(parts, draft, lambda: parts.records(session.launch_id))
        with parts.work.transaction():
            parts.note(session, "capture.exported", capture_id, images=len(export.images))
        return signed_file(export, parts.sheets, parts.signer, fhir_base=draft.fhir_base)

    def capture_of(self, session: ClinicalSession, copy_id: str) -> CaptureId:
        """Of which capture a copy is, if this person took its pictures. Raises `NotFound`."""
        for copy in self.parts.copies.of_patient(session.fhir_base, session.patient_id):
            if copy.id == copy_id:
                return self.parts.draft(session, copy.capture_id).capture_id
        raise NotFound(f"there is no copy {copy_id}", status=404)

    def by_operator(self, capture_id: CaptureId, operator: str) -> tuple[CaptureExport, Iterator[bytes]]:
        """The file, for whoever runs the installation; the audit trail says who. Raises as `of`."""
        parts = self.parts
        draft = parts.drafts.get(capture_id)
        export = export_of(parts, draft, lambda: self.beside(draft.fhir_base))
        with parts.work.transaction():
            parts.audit.append(
                AuditEntry(
                    action="capture.exported",
                    actor="operator",
                    patient=f"Patient/{draft.patient}",
                    subject=capture_id,
                    policy=parts.policy.reference,
                    detail={"images": len(export.images), "operator": operator},
                )
            )
        return export, signed_file(export, parts.sheets, parts.signer, fhir_base=draft.fhir_base)


def signed_file(
    export: CaptureExport, sheets: CopySheets, signer: StatementSigner, *, fhir_base: FhirBase
) -> Iterator[bytes]:
    """The ZIP in pieces. Raises, in the middle too, what an image that cannot be read raises: what was not signed to
    its end does not verify."""
    making = _Making(export, sheets, signer, fhir_base)
    return iter(stream_zip(making.packed(), chunk_size=_PIECE))


class _Making:
    """One export while it is made."""

    def __init__(self, export: CaptureExport, sheets: CopySheets, signer: StatementSigner, fhir_base: FhirBase) -> None:
        self._export = export
        self._sheets = sheets
        self._signer = signer
        self._base = fhir_base
        self._key: SigningKey = signing_key(signer)
        self._listed: list[Listed] = []

    def packed(self) -> Iterator[_Packed]:
        for number, image in enumerate(self._export.images, 1):
            content = image.load()
            name = names.picture_name(number, image.content_type)
            yield self._pack(name, image.content_type, content)
            yield self._pack(names.document_name(number, PDF), PDF, self._page(image, content))
        if self._export.resources:
            yield self._pack(names.RECORD, "application/fhir+json", _as_text(self._bundle()))
        yield self._pack(names.KEYS, "application/jwk-set+json", _as_text({"keys": [self._key.jwk]}))
        key_check = self._key.check
        statement = manifest_of(self._export.capture_id, self._export.made, Mode.SILENT, key_check, self._listed)
        yield self._pack(names.MANIFEST, JSON, canonical(statement))
        jws = self._signer.sign(statement)
        if kid_of(jws) != self._key.kid:
            raise Unavailable("The key that signs was changed meanwhile: try again.", code="key-changed")
        yield self._pack(names.SIGNATURE, "application/jose", jws.encode("ascii"))

    def _page(self, image: ExportedImage, content: bytes) -> bytes:
        picture = None if image.is_video else SheetPicture(content, image.content_type, image.width, image.height)
        words = replace(image.words, made=self._export.made)
        sheet = self._sheets.made(words, PDF, picture=picture, most=None, reduce=True)
        if sheet is None:
            raise NotFound("no page can be made of this picture", status=404)
        return sheet.content

    def _bundle(self) -> Json:
        entries = [
            {"fullUrl": f"{self._base}/{each['resourceType']}/{each['id']}", "resource": each}
            for each in self._export.resources
        ]
        made = self._export.made.astimezone(dt.UTC).isoformat(timespec="seconds")
        return {"resourceType": "Bundle", "type": "collection", "timestamp": made, "entry": entries}

    def _pack(self, name: str, media_type: str, content: bytes) -> _Packed:
        self._listed.append(Listed(name, media_type, len(content), Sha256(hashlib.sha256(content).hexdigest())))
        made = self._export.made.astimezone(dt.UTC)
        return name, made, _MODE, ZIP_AUTO(len(content), level=6), [content]


def _as_text(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
