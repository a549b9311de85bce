"""Where the tests of the disclosure desk begin: who sits there, a request that has been read, and its addresses."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.web.disclosing.words import token
from mappings.model.disclosure_request import DisclosureRequest, ItemKey
from mappings.model.people import Role
from tests.web.fake import FakeParts
from tests.web.test_home import become

SAID = {"requester": "insurer", "received": "2026-03-01", "recipient": "Acme Insurance", "mode": "marked"}


def officer(parts: FakeParts, *roles: Role) -> None:
    become(parts, *(roles or (Role.DISCLOSURE_OFFICER,)))


def a_request(parts: FakeParts, launch: str = "amy", **said: str) -> DisclosureRequest:
    """A request that has been read."""
    session = parts.sessions.known[launch]
    made = parts.desk.begin(session, Facts({**SAID, **said}))
    parts.desk.gather(session, made.id)
    return parts.desk.requests[made.id]


def path(request: DisclosureRequest, key: str, then: str = "") -> str:
    """Where one item of it is."""
    return f"disclosures/{request.id}/items/{token(request.id, ItemKey(key))}{then}"


def at(request: DisclosureRequest, then: str) -> str:
    """One of the request's own pages."""
    return f"disclosures/{request.id}/{then}".rstrip("/")


def decided(parts: FakeParts) -> DisclosureRequest:
    """A request in which nothing waits for anybody."""
    request = a_request(parts)
    parts.desk.items[request.id] = [replace(item, asks=None) for item in parts.desk.items[request.id]]
    return request
