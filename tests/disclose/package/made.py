"""A small record with pictures of things, and packages made of it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import rfc8785
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact, serialize_compact
from joserfc.util import urlsafe_b64encode
from PIL import Image, ImageDraw

from fhir_plugin.disclose.contents import CoverSheet, PackageContents, PackagedImage
from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.package import Package, write_package
from fhir_plugin.disclose.prove import Needles, what_to_look_for
from fhir_plugin.disclose.redact import Part
from fhir_plugin.imaging.clean import clean, preview
from fhir_plugin.imaging.fitting import fitted
from fhir_plugin.imaging.pixel_hash import print_or_none
from fhir_plugin.imaging.watermark import mark, mark_below
from fhir_plugin.ports import ImageWorker, Json
from mappings.model.disclosure import Mode
from mappings.model.identifiers import Reference, Sha256
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms

MADE = dt.datetime(2026, 2, 1, 12, 30, tzinfo=dt.UTC)
NOTHING: Needles = what_to_look_for([])


class EcSigner:
    """A `StatementSigner` with one real key, in memory."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-384")
        self.kid = self.key.thumbprint()

    def sign(self, statement: Json) -> str:
        header = {"alg": "ES384", "kid": self.kid}
        head, _, end = serialize_compact(header, rfc8785.dumps(statement), self.key, algorithms=["ES384"]).split(".")
        return f"{head}..{end}"

    def verify(self, statement: Json, jws: str) -> bool:
        head, _, end = jws.split(".")
        payload = urlsafe_b64encode(rfc8785.dumps(statement)).decode()
        deserialize_compact(f"{head}.{payload}.{end}", self.key, algorithms=["ES384"])
        return True

    def public_jwks(self) -> Json:
        return {"keys": [{**self.key.as_dict(private=False), "kid": self.kid, "alg": "ES384", "use": "sig"}]}

    def rotate(self) -> str:
        self.__init__()  # type: ignore[misc]  # a new key is a new signer
        return self.kid


class WorkerHere:
    """The real imaging, in this process."""

    def __init__(self) -> None:
        self.cleaned = 0

    def clean(
        self,
        received: ReceivedImage,
        *,
        geometry: Geometry = UNCHANGED,
        lossless: bool = False,
        video: VideoTerms | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CleanImage:
        self.cleaned += 1
        return clean(received, geometry=geometry, lossless=lossless, video=video)

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
        return preview(received.content, quarter_turns=quarter_turns, longest_side=longest_side)

    def mark(self, received: ReceivedImage, words: str, *, below: bool = False) -> bytes:
        return (mark_below if below else mark)(received.content, words)

    def fitted(self, content: bytes, *, most_bytes: int | None) -> bytes:
        return fitted(content, most_bytes)

    def pixels(self, content: bytes) -> bytes | None:
        return print_or_none(content)


def drawn(number: int, size: tuple[int, int] = (64, 48), *, comment: bytes = b"") -> bytes:
    """A picture of a thing; `comment` stays in the file."""
    picture = Image.new("RGB", size, (200, 180, 20 * number % 255))
    ImageDraw.Draw(picture).ellipse((5, 5, 20 + number % 40, 40), fill=(160, 70, 40))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, comment=comment)
    return out.getvalue()


def cover(mode: Mode = Mode.MARKED, **changed: Any) -> CoverSheet:
    found = CoverSheet(
        patient_name="Amy Lee",
        nhs_number="9990000018",
        born=dt.date(1980, 1, 2),
        recipient="Amy Lee",
        row=shipped_rules().row("patient" if mode is Mode.MARKED else "insurer"),
        mode=mode,
        purpose="A claim",
        received=dt.date(2026, 1, 5),
        made=MADE,
        signed_by=("Dr Sam Shah",),
        organisation="Mill Road Surgery",
        counts={"release": 4, "redact": 2, "withhold": 1},
        checked=("Labelled images were checked.",),
        not_checked=("Text about other people was not checked.",),
        taken_out={"It is about another person.": 2},
        contact="01632 960 000",
    )
    return replace(found, **changed)


PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Lee", "given": ["Amy"]}],
    "birthDate": "1980-01-02",
}


def media(number: int, **more: Any) -> Json:
    return {
        "resourceType": "Media",
        "id": f"m{number}",
        "status": "completed",
        "bodySite": {"text": "Left forearm"},
        "createdDateTime": f"2024-03-{number:02}",
        "content": {"contentType": "image/jpeg", "url": f"Binary/b{number}", "size": 3, "hash": "x"},
        **more,
    }


def lines(*resources: Json) -> list[Part]:
    return [Part("record", json.dumps(each).encode(), number) for number, each in enumerate(resources, start=1)]


def image(number: int, *, ours: bool = True, content: bytes | None = None) -> PackagedImage:
    held = drawn(number) if content is None else content
    return PackagedImage(
        reference=Reference(f"Media/m{number}"),
        binary=Reference(f"Binary/b{number}"),
        content_type="image/jpeg",
        title="Left forearm",
        taken="2024-03-01",
        read=lambda: held,
        signed=Sha256(hashlib.sha256(held).hexdigest()) if ours else None,
    )


def contents(
    parts: Sequence[Part] | None = None, images: Sequence[PackagedImage] | None = None, **more: Any
) -> PackageContents:
    found = lines(PATIENT, media(1), media(2)) if parts is None else parts
    shown = tuple([image(1), image(2)] if images is None and parts is None else images or ())
    return PackageContents(record=lambda: list(found), images=shown, cover=more.pop("cover", cover()), **more)


def written(
    what: PackageContents,
    *,
    signer: EcSigner | None = None,
    needles: Needles = NOTHING,
    password: str | None = None,
    worker: ImageWorker | None = None,
) -> tuple[bytes, Package]:
    package = write_package(
        what,
        package_id="2026-0001",
        signer=signer or SIGNER,
        needles=needles,
        worker=worker or WorkerHere(),
        password=password,
    )
    return b"".join(package), package


def members(package: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


SIGNER = EcSigner()
