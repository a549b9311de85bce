"""A server's refusal of a size is remembered from its answer, and narrows what it can do from then on."""

from __future__ import annotations

import pytest

from fhir_plugin.adapters.server_limits import DatabaseServerLimits
from fhir_plugin.capability import Discovery
from fhir_plugin.errors import AnswerLost, ContentRefused, PluginError, RecordRefused, TooLarge, Unavailable
from mappings.model.identifiers import FhirBase
from smart_launch import errors as smart
from tests.adapters.scripted_record import BASE, MEDIA, STATEMENT, outcome, record
from tests.conftest import OwnStores
from tests.fakes.server_limits import FakeServerLimits
from tests.fakes.transport import Answer

LARGE = b"\xff" * 200_000
SAYS_SO = outcome("too-long")
BAD = outcome("invalid")


@pytest.mark.parametrize(
    ("answer", "error", "learnt"),
    [
        (Answer(413), TooLarge, True),
        (Answer(413, b"<html>nope</html>", "text/html"), TooLarge, True),
        (Answer(400, SAYS_SO), TooLarge, True),
        (Answer(422, SAYS_SO), TooLarge, True),
        (Answer(500, b"PayloadTooLargeError: request entity too large", "text/plain"), TooLarge, True),
        (smart.AnswerLost("cut off", code="broken", status=413), TooLarge, True),
        (Answer(400, BAD), RecordRefused, False),
        (Answer(403, SAYS_SO), RecordRefused, False),
        (Answer(500, BAD), AnswerLost, False),
    ],
)
def test_what_says_that_it_is_too_large_is_remembered(
    answer: Answer | smart.TransportError, error: type[PluginError], learnt: bool
) -> None:
    limits = FakeServerLimits()
    server, _ = record(Answer(200, STATEMENT), answer, Answer(400, BAD), limits=limits, vendor="hapi")
    assert server.capability().body_limit is None
    with pytest.raises(error):
        server.create_binary(LARGE, "image/jpeg", id="b1", security_context=None)
    assert limits.body_limit(BASE) == (len(LARGE) if learnt else None)
    assert server.capability().refused_size == (len(LARGE) if learnt else None)
    assert server.capability().body_limit == (len(LARGE) - 1 if learnt else None)


@pytest.mark.parametrize(
    ("answer", "learnt"),
    [
        (Answer(422, outcome("not-supported")), True),
        (Answer(400, outcome("not-supported")), True),
        (Answer(415, BAD), True),
        (Answer(422, BAD), False),
        (Answer(404, outcome("not-supported")), False),
        (Answer(405, outcome("not-supported")), False),
        (Answer(403, BAD), False),
        (Answer(413), False),
    ],
)
def test_a_type_that_a_binary_may_not_have_is_remembered(answer: Answer, learnt: bool) -> None:
    """A server that has no Binary, or not for us, says nothing about types: 404, 405 and 403."""
    limits = FakeServerLimits()
    server, _ = record(Answer(200, STATEMENT), answer, answer, limits=limits, vendor="hapi")
    assert server.capability().refused_types == frozenset()
    with pytest.raises(ContentRefused if learnt else RecordRefused) as refused:
        server.create_binary(b"\xff\xd8\xff", "image/jpeg", id="b1", security_context=None)
    assert (refused.value.code == "content-refused") is learnt
    assert limits.refused_types(BASE) == (frozenset({"image/jpeg"}) if learnt else frozenset())
    assert server.capability().refused_types == limits.refused_types(BASE)


def test_a_search_that_is_refused_says_nothing_about_bodies() -> None:
    limits = FakeServerLimits()
    server, _ = record(Answer(413), limits=limits)
    with pytest.raises(TooLarge):
        server.search("Patient", {"name": "x" * 100_000})
    assert limits.body_limit(BASE) is None


class Broken(FakeServerLimits):
    def refused(self, fhir_base: FhirBase, size: int) -> None:
        raise Unavailable("the database is away")


def test_what_cannot_be_kept_changes_no_answer() -> None:
    server, _ = record(Answer(413), limits=Broken())
    with pytest.raises(TooLarge):
        server.create({**MEDIA, "note": [{"text": "x" * 100_000}]})


def test_the_size_is_that_of_the_request(own: OwnStores) -> None:
    limits = DatabaseServerLimits(own.database, own.clock)
    server, transport = record(Answer(413), limits=limits)
    with pytest.raises(TooLarge):
        server.create({**MEDIA, "note": [{"text": "x" * 100_000}]})
    assert limits.body_limit(BASE) == len(transport.asked[0].content) > 100_000


def test_scopes_and_discovery_stand_beside_what_is_claimed() -> None:
    found = Discovery(frozenset({"permission-v2"}), frozenset({"patient/*.cruds"}))
    server, _ = record(Answer(200, STATEMENT), scopes=("patient/Media.rs",), discover=lambda: found)
    capability = server.capability()
    assert (capability.scopes, capability.discovery) == (("patient/Media.rs",), found)
    assert not capability.holds("Media"), "what discovery promises decides nothing"
