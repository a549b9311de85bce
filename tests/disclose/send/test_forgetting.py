"""Packages that hold an image which is destroyed: gone with it, also where they hold its bytes under another name."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.forgetting import Packages
from fhir_plugin.ports import Compartment
from mappings.model.deletion import BoundImage
from mappings.model.disclosure_request import DisclosureId, RequestState
from mappings.model.identifiers import Reference
from tests.disclose.send.bench import AMY, HERE, PIXELS, SEEN, SendBench, signed_request

ANOTHER = Reference("Media/photo-9")


def image(bench: SendBench, reference: Reference = SEEN, content: bytes = b"other bytes") -> BoundImage:
    return BoundImage(reference, "1", bench.vault.keyed_digest(content))


@pytest.mark.parametrize("by", ["reference", "bytes"])
def test_a_package_with_it_is_destroyed_and_the_fact_kept(by: str) -> None:
    bench = SendBench()
    bench.send(signed_request())
    bound = image(bench) if by == "reference" else image(bench, ANOTHER, PIXELS[SEEN])
    with bench.work.transaction():
        assert Packages(bench.parts).destroy(HERE, AMY, bound) == 1
        assert Packages(bench.parts).destroy(HERE, AMY, bound) == 0
    assert bench.vault.items(compartment=Compartment.PACKAGE_PART) == []
    request = bench.requests.get(DisclosureId("d1"))
    assert request.state is RequestState.SENT and request.package is not None
    assert (request.package.vault_id, request.package.images) == (None, (SEEN,))


def test_a_package_without_it_stays() -> None:
    bench = SendBench()
    bench.send(signed_request())
    kept = bench.vault.items(compartment=Compartment.PACKAGE_PART)
    with bench.work.transaction():
        assert Packages(bench.parts).destroy(HERE, AMY, image(bench, ANOTHER)) == 0
    assert bench.vault.items(compartment=Compartment.PACKAGE_PART) == kept != []
