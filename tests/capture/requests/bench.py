"""A practice that asks one patient for a photo: everything in memory, one link, as many browsers as a test wants."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from typing import Any

from fhir_plugin.capture.requests.asking import Issued, Requests, seen_as
from fhir_plugin.capture.requests.parts import Door, RequestParts
from fhir_plugin.capture.requests.record import KIND, FollowRecord
from fhir_plugin.capture.requests.request import PhotoRequest, Said
from fhir_plugin.capture.requests.visit import Visits
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import FhirBase, Reference, RequestId
from mappings.model.images import Photographer
from mappings.model.people import ClinicalSession, Role
from mappings.model.practice import Colleague
from mappings.model.work import WorkItem
from tests.capture.bench import BASE, SESSION, Bench
from tests.fakes.photo_requests import FakeLinkTries, FakeMessages, FakePhotoRequests
from tests.fakes.worker import picture

BORN = dt.date(1980, 5, 1)
NUMBER = "07700 900123"
COVER = Colleague(FhirBase(BASE), Reference("Practitioner/cover"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "Dr Cover")
FORM = {
    "purpose": "To see whether the rash has spread",
    "area": "your left forearm",
    "alternatives": "You can be seen here tomorrow",
    "practice": "Elm Surgery",
    "practice_phone": "01632 960001",
    "most_pictures": "3",
    "lasts_hours": "72",
    "asked": "patient",
    "cover": "Practitioner/cover",
    "remote_right": "yes",
    "image_enough": "yes",
    "necessary": "yes",
    "justified": "yes",
    "beneficial": "yes",
    "best_interests": "yes",
    "justification": "A changing rash, and she cannot travel this week",
    "preference": "photo",
    "speaks_freely": "yes",
}
PRIVATE = {
    "private_allowed": "yes",
    "spoken_first": "yes",
    "intimate_necessary": "yes",
    "can_wait": "no",
    "chaperone_offered": "yes",
}
CONFIRMED = {"number": NUMBER, "number_again": "07700900123"}
FIRST = Said(read=True, private=False, receive=ConsentAnswer.GIVEN)
LAST = Said(photographer=Photographer.PATIENT, only_area=True, store=ConsentAnswer.GIVEN)


class Asking:
    """`bench`: the practice's world. `door` opens the newest link; `inside` has passed the check."""

    def __init__(self, **changed: Any) -> None:
        self.bench = Bench(**changed)
        self.requests_store = FakePhotoRequests(self.bench.work)
        self.tries = FakeLinkTries(self.bench.work)
        self.messages = FakeMessages()
        numbers = itertools.count(1)
        self.parts = RequestParts(
            capture=self.bench.parts,
            requests=self.requests_store,
            tries=self.tries,
            messages=self.messages,
            link_of=lambda secret: f"https://app.example/p/{secret}",
            new_secret=lambda: f"secret{next(numbers):037d}",
        )
        self.bench.engine._plans[KIND] = FollowRecord(self.parts)  # type: ignore[index]
        self.requests = Requests(self.parts)
        self.visits = Visits(self.parts)

    # ------------------------------------------------------------------------------------------- the practice

    def prepared(self, **form: str) -> PhotoRequest:
        facts = self.requests.facts(SESSION, self.bench.captures.patient(SESSION), (COVER,))
        return self.requests.prepare(facts, {**FORM, **form})

    def issue(self, request: PhotoRequest, session: ClinicalSession = SESSION) -> tuple[Issued, Door]:
        issued = self.requests.issue(
            session, self.bench.captures.patient(session), request.request_id, CONFIRMED, seen=seen_as(request)
        )
        browser = self.visits.new_browser()  # of the page that a patient sees first
        return issued, Door(issued.link.rsplit("/", 1)[1], browser, address="192.0.2.1")

    def sent(self, **form: str) -> tuple[RequestId, Door]:
        issued, door = self.issue(self.prepared(**form))
        return issued.request.request_id, door

    def now(self, request_id: RequestId) -> PhotoRequest:
        return self.requests_store.get(request_id)

    def work(self) -> list[WorkItem]:
        return self.bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)

    def kinds(self) -> list[str]:
        return sorted(item.kind.value for item in self.work())

    # ------------------------------------------------------------------------------------------- the patient

    def opened(self, **form: str) -> tuple[RequestId, Door]:
        """A browser that has passed the check."""
        request_id, door = self.sent(**form)
        return request_id, replace(door, browser=self.visits.check_birth_date(door, BORN))

    def sending(self, *texts: str, **form: str) -> tuple[RequestId, Door]:
        request_id, door = self.opened(**form)
        self.visits.say(door, FIRST)
        for text in texts or ("forearm",):
            self.visits.add_picture(door, picture(text), "image/jpeg")
        return request_id, door

    def answered(self, *texts: str, **form: str) -> tuple[RequestId, Door]:
        request_id, door = self.sending(*texts, **form)
        self.visits.say(door, LAST)
        self.visits.confirm(door)
        return request_id, door


def clinician(name: str, launch: str = "l2") -> ClinicalSession:
    """Somebody else of the practice at the same chart."""
    user = replace(SESSION.user, reference=Reference(f"Practitioner/{name}"), display=name)
    user = replace(user, roles=frozenset({Role.CLINICIAN}))
    return replace(SESSION, user=user, launch_id=type(SESSION.launch_id)(launch))
