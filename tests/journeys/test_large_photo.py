"""A photograph of 12 megapixels and 5 MB at every kind of server: filed by some rung, and whole where it is kept."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.errors import PluginError
from fhir_plugin.sandbox.fhir.personality import load_personality, personality_names
from fhir_plugin.walkthrough import walk
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.writeback import ChartCopy, CopyState, Rung
from mappings.r4.attachment import attachment_of
from tests.imaging.drawing import as_jpeg, grainy

OFTEN = ("smart-launcher",)
COPIES = {
    "athena": Rung.SIGNED_EXPORT,
    "documents-only": Rung.PDF,
    "epic": Rung.TEXT_NOTE,
    "no-binary": Rung.PDF,
    "oracle": Rung.PDF,
    "small-bodies": Rung.PDF,
    "smart-launcher": Rung.PDF,
    "text-only": Rung.TEXT_NOTE,
}
"""What the chart gets where it does not hold the image; at all the others it does."""
REDUCED = {"small-bodies", "smart-launcher"}
SECOND_TIME = {"documents-only": "content-refused", "small-bodies": "too-large"}
"""Strangers, of which it is learnt from their first refusal what they do not take."""


@pytest.fixture(scope="module")
def photo() -> bytes:
    """Drawn: one grainy tile, each time of another brightness."""
    tile = np.asarray(grainy(1000, 750), dtype=np.int16)
    rows = [np.concatenate([tile + 3 * column - 5 * row for column in range(4)], axis=1) for row in range(4)]
    drawn = Image.fromarray(np.concatenate(rows).clip(0, 255).astype(np.uint8), "RGB")
    made = as_jpeg(drawn, quality=94, subsampling="4:4:4")
    assert drawn.size == (4000, 3000)
    assert 4_500_000 < len(made) < 6_000_000
    return made


@pytest.mark.parametrize(
    "like",
    [pytest.param(each, marks=[] if each in OFTEN else [pytest.mark.exhaustive]) for each in personality_names()],
)
def test_it_is_filed_and_whole(tmp_path: Path, photo: bytes, like: str) -> None:
    with start_demo(tmp_path, like=like) as demo:
        if like in SECOND_TIME:
            with pytest.raises(PluginError) as refused:
                filed(demo, photo)
            assert refused.value.code == SECOND_TIME[like]
        result = filed(demo, photo)
        assert result["sha256_read_back"] == result["sha256_clean"]
        base = FhirBase(demo.sandbox.fhir_base)
        copies = demo.installation.parts.copies.of_image(base, Reference(result["media"]))
        assert [copy.rung for copy in copies] == ([COPIES[like]] if like in COPIES else [])
        assert [copy.reduced for copy in copies if copy.rung is Rung.PDF] == [
            like in REDUCED for _ in copies if COPIES[like] is Rung.PDF
        ]
        held = demo.sandbox.store.read(*result["media"].split("/"))
        assert (held is None) is (like in COPIES), "the chart holds the image, or the app does"
        for copy in copies:
            assert_in_chart(demo, copy, like, photo)


def filed(demo: Demo, photo: bytes) -> dict[str, Any]:
    return walk(demo, photo, "image/jpeg")


def assert_in_chart(demo: Demo, copy: ChartCopy, like: str, photo: bytes) -> None:
    """What the chart really holds: of the type that was said, within what the server takes."""
    if copy.rung is Rung.SIGNED_EXPORT:
        assert (copy.state, copy.document) == (CopyState.TO_FILE, None)
        return
    assert copy.document is not None
    document = demo.sandbox.store.read(*copy.document.split("/"))
    assert document is not None
    attachment = attachment_of(document)
    assert attachment["contentType"].partition(";")[0] == copy.content_type.partition(";")[0]
    if "data" in attachment:
        content = base64.b64decode(attachment["data"])
    else:
        binary = demo.sandbox.store.read(*attachment["url"].rsplit("/", 2)[-2:])
        assert binary is not None
        content = base64.b64decode(binary["data"])
    assert len(content) < load_personality(like).max_body_bytes
    assert content.startswith(b"%PDF" if copy.rung is Rung.PDF else b"")
    if copy.rung is Rung.TEXT_NOTE:
        assert len(content) < 20_000 and copy.image_id.encode() in content
    elif not copy.reduced:
        assert len(content) > len(photo) * 0.9
