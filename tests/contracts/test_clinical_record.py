"""Every promise of `ClinicalRecord`, on the fake, our stores, our sandbox and a server written by others."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.capture.ladder import ALWAYS
from fhir_plugin.errors import AnswerLost
from fhir_plugin.ports import ClinicalRecord
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.fhir.personality import personality_names
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase, Reference
from smart_launch.transport import Transport
from tests.conftest import OwnStores
from tests.contracts.record_places import Place, Promise, deviations_of
from tests.contracts.record_promises import PROMISES
from tests.contracts.sekmet_server import running_sekmet
from tests.fakes.record import TYPES, FakeRecord

OURS = ("fake", "companion", "companion-postgresql", "composite")
SERVERS = (
    "sekmet",
    "sandbox-default",
    "sandbox-hapi",
    "sandbox-no-transaction",
    "sandbox-no-purge",
    "sandbox-server-ids",
    "sandbox-small-bodies",
    "sandbox-smart-launcher",
    "sandbox-strict",
)
"""Those of `record_deviations.toml` that Python alone can start."""
HOSTED = ("athena", "epic", "oracle", "text-only")
"""EHRs that hold no images: there the promises are those of the EHR and the companion store together."""
LIKE_ANOTHER = tuple(name for name in personality_names() if name not in HOSTED and f"sandbox-{name}" not in SERVERS)
"""The other personalities, most of which differ in how they forget: together with the companion store as well."""
BESIDE = tuple(f"beside-{name}" for name in (*HOSTED, *LIKE_ANOTHER))
PLACES = (*OURS, *SERVERS, *BESIDE)
VENDORS = {"sandbox-smart-launcher": "smart-launcher"}
"""Named in the EHR's entry; the others are recognised, or strangers."""
WITH_AN_IMAGE = {"Media", "Binary", "Provenance", "AuditEvent"}
DEVIATIONS = {name: deviations_of(name) for name in PLACES}


@pytest.fixture(scope="session")
def sekmet_base() -> Iterator[FhirBase]:
    with running_sekmet() as base:
        yield base


@pytest.fixture(scope="session")
def sandbox_bases() -> Iterator[Callable[[str], FhirBase]]:
    """Our sandbox as a place wants it, begun when it is first asked for."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def base_of(place: str) -> FhirBase:
            return FhirBase(running.enter_context(running_sandbox(_sandbox(place))).fhir_base)

        yield base_of


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name.endswith("postgresql"):
        return [pytest.mark.needs("postgresql")]
    often = name not in BESIDE or name.removeprefix("beside-") in ("epic", "oracle")
    return [] if often else [pytest.mark.exhaustive]


def _sandbox(place: str) -> SandboxConfig:
    return SandboxConfig(personality=place.partition("-")[2], open=True)


@pytest.fixture(scope="session")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=30, total_timeout=60)
    yield transport
    transport.close()


@pytest.fixture(params=[pytest.param(name, marks=_marks(name)) for name in PLACES])
def place(request: pytest.FixtureRequest) -> Place:
    name: str = request.param
    record = _record(name, request)
    if name.startswith("companion"):
        return Place(name, record, Reference("Patient/a"), Reference("Patient/b"), DEVIATIONS[name])
    if name in BESIDE:  # nobody creates a patient there
        return Place(name, record, Reference("Patient/p-adult-1"), Reference("Patient/p-adult-2"), DEVIATIONS[name])
    patients = [record.create({"resourceType": "Patient"}).reference for _ in range(2)]
    return Place(name, record, patients[0], patients[1], DEVIATIONS[name])


def _record(name: str, request: pytest.FixtureRequest) -> ClinicalRecord:
    if name == "fake":
        return FakeRecord()
    if name in ("companion", "companion-postgresql", "composite"):
        own: OwnStores = request.getfixturevalue("own_on_postgresql" if name.endswith("postgresql") else "own")
        base = FhirBase("https://ehr.example/fhir")
        companion = CompanionRecord(own.database, own.masters, base, own.clock, own.vault)
        return companion if name != "composite" else CompositeRecord(_epic_like(), companion)
    base = _base(name, request)
    transport: Transport = request.getfixturevalue("transport")
    server = FhirServerRecord(transport, base, binary_forms=BinaryForms(), vendor=VENDORS.get(name))
    if name not in BESIDE:
        return server
    own = request.getfixturevalue("own")
    companion = CompanionRecord(own.database, own.masters, base, own.clock, own.vault)
    return CompositeRecord(server, companion, kept_beside=_not_held(server))


def _not_held(server: ClinicalRecord) -> frozenset[str]:
    """As filing chooses: what the EHR does not hold, and with an image all that belongs to it."""
    capability = server.capability()
    lacking = {each for each in ALWAYS | {"Media"} if not capability.holds(each)}
    return frozenset(lacking | (WITH_AN_IMAGE if lacking & {"Media", "Binary"} else set()))


def _base(name: str, request: pytest.FixtureRequest) -> FhirBase:
    if name == "sekmet":
        sekmet: FhirBase = request.getfixturevalue("sekmet_base")
        return sekmet
    base_of: Callable[[str], FhirBase] = request.getfixturevalue("sandbox_bases")
    return base_of(name)


def _epic_like() -> FakeRecord:
    """An EHR that holds neither Provenance nor Consent, Task or AuditEvent."""
    return FakeRecord(types=TYPES - {"AuditEvent", "Consent", "Provenance", "Task"})


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(promise: Promise, place: Place) -> None:
    promise(place)


@pytest.mark.parametrize("name", [name for name in PLACES if name.partition("-")[0] in ("sandbox", "sekmet")])
def test_binary_goes_in_the_form_that_the_server_takes(name: str, request: pytest.FixtureRequest) -> None:
    base = _base(name, request)
    forms = BinaryForms()
    record = FhirServerRecord(request.getfixturevalue("transport"), base, binary_forms=forms)
    stored = record.create_binary(b"\xff\xd8\xff not quite", "image/jpeg", id=None, security_context=None)
    assert record.read_binary(stored.reference).content == b"\xff\xd8\xff not quite"
    assert forms.raw_taken(base) is ("json-binary-only" not in DEVIATIONS[name])


def test_a_stranger_that_fails_on_raw_bytes_is_not_asked_twice_for_a_new_id(
    sekmet_base: FhirBase, transport: Transport
) -> None:
    """sekmet answers a raw image with 500. Told nothing of it, we may repeat only what is idempotent."""
    record = FhirServerRecord(transport, sekmet_base, vendor="unknown")
    with pytest.raises(AnswerLost):
        record.create_binary(b"\xff\xd8\xff", "image/jpeg", id=None, security_context=None)
    stored = record.create_binary(b"\xff\xd8\xff", "image/jpeg", id="raw-then-json", security_context=None)
    assert record.read_binary(stored.reference).content == b"\xff\xd8\xff"
    again = record.create_binary(b"\xff\xd8\xfe", "image/jpeg", id=None, security_context=None)
    assert record.read_binary(again.reference).content == b"\xff\xd8\xfe"
