"""A copy of a filed picture that says nobody's name: cut and blacked out, rebuilt from pixels (G-R220)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.view import GalleryItem
from mappings.model.identifiers import ImageId, Reference, Sha256
from mappings.model.images import Geometry, ReceivedImage
from mappings.model.people import ClinicalSession


class Pictures(Protocol):
    """The pictures of the patient of a launch, as that launch may see them."""

    def images(self, session: ClinicalSession) -> Sequence[GalleryItem]: ...

    def picture(self, session: ClinicalSession, reference: Reference) -> tuple[bytes, str]:
        """Raises `NotAllowed` for a sensitive one that has not been opened with a reason."""


def copy_of(
    parts: KeepParts, pictures: Pictures, session: ClinicalSession, reference: Reference, geometry: Geometry
) -> tuple[bytes, str]:
    """What a colleague may get: from the filed bytes, through the image worker, without anything but pixels."""
    content, content_type = pictures.picture(session, reference)
    received = ReceivedImage(ImageId("opinion"), content, content_type, Sha256("0" * 64))
    clean = parts.worker.clean(received, geometry=geometry)
    return clean.content, clean.content_type
