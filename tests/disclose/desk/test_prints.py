"""What pictures that stay show is looked for in the package, whether they lie in a Binary or in the resource itself."""

from __future__ import annotations

import base64

import pytest

from mappings.model.disclosure_request import DisclosureRequest, RequestState
from mappings.model.identifiers import VaultId
from tests.disclose.desk.bench import AMY, INSURER, OFFICER, SAID, DeskBench
from tests.disclose.package.made import WorkerHere
from tests.fakes.record import TYPES, FakeRecord
from tests.fakes.whole_record import FOREARM, NORMAL, RESTRICTED, SEXUALITY, media
from tests.imaging.test_pixel_hash import pebble, saved


def inline(content: bytes) -> dict[str, object]:
    return {"contentType": "image/jpeg", "data": base64.b64encode(content).decode()}


def a_desk(copy: bytes) -> DeskBench:
    """Two pictures that an insurer gets, two that stay (one in a Binary, one in its Media), and `copy`, unlabelled."""
    found = DeskBench(fill=False, worker=WorkerHere())  # type: ignore[arg-type]  # the real one, in this process
    found.record = FakeRecord(found.clock, types=TYPES)
    found.record.put(
        {"resourceType": "Patient", "id": AMY, "name": [{"text": "Amy Example"}], "birthDate": "1990-05-04"}
    )
    for name, number, labels in (("arm", 1, [NORMAL]), ("private", 2, [RESTRICTED, SEXUALITY])):
        found.record.create_binary(saved(pebble(number)), "image/jpeg", id=f"bin-{name}", security_context=None)
        found.record.put(media(name, AMY, FOREARM, labels, f"bin-{name}"))
    for name, content, labels in (
        ("arm-too", saved(pebble(3)), [NORMAL]),
        ("private-too", saved(pebble(4)), [RESTRICTED, SEXUALITY]),
        ("copy", copy, [NORMAL]),
    ):
        found.record.put({**media(name, AMY, FOREARM, labels, "x"), "content": inline(content)})
    return found


def sent(bench: DeskBench, said: dict[str, str]) -> DisclosureRequest:
    request = bench.gathered(said)
    bench.signed(bench.settled(request))
    return bench.requests.get(request.id)


@pytest.mark.parametrize("number", [2, 4])
def test_a_copy_compressed_anew_of_what_stays_stops_the_package(number: int) -> None:
    copy = saved(pebble(number).resize((360, 270)), quality=60)
    done = sent(a_desk(copy), INSURER)
    assert done.state is RequestState.OPEN and "pixels" in done.why_not
    done = sent(a_desk(copy), SAID)
    assert done.state is RequestState.SENT, "to the patient all of them go"


def test_another_of_the_same_kind_goes_out() -> None:
    bench = a_desk(saved(pebble(5)))
    request = bench.gathered(INSURER)
    prints = bench.desk.prepare(request, OFFICER.launch_id).needles.prints
    assert sorted(prints.values()) == ["Binary/bin-private", "Media/private-too"]
    done = sent(bench, INSURER)
    assert done.state is RequestState.SENT, done.why_not
    assert done.package is not None and done.package.vault_id != VaultId("")
