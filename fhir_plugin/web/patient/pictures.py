"""Photos on the patient's page: adding them whole, cutting and turning them, taking them out.

A photo is known by its bytes: one that is sent again after a lost signal arrives once.
"""

from __future__ import annotations

import json

from flask import make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from fhir_plugin.capture.requests.link import LinkRefused
from fhir_plugin.capture.requests.page import Picture, Visit
from fhir_plugin.errors import Incomplete, Refused, UnacceptableImage
from fhir_plugin.web.access import public
from fhir_plugin.web.asking import asked_by_script
from fhir_plugin.web.geometry import read_geometry, region_as_text
from fhir_plugin.web.patient.blueprint import here, patient, shown_picture, to
from fhir_plugin.web.patient.door import door, refused_in_words, show, visits, words_for
from fhir_plugin.web.patient.flow import Page, after, before
from fhir_plugin.web.patient.wording import Words
from fhir_plugin.web.security import picture_response, takes_picture
from fhir_plugin.web.uploads import read_picture
from mappings.model.identifiers import ImageId
from mappings.model.images import Geometry, Region

STRIP = 0.1
"""How much of what is left one press cuts off."""
LEAST = 0.05
"""Less than this share of the photo, across or down, shows nothing."""

_SCRIPT_WORDS = [
    "take",
    "choose",
    "choose_more",
    "photo",
    "sending",
    "checking",
    "arrived",
    "no_signal",
    "again",
    "too_many",
    "leave",
]
_CORNERS = ("corner_nw", "corner_ne", "corner_sw", "corner_se", "kept")


@patient.route("/photos", methods=["GET", "POST"])
@public
@takes_picture
def photos() -> ResponseReturnValue:
    """The photos so far, and a way to add one: from a form, or as bare bytes from a script."""
    visit = here(Page.PHOTOS)
    if not isinstance(visit, Visit):
        return ({"go": visit.headers["Location"]}, 409) if asked_by_script() else visit
    words, _ = words_for(visit.information)
    if request.method == "GET":
        return _photos_page(visit)
    chosen = request.files.get("picture") if request.mimetype == "multipart/form-data" else None
    if chosen is not None and not chosen.filename:
        return _photos_page(visit, words("photos.nothing_chosen"))
    try:
        content, declared = read_picture(request, most_bytes=visit.information.policy.most_bytes_per_image)
        picture = visits().add_picture(door(), content, declared)
    except (LinkRefused, Incomplete):
        raise
    except Refused as error:
        if error.code == "duplicate-image":  # it came before, and only our answer was lost
            return ({"picture": ""}, 200) if asked_by_script() else to("photos")
        return _not_added(visit, refused_in_words(words, error.code))
    except (RequestEntityTooLarge, UnsupportedMediaType):
        return _not_added(visit, words("refused.too_large"))
    except BadRequest:
        return _not_added(visit, words("refused.broken"), status=503)
    return ({"picture": picture.image_id}, 200) if asked_by_script() else to("photos", _anchor="so-far")


def _not_added(visit: Visit, text: str, *, status: int = 422) -> ResponseReturnValue:
    return ({"text": text}, status) if asked_by_script() else _photos_page(visit, text)


def _photos_page(visit: Visit, error: str = "") -> ResponseReturnValue:
    words, look = words_for(visit.information)
    room = visit.details is not None and len(visit.pictures) < visit.details.most_pictures
    page = show(
        "patient/photos.html",
        visit,
        words,
        look,
        pictures=[shown_picture(each) for each in visit.pictures],
        previous=before(Page.PHOTOS, visit),
        script_words=_as_json(words, "photos", _SCRIPT_WORDS, other=words("refused.other")),
        errors={"picture": error} if error else {},
        problems=[{"text": error, "href": "#picture" if room else "#so-far"}] if error else [],
    )
    return page, 422 if error else 200


def _as_json(words: Words, section: str, keys: tuple[str, ...] | list[str], **more: str) -> str:
    return json.dumps({key: words.unfilled(f"{section}.{key}") for key in keys} | more)


@patient.route("/photos/done", methods=["GET", "POST"])
@public
def photos_done() -> ResponseReturnValue:
    visit = here(Page.PHOTOS)
    if not isinstance(visit, Visit):
        return visit
    if request.method == "GET":
        return to("photos")
    if not visit.pictures:
        words, _ = words_for(visit.information)
        return _photos_page(visit, words("photos.none"))
    return to(after(Page.PHOTOS, visit))


@patient.route("/photos/<image_id>/remove", methods=["GET", "POST"])
@public
def remove(image_id: str) -> ResponseReturnValue:
    """Taken out and destroyed at once; pressed twice, it is gone once."""
    visit = here(Page.PHOTOS)
    if not isinstance(visit, Visit):
        return visit
    if request.method == "POST" and _picture(visit, image_id) is not None:
        visits().remove_picture(door(), ImageId(image_id))
    return to("photos", _anchor="so-far")


@patient.get("/photos/<image_id>/small")
@public
def small(image_id: str) -> ResponseReturnValue:
    """The photo as it will be sent, small."""
    content, content_type = visits().thumbnail(door(), ImageId(image_id))
    return picture_response(content, content_type)


@patient.get("/photos/<image_id>/whole-<int:turns>")
@public
def whole(image_id: str, turns: int) -> ResponseReturnValue:
    """The whole photo, turned: what the box is drawn over."""
    return picture_response(visits().preview(door(), ImageId(image_id), quarter_turns=turns % 4), "image/jpeg")


@patient.route("/photos/<image_id>/crop", methods=["GET", "POST"])
@public
def crop(image_id: str) -> ResponseReturnValue:
    """Cut and turn: by the box, or strip by strip with buttons; the server draws what is left (G-R249)."""
    visit = here(Page.PHOTOS)
    if not isinstance(visit, Visit):
        return visit
    picture = _picture(visit, image_id)
    if picture is None:
        return to("photos")
    words, look = words_for(visit.information)
    error = ""
    geometry = picture.geometry
    if request.method == "POST":
        try:
            wanted = _wanted()
            if wanted != geometry:
                picture = visits().edit(door(), picture.image_id, wanted)
                geometry = wanted
        except LinkRefused:
            raise
        except (Refused, UnacceptableImage):
            error = words("crop.too_small")
        if not error:
            done = request.form.get("cut", "done") == "done"
            return to("photos", _anchor="so-far") if done else to("crop", image_id=image_id)
    number = [each.image_id for each in visit.pictures].index(picture.image_id) + 1
    region = geometry.crop or Region(0, 0, 1, 1)
    page = show(
        "patient/crop.html",
        visit,
        words,
        look,
        picture=shown_picture(picture),
        number=number,
        turns=geometry.quarter_turns,
        crop=region_as_text(geometry.crop) if geometry.crop else "",
        kept=(round((region.right - region.left) * 100), round((region.bottom - region.top) * 100)),
        script_words=_as_json(words, "crop", _CORNERS),
        problems=[{"text": error, "href": "#crop-form"}] if error else [],
    )
    return make_response(page, 422 if error else 200)


def _picture(visit: Visit, image_id: str) -> Picture | None:
    return next((each for each in visit.pictures if each.image_id == image_id), None)


def _wanted() -> Geometry:
    """What the form asks for: the box as drawn, and then what its button does. Raises `Refused`."""
    form = {"quarter_turns": request.form.get("turns", "0"), "crop": request.form.get("crop", "")}
    drawn = read_geometry(form, [])
    cut = request.form.get("cut", "done")
    if cut == "whole":
        return Geometry()
    if cut == "turn":
        return Geometry(quarter_turns=(drawn.quarter_turns + 1) % 4, crop=_turned(drawn.crop))
    region = drawn.crop or Region(0, 0, 1, 1)
    edges = {"left": region.left, "top": region.top, "right": region.right, "bottom": region.bottom}
    if cut in edges:
        strip = STRIP * (region.right - region.left if cut in ("left", "right") else region.bottom - region.top)
        edges[cut] += strip if cut in ("left", "top") else -strip
    if edges["right"] - edges["left"] < LEAST or edges["bottom"] - edges["top"] < LEAST:
        raise Refused("Too little of the picture is left.", code="region-too-small")
    crop = Region(**edges)
    return Geometry(quarter_turns=drawn.quarter_turns, crop=None if crop == Region(0, 0, 1, 1) else crop)


def _turned(region: Region | None) -> Region | None:
    """The same part after a quarter turn clockwise."""
    if region is None:
        return None
    return Region(left=1 - region.bottom, top=region.left, right=1 - region.top, bottom=region.right)
