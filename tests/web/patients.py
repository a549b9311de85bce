"""A clinic that asks patients for photos, in memory: the real service on fakes of every port, real pictures."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

from flask import Flask
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from fhir_plugin.capture.requests.necessity import Necessity
from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.requests.request import Asked, Needs, PhotoRequest, RequestState
from fhir_plugin.capture.requests.visit import Visits
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.fitting import fitted
from fhir_plugin.imaging.pixel_hash import print_or_none
from fhir_plugin.imaging.refusals import refuse
from fhir_plugin.imaging.watermark import mark
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import Clock
from fhir_plugin.web.access import shut_by_default
from fhir_plugin.web.pages import register_pages
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference, RequestId, Sha256
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage
from tests.capture.bench import BASE, Bench
from tests.fakes.photo_requests import FakeLinkTries, FakeMessages, FakePhotoRequests

BORN = dt.date(1980, 5, 1)
NAME = "Amy Example"
PRACTICE = "Elm Tree Surgery"
PHONE = "0161 496 0000"


def photo(width: int = 480, height: int = 360, *, seed: int = 0, blurred: bool = False) -> bytes:
    """A drawn disc with a ruler, as JPEG; sharp unless asked."""
    image = Image.new("RGB", (width, height), (226, 205, 188))
    draw = ImageDraw.Draw(image)
    draw.ellipse([width * 0.3, height * 0.2, width * 0.6, height * 0.6], fill=(150, 60, 52))
    draw.rectangle([seed * 8, 0, seed * 8 + 8, 8], fill=(40, 90, 60))
    for tick in range(24):
        x = width * (0.1 + tick / 30)
        draw.line([(x, height * 0.75), (x, height * (0.85 if tick % 5 else 0.92))], fill=(40, 40, 40), width=2)
    if blurred:
        image = image.filter(ImageFilter.GaussianBlur(width / 60))
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


class PillowWorker:
    """Cleans in this process. Refuses what is no picture with the codes of the real one."""

    def __init__(self) -> None:
        self.busy = 0.0

    def clean(
        self, received: ReceivedImage, *, geometry: Geometry = UNCHANGED, lossless: bool = False, **_: Any
    ) -> CleanImage:
        image = self._upright(received)
        image = image.rotate(-90 * geometry.quarter_turns, expand=True)
        if geometry.crop is not None:
            region, (width, height) = geometry.crop, image.size
            box = (region.left * width, region.top * height, region.right * width, region.bottom * height)
            image = image.crop(tuple(round(edge) for edge in box))  # type: ignore[arg-type] # four of them
        if min(image.size) < 16:
            raise refuse("region-too-small")
        content = _jpeg(image)
        return CleanImage(
            image_id=received.image_id,
            content=content,
            content_type="image/jpeg",
            width=image.width,
            height=image.height,
            sha256=Sha256("0" * 64),
            sha256_received=received.sha256,
            thumbnail=_jpeg(ImageOps.contain(image, (320, 320))),
            removed=(),
            captured_at=None,
            lossless=lossless,
            geometry=geometry,
        )

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
        return _jpeg(self._upright(received).rotate(-90 * quarter_turns, expand=True))

    def mark(self, received: ReceivedImage, words: str, *, below: bool = False) -> bytes:
        return mark(received.content, words)

    def fitted(self, content: bytes, *, most_bytes: int | None) -> bytes:
        return fitted(content, most_bytes)

    def pixels(self, content: bytes) -> bytes | None:
        return print_or_none(content)

    @staticmethod
    def _upright(received: ReceivedImage) -> Image.Image:
        try:
            with Image.open(BytesIO(received.content)) as image:
                return ImageOps.exif_transpose(image).convert("RGB")
        except OSError as error:
            raise UnacceptableImage("This is not a picture.", code="not-an-image") from error


def _jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


class OneAtATime:
    """The service behind a lock: the fakes of the stores know no threads, a browser asks for four things at once."""

    def __init__(self, visits: Visits) -> None:
        self._visits, self._lock = visits, threading.RLock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._visits, name)

        def locked(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return method(*arguments, **named)

        return locked


@dataclass
class Clinic:
    """`ask()` makes a request and returns the secret of its link."""

    policy: PolicyPack = field(default_factory=shipped_pack)

    def __post_init__(self) -> None:
        self.bench = Bench(policy=self.policy)
        self.bench.parts = replace(self.bench.parts, worker=PillowWorker())
        self.requests = FakePhotoRequests(self.bench.work)
        self.tries = FakeLinkTries(self.bench.work)
        self.parts = RequestParts(
            capture=self.bench.parts,
            requests=self.requests,
            tries=self.tries,
            messages=FakeMessages(),
            link_of=lambda secret: f"/p/{secret}",
        )
        self.visits: Any = OneAtATime(Visits(self.parts))
        self._numbers = itertools.count(1)

    @property
    def clock(self) -> Clock:
        return self.bench.clock

    def ask(self, asked: Asked = Asked.PATIENT, **changed: Any) -> str:
        number = next(self._numbers)
        secret = f"{number:02d}" + "s" * 41
        now = self.bench.clock.now()
        given: dict[str, Any] = {
            "request_id": RequestId(f"request-{number}"),
            "fhir_base": FhirBase(BASE),
            "patient": PatientId("p1"),
            "patient_name": NAME,
            "birth_date": BORN if asked is Asked.PATIENT else dt.date(now.year - 9, 2, 3),
            "asked_by": Reference("Practitioner/gp"),
            "asked_by_name": "Dr Grey",
            "launch": LaunchId("l1"),
            "practice": PRACTICE,
            "practice_phone": PHONE,
            "purpose": "To see if the rash is better, so that we can change your cream if we need to.",
            "area": "The rash on your left forearm",
            "alternatives": "",
            "most_pictures": 3,
            "created": now,
            "expires": now + dt.timedelta(days=3),
            "lasts": dt.timedelta(days=3),
            "look_within": dt.timedelta(hours=48),
            "withdraw_for": self.policy.withdraw_window,
            "asked": asked,
            "owner": Reference("Practitioner/gp"),
            "owner_name": "Dr Grey",
            "cover": Reference("Practitioner/other"),
            "cover_name": "Dr Other",
            "necessity": Necessity(),
            "policy": "strict 1",
            "template": "1",
            "needs": Needs(),
            "state": RequestState.SENT,
            "link_digest": self.parts.digest("link", secret),
        }
        self.requests.add(PhotoRequest(**(given | changed)))
        return secret

    def request(self, secret: str) -> PhotoRequest:
        found = self.requests.by_link(self.parts.digest("link", secret))
        assert found is not None
        return found

    @property
    def work(self) -> list[str]:
        """The kinds of what waits for somebody."""
        found = self.bench.worklist.of_patient(FhirBase(BASE), PatientId("p1"))
        return [str(item.kind) for item in found if item.done_at is None]


def patient_app(clinic: Clinic) -> Flask:
    """The pages over a clinic."""
    app = Flask("pages", static_folder=None)
    app.secret_key = "only for tests"
    app.extensions["fhir_plugin"] = clinic
    register_pages(app, picture_bytes=clinic.policy.most_bytes_per_image)
    shut_by_default(app)
    return app
