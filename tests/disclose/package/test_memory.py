"""A package of any size is made in the same memory: one picture at a time, the rest on its way out or sealed aside."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import tracemalloc
from collections.abc import Callable

import pytest

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.disclose.contents import PackageContents, PackagedImage
from fhir_plugin.disclose.package import write_package
from fhir_plugin.disclose.package.spool import SealedSpool
from fhir_plugin.disclose.redact import Part
from fhir_plugin.ports import ImageWorker
from mappings.model.identifiers import Reference, Sha256
from mappings.model.images import ReceivedImage
from tests.disclose.package.made import NOTHING, SIGNER, WorkerHere, contents, cover, drawn, image, media

PICTURE = 1 << 19


class Quick(WorkerHere):
    """Small pictures at once: here only memory is looked at."""

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
        return drawn(received.content[0])


def shown(number: int, read: Callable[[], bytes]) -> PackagedImage:
    """One that we signed: it goes out as it is."""
    media_, binary = Reference(f"Media/m{number}"), Reference(f"Binary/b{number}")
    return PackagedImage(media_, binary, "image/jpeg", "", "", read, Sha256(hashlib.sha256(read()).hexdigest()))


def random_picture(number: int) -> PackagedImage:
    return shown(number, lambda: random.Random(number).randbytes(PICTURE))


def drained(what: PackageContents, worker: ImageWorker) -> int:
    package = write_package(what, package_id="x", signer=SIGNER, needles=NOTHING, worker=worker)
    size = sum(len(piece) for piece in package)
    assert package.proven.size == size
    return size


def highest(pictures: int) -> int:
    parts = [Part("r", json.dumps(media(number)).encode(), number) for number in range(1, pictures + 1)]
    what = contents(parts, [random_picture(number) for number in range(1, pictures + 1)])
    tracemalloc.start()
    try:
        assert drained(what, Quick()) > pictures * PICTURE
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_four_times_as_many_pictures_take_no_more_memory() -> None:
    highest(1)
    assert highest(16) < highest(4) + PICTURE


def test_what_is_put_aside_is_sealed_and_comes_back() -> None:
    with SealedSpool() as spool:
        spool._file.rollover()
        aside = [spool.put(f"words {number}".encode() * 100) for number in range(5)]
        assert [spool.get(each) for each in reversed(aside)] == [
            f"words {number}".encode() * 100 for number in reversed(range(5))
        ]
        spool._file.seek(0)
        assert b"words" not in spool._file.read()


@pytest.mark.exhaustive
def test_500_pictures_and_2000_entries() -> None:
    """Resident memory of this process, while children decode. Run alone: other tests would have raised it before."""
    picture = drawn(1, (1600, 1200))
    entries = [{"resourceType": "Observation", "id": f"o{n}", "valueString": "words " * 50} for n in range(2000)]
    entries += [media(1 + n % 28) | {"id": f"m{n}", "content": {"url": f"Binary/b{n}"}} for n in range(500)]
    parts = [Part("r", json.dumps(each).encode(), number) for number, each in enumerate(entries, start=1)]
    images = tuple(shown(n, lambda: picture) for n in range(500))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ProcessImageWorker(workers=1) as worker:
        drained(PackageContents(lambda: parts, images, cover()), worker)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80 * 1024, "kibibytes"


def test_a_picture_is_read_once_only() -> None:
    read: list[int] = []
    what = contents([Part("r", json.dumps(media(1)).encode(), 1)], [image(1)])
    counted = shown(1, lambda: read.append(1) or drawn(1))  # type: ignore[func-returns-value]  # counts and gives
    read.clear()
    drained(PackageContents(what.record, (counted,), what.cover), WorkerHere())
    assert read == [1]
