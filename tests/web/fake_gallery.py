"""The record's pictures in memory."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from fhir_plugin.errors import NotAllowed, NotFound, PluginError
from fhir_plugin.keep.view import GalleryItem
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession


def as_jpeg(image: Image.Image, quality: int = 85) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


class FakeGallery:
    """Pictures of one patient. Sensitive ones give no pixel until revealed by this session."""

    def __init__(self, items: Sequence[GalleryItem] = ()) -> None:
        self.items = list(items)
        self.pixels = as_jpeg(Image.linear_gradient("L").resize((640, 480)))
        self.by_reference: dict[Reference, bytes] = {}
        self.revealed: dict[str, str] = {}
        self.trouble: PluginError | None = None

    def images(self, session: ClinicalSession) -> Sequence[GalleryItem]:
        if self.trouble:
            raise self.trouble
        return [replace(item, revealed=session.launch_id in self.revealed) for item in self.items]

    def reveal(self, session: ClinicalSession, reference: Reference, reason: str) -> None:
        self.revealed[session.launch_id] = reason

    def picture(self, session: ClinicalSession, reference: Reference) -> tuple[bytes, str]:
        for item in self.images(session):
            if item.entry.reference == reference:
                if item.sensitive and not item.revealed:
                    raise NotAllowed("This image is sensitive. Open it with a reason first.", code="not-revealed")
                return self.by_reference.get(reference, self.pixels), "image/jpeg"
        raise NotFound("no such picture", status=404)

    def thumbnail(self, session: ClinicalSession, reference: Reference) -> tuple[bytes, str]:
        return self.picture(session, reference)


def recorded(number: int, site: str, taken: dt.date | None, *, category: str = "", ours: bool = True) -> GalleryItem:
    entry = RecordedImage(
        reference=Reference(f"Media/m{number}"),
        version="1",
        status="completed",
        labels=(),
        taken=taken,
        recorded=dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC),
        site=site,
        content_type="image/jpeg",
        content_url=f"Binary/b{number}",
        inline=False,
        ours=ours,
    )
    return GalleryItem(entry, sensitive=bool(category), revealed=False, reason_category=category)
