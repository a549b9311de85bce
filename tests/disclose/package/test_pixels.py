"""A picture that stays is known again in a package whatever its file; others of its kind go out."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from PIL import Image

from fhir_plugin.disclose.prove import Needles, what_to_look_for
from fhir_plugin.disclose.proven import CannotLook, NotProven
from fhir_plugin.imaging.pixel_hash import print_or_none
from tests.disclose.package.made import contents, image, lines, media, written
from tests.imaging.test_pixel_hash import pebble, saved


def staying(*pictures: Image.Image) -> Needles:
    prints = {print_or_none(saved(each, quality=93)): f"Media/s{place}" for place, each in enumerate(pictures)}
    return what_to_look_for([], prints={each: of for each, of in prints.items() if each is not None})


def letter_with(content: bytes, content_type: str = "application/octet-stream") -> dict[str, object]:
    """A permitted resource to which something is attached."""
    attachment = {"contentType": content_type, "data": base64.b64encode(content).decode()}
    return {
        "resourceType": "DocumentReference",
        "id": "l1",
        "status": "current",
        "content": [{"attachment": attachment}],
    }


def in_an_archive(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("scan.jpg", content)
    return file.getvalue()


@pytest.mark.parametrize("wrap", [bytes, in_an_archive])
@pytest.mark.parametrize(
    "copy",
    [
        saved(pebble(7), quality=55),
        saved(pebble(7).resize((240, 180)), "PNG"),
        saved(pebble(7), "WEBP", quality=70),
    ],
)
def test_a_copy_that_hangs_on_something_permitted_stops_the_package(copy: bytes, wrap: type[bytes]) -> None:
    with pytest.raises(NotProven, match="pixels"):
        written(contents(lines(letter_with(wrap(copy)))), needles=staying(pebble(3), pebble(7)))


def test_a_copy_among_the_pictures_stops_the_package() -> None:
    shown = [image(1, content=saved(pebble(1))), image(2, content=saved(pebble(7), quality=60))]
    with pytest.raises(NotProven, match="pixels"):
        written(contents(lines(media(1), media(2)), shown), needles=staying(pebble(7)))


@pytest.mark.parametrize("ours", [True, False])
def test_others_of_the_same_kind_go_out(ours: bool) -> None:
    shown = [image(number, content=saved(pebble(number)), ours=ours) for number in range(1, 6)]
    permitted = lines(*(media(number) for number in range(1, 6)), letter_with(saved(pebble(20)), "image/jpeg"))
    _whole, package = written(contents(permitted, shown), needles=staying(*(pebble(each) for each in range(30, 42))))
    assert package.proven.looked_at > 0


def test_a_picture_that_nobody_can_open_stops_the_package_where_pictures_stay() -> None:
    broken = letter_with(in_an_archive(saved(pebble(1))[:900]))
    with pytest.raises(CannotLook):
        written(contents(lines(broken)), needles=staying(pebble(7)))
    _whole, package = written(contents(lines(broken)), needles=what_to_look_for([]))
    assert package.proven.files
