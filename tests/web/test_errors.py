"""Every error of the tree has one status and words that say what happened, what to do and that nothing is lost."""

from __future__ import annotations

import pytest
from flask import Flask

from fhir_plugin import errors
from fhir_plugin.errors import PluginError
from fhir_plugin.web.errors import status_and_explanation
from tests.web.conftest import Person
from tests.web.fake import FakeParts

STATUS: dict[type[PluginError], int] = {
    errors.PluginError: 500,
    errors.Refused: 400,
    errors.UnacceptableImage: 422,
    errors.NotAllowed: 403,
    errors.WrongPatient: 409,
    errors.AnswersChanged: 409,
    errors.AlreadyThere: 409,
    errors.Incomplete: 422,
    errors.Unavailable: 503,
    errors.RecordUnavailable: 503,
    errors.SignInNeeded: 401,
    errors.RecordRefused: 502,
    errors.NotFound: 404,
    errors.Gone: 410,
    errors.VersionConflict: 409,
    errors.TooLarge: 413,
    errors.ContentRefused: 502,
    errors.AnswerLost: 504,
    errors.ReadBackMismatch: 502,
    errors.Tampered: 500,
}


def everything(root: type[PluginError] = PluginError) -> set[type[PluginError]]:
    here = {root} if root.__module__ == errors.__name__ else set()
    return here.union(*(everything(each) for each in root.__subclasses__()))


def test_no_class_is_forgotten() -> None:
    assert everything() - set(STATUS) == {errors.NoRole}, "which has a page of its own: `web.home`"


@pytest.mark.parametrize(("kind", "status"), STATUS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_each_class_has_its_status_as_page_and_as_json(
    person: Person, parts: FakeParts, kind: type[PluginError], status: int
) -> None:
    error = kind("What happened, in words.")
    assert status_and_explanation(error)[0] == status
    parts.captures.trouble["patient"] = error
    page = person.get()
    assert page.status_code == status
    explanation = status_and_explanation(error)[1]
    for words in (explanation.title, "What happened, in words.", "What to do now", error.code):
        assert words.replace("'", "&#39;") in page.text
    parts.captures.trouble["patient"] = kind("What happened, in words.")
    answer = person.get(Accept="application/json")
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["error"]["code"] == error.code
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("code", "status"), [("session-expired", 401), ("cookies-blocked", 400), ("unknown-issuer", 403)]
)
def test_some_codes_say_more_than_their_class(code: str, status: int) -> None:
    assert status_and_explanation(errors.Refused("x", code=code))[0] == status


def test_what_flask_refuses_is_a_page_too(person: Person) -> None:
    person.get()
    nowhere = person.client.get("/nowhere")
    assert nowhere.status_code == 404
    assert "What to do now" in nowhere.text
    wrong_way = person.client.get("/l/amy/reveal")
    assert wrong_way.status_code == 405
    assert "POST" in wrong_way.headers["Allow"]


def test_what_nobody_foresaw_is_a_500_that_tells_nothing(
    app: Flask, person: Person, parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("canary-4711")

    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    parts.gallery.images = broken  # type: ignore[assignment,method-assign] # breaks on purpose
    page = person.get()
    assert page.status_code == 500
    assert "canary-4711" not in page.text
    assert "Something went wrong" in page.text
