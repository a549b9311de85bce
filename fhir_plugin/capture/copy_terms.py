"""How the copies of one order are made for a chart that takes no images: what its place and policy say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fhir_plugin.capability import Capability
from fhir_plugin.capture.filing import OrderedImage
from mappings.model.labels import is_restricted
from mappings.model.writeback import Rung

TEXT: Final = "text/plain"


@dataclass(frozen=True)
class CopyTerms:
    """What the place of an order and policy say about its copies. `words_type`: of a copy that shows no picture."""

    rung: Rung
    chart_type: str
    words_type: str = TEXT
    reduce: bool = True
    words_only: bool = True
    """Of a restricted image, or one of a child, the chart gets words alone."""
    organisation: str = "the practice"

    def for_image(self, image: OrderedImage) -> tuple[Rung, str]:
        """How this image is copied, and as which MIME type."""
        if self.rung.shows_picture and self.words_only and is_restricted(list(image.labels)):
            return Rung.TEXT_NOTE, self.words_type
        return self.rung, self.chart_type if self.rung.shows_picture else self.words_type


def words_type_at(capability: Capability, chart_type: str) -> str:
    """As what words alone are filed there: plain text, or a page without a picture where no text is taken."""
    return TEXT if not chart_type or capability.takes_document(TEXT) else chart_type


def role_of(image: OrderedImage) -> str:
    return f"copy-{image.image_id}"
