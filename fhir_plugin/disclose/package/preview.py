"""What the recipient will read, for whoever signs: the same pages from the same code, with or without pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_plugin.disclose.contents import PackageContents
from fhir_plugin.disclose.package import names
from fhir_plugin.disclose.package.files import PackedFile, packed
from fhir_plugin.disclose.package.manifest import signing_key
from fhir_plugin.disclose.package.members import Members
from fhir_plugin.disclose.package.names import PICTURE_ENDINGS, document_name, picture_name
from fhir_plugin.disclose.package.notes import words_of
from fhir_plugin.disclose.package.pointing import Loose, Pointing
from fhir_plugin.disclose.package.readable import readable_page
from fhir_plugin.disclose.package.reading import Reading
from fhir_plugin.disclose.package.spool import SealedSpool
from fhir_plugin.disclose.redact import read_part
from fhir_plugin.ports import ImageWorker, StatementSigner
from mappings.model.identifiers import Reference

AS_SENT: Final = (names.READABLE_PAGE, names.COVER_PAGE)
"""The files that can be looked at before: those that say the same whenever they are made on the same day."""


def as_sent(
    contents: PackageContents, name: str, *, package_id: str, signer: StatementSigner, worker: ImageWorker
) -> Iterator[bytes]:
    """One file of `AS_SENT`, byte for byte as it will be in the package: every picture is made as it will go out.

    Nothing of it stays: what is needed twice lies sealed in a file without a name, until the last piece was taken.
    Raises what `write_package` would raise, but looks for nothing: the proof comes with the package.
    """
    with SealedSpool() as spool:
        for member in Members(contents, package_id, signing_key(signer), worker, spool).all():
            if member.name == name:
                yield from member.pieces
                return
            for _piece in member.pieces:
                pass


def readable_html(contents: PackageContents) -> str:
    """`record.html` of this package as it will be sent, but with a grey tile where each picture will be.

    Raises what `write_package` would raise about the record itself (`Refused`, `UnreadableRecord`).
    """
    pointing = Pointing(contents.images)
    loose = [
        (each.without_content(), "" if each.is_picture else words_of(each.media_type, each.content))
        for part in contents.record()
        for each in pointing.survey(read_part(part))
    ]
    pointing.surveyed()
    pictures = [
        _standing_for(number, image.content_type, image.reference)
        for number, image in enumerate(contents.images, start=1)
    ]
    found: list[tuple[Loose, PackedFile]] = []
    words: dict[str, str] = {}
    documents = 0
    numbered = len(pictures)
    for each, said in loose:
        if each.is_picture:
            numbered += 1
            found.append((each, _standing_for(numbered, each.media_type, Reference(each.owner))))
        else:
            documents += 1
            name = document_name(documents, each.media_type)
            words[name] = said
            found.append((each, packed(name, each.media_type, b"", Reference(each.owner))))
    pointing.files(pictures, found)
    reading = Reading()
    for part in contents.record():
        resource, _changed = pointing.point(read_part(part))
        if resource is not None:
            reading.add(resource)
    return b"".join(
        readable_page(contents.cover, reading, lambda _shown: None, lambda shown: words.get(shown.name, ""))
    ).decode()


def _standing_for(number: int, media_type: str, of: Reference) -> PackedFile:
    known = media_type if media_type in PICTURE_ENDINGS else "image/jpeg"
    return packed(picture_name(number, known), known, b"", of)
