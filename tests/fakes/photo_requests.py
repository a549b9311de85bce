"""Requests to patients, tries of links and the practice's messaging, in memory."""

from __future__ import annotations

import datetime as dt
import json

from fhir_plugin.capture.requests.request import LIVE, PhotoRequest
from fhir_plugin.capture.requests.request_json import request_from_json, request_to_json
from fhir_plugin.errors import NotFound, Unavailable
from mappings.model.identifiers import FhirBase, PatientId, RequestId
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakePhotoRequests:
    """Keeps each request as the JSON text that a real store would seal."""

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._texts: dict[RequestId, str] = self._work.table()

    def add(self, request: PhotoRequest) -> None:
        with self._work.transaction():
            self._texts[request.request_id] = json.dumps(request_to_json(request))

    def get(self, request_id: RequestId, *, for_change: bool = False) -> PhotoRequest:
        if request_id not in self._texts:
            raise NotFound(f"there is no request {request_id}", status=404)
        return request_from_json(json.loads(self._texts[request_id]))

    def by_link(self, link_digest: str, *, for_change: bool = False) -> PhotoRequest | None:
        return next((each for each in self._every() if link_digest and each.link_digest == link_digest), None)

    def save(self, request: PhotoRequest) -> None:
        self.get(request.request_id)
        self.add(request)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[PhotoRequest]:
        theirs = [each for each in self._every() if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted(theirs, key=lambda each: (each.created, each.request_id), reverse=True)

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        return 0

    def last_practice(self, fhir_base: FhirBase) -> tuple[str, str]:
        here = sorted((each for each in self._every() if each.fhir_base == fhir_base), key=lambda each: each.created)
        return (here[-1].practice, here[-1].practice_phone) if here else ("", "")

    def lapsed(self, now: dt.datetime) -> list[RequestId]:
        return [each.request_id for each in self._every() if each.state in LIVE and each.expires <= now]

    def old(self, before: dt.datetime) -> list[RequestId]:
        old = [each for each in self._every() if each.state not in LIVE and each.created <= before]
        return [each.request_id for each in old if not each.reduced]

    def _every(self) -> list[PhotoRequest]:
        return [request_from_json(json.loads(text)) for text in list(self._texts.values())]


class FakeLinkTries:
    """Counts in a table that takes part in the transactions of `work`. `writes`: how often it was written to."""

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._rows: dict[str, tuple[dt.datetime, int]] = self._work.table()
        self.writes = 0

    def count(self, who: str, *, since: dt.datetime) -> int:
        began, count = self._rows.get(who, (since, 0))
        return count if began > since else 0

    def add(self, who: str, *, now: dt.datetime, since: dt.datetime) -> int:
        with self._work.transaction():
            self.writes += 1
            count = self.count(who, since=since) + 1
            began = self._rows[who][0] if count > 1 else now
            self._rows[who] = (began, count)
            return count

    def forget(self, before: dt.datetime) -> int:
        with self._work.transaction():
            old = [who for who, (began, _) in self._rows.items() if began <= before]
            for who in old:
                del self._rows[who]
            return len(old)


class FakeMessages:
    """`sent`: id > (number, text), until taken back. `down`: nobody answers."""

    def __init__(self) -> None:
        self.sent: dict[str, tuple[str, str]] = {}
        self.expires: dict[str, dt.datetime] = {}
        self.down = False

    def hand_over(self, number: str, text: str, *, expires: dt.datetime) -> str:
        if self.down:
            raise Unavailable("The practice's messaging does not answer.", code="messages")
        message = f"m{len(self.expires) + 1}"
        self.sent[message] = (number, text)
        self.expires[message] = expires
        return message

    def take_back(self, message: str) -> None:
        self.sent.pop(message, None)

    def forget_expired(self, now: dt.datetime) -> int:
        old = [message for message in self.sent if self.expires[message] <= now]
        for message in old:
            del self.sent[message]
        return len(old)
