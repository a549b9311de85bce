"""What the patient's page may do: the straight way, and every way that stops."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests.asking import seen_as
from fhir_plugin.capture.requests.link import MOST_BIRTH_DATES, LinkRefused
from fhir_plugin.capture.requests.page import Stage
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import RequestState, Said
from fhir_plugin.errors import Incomplete, NotFound, Refused, UnacceptableImage, Unavailable
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.identifiers import Reference
from mappings.model.images import Geometry, Photographer, Region
from mappings.model.work import WorkKind
from tests.capture.bench import SESSION
from tests.capture.requests.bench import BORN, COVER, FIRST, LAST, PRIVATE, Asking, clinician
from tests.fakes.worker import picture

WRONG = dt.date(1980, 5, 2)


def refused_as(code: str, state: RequestState | None = None) -> pytest.RaisesExc[LinkRefused]:
    return pytest.raises(LinkRefused, check=lambda error: (error.code, error.state) == (code, state))


def test_pictures_become_a_capture_of_the_owner_with_the_patients_own_words() -> None:
    asking = Asking()
    request_id, door = asking.answered("one", "two")
    request = asking.now(request_id)
    assert request.state is RequestState.ANSWERED
    assert request.capture_id is not None
    draft = asking.bench.draft(request.capture_id)
    assert (draft.state, draft.user, draft.request) == (DraftState.OPEN, SESSION.user.reference, request_id)
    assert draft.preauthorised_private is False
    assert [image.is_clean for image in draft.images] == [True, True]
    shared = draft.answers.shared
    assert shared["arrival"] == "our-link"
    assert shared["consent_receive"] == shared["consent_store"] == "given"
    assert shared["consent_form"] == "electronic"
    assert shared["identity"] == "date-of-birth"
    assert shared["photographer"] == "patient"
    assert shared["purpose"] == "To see whether the rash has spread"
    assert "understood" not in shared, "nobody has checked that: the clinician does"
    (item,) = asking.work()
    assert (item.kind, item.subject, item.owner) == (WorkKind.CAME_BACK, request.capture_id, SESSION.user.reference)
    assert (item.cover, item.cover_name) == (COVER.user, COVER.name)
    assert item.due == request.confirmed_at + request.look_within  # type: ignore[operator]
    assert asking.visits.open(door).stage is Stage.SENT
    assert asking.visits.open(door).withdraw_until is not None


def test_before_the_check_nothing_is_said_about_anybody() -> None:
    asking = Asking()
    _, door = asking.sent()
    visit = asking.visits.open(door)
    assert (visit.stage, visit.details, visit.pictures, visit.said) == (Stage.CHECK, None, (), Said())
    told = repr(visit) + repr(asking.visits.information(door))
    for secret in ("Amy", "Example", "1980", "rash", "forearm", "Practitioner", "p1"):
        assert secret not in told


def test_looking_changes_nothing_because_messengers_look_too() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    before = asking.now(request_id)
    for _ in range(3):
        asking.visits.open(door)
    assert asking.now(request_id) == before


def test_only_the_browser_that_passed_the_check_sees_anything() -> None:
    asking = Asking()
    _, door = asking.opened()
    assert asking.visits.open(door).stage is Stage.OPEN
    for browser in ("", "another"):
        other = replace(door, browser=browser)
        assert asking.visits.open(other).stage is Stage.ELSEWHERE
        assert asking.visits.open(other).details is None
        for act in (
            lambda d: asking.visits.check_birth_date(d, BORN),
            lambda d: asking.visits.say(d, FIRST),
            lambda d: asking.visits.add_picture(d, picture(), "image/jpeg"),
            lambda d: asking.visits.decline(d),
            lambda d: asking.visits.call_me(d),
            lambda d: asking.visits.confirm(d),
        ):
            with refused_as("link-elsewhere"):
                act(other)
    assert asking.visits.check_birth_date(door, BORN) == door.browser, "the same browser may check again"


def test_an_answer_that_was_lost_locks_nobody_out() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    asking.visits.check_birth_date(door, BORN)  # and the signal drops before the answer arrives
    assert asking.visits.check_birth_date(door, BORN) == door.browser
    assert asking.visits.open(door).stage is Stage.OPEN
    assert len(asking.bench.audit.entries(action="request.opened")) == 1
    assert asking.now(request_id).birth_tries == 0


@pytest.mark.parametrize("browser", ["", "short", "s" * 44, "\u0660" * 43])
def test_a_browser_that_keeps_no_cookie_is_told_so_and_uses_up_no_try(browser: str) -> None:
    asking = Asking()
    request_id, door = asking.sent()
    for said in (BORN, WRONG):
        with refused_as("link-cookie"):
            asking.visits.check_birth_date(replace(door, browser=browser), said)
    request = asking.now(request_id)
    assert (request.state, request.birth_tries, request.browser_digest) == (RequestState.SENT, 0, "")


def test_wrong_dates_of_birth_close_the_link_and_tell_the_owner() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    for left in range(MOST_BIRTH_DATES - 1, 0, -1):
        with pytest.raises(Refused, check=lambda error: error.code == "birth-date"):
            asking.visits.check_birth_date(door, WRONG)
        assert asking.visits.open(door).tries_left == left
    with refused_as("link-closed"):
        asking.visits.check_birth_date(door, WRONG)
    assert asking.visits.open(door).stage is Stage.CLOSED
    with refused_as("link-closed"):
        asking.visits.check_birth_date(door, BORN)
    assert asking.kinds() == ["call-me"]
    _, again = asking.issue(asking.now(request_id))
    assert asking.kinds() == []
    assert asking.visits.check_birth_date(again, BORN)


@pytest.mark.parametrize(
    ("first", "missing"),
    [
        (Said(), {"read", "private", "receive"}),
        (Said(private=False, receive=ConsentAnswer.GIVEN), {"read"}),
        (Said(read=True, receive=ConsentAnswer.GIVEN), {"private"}),
        (Said(read=True, private=False), {"receive"}),
    ],
)
def test_not_a_byte_is_kept_before_the_questions_that_come_first(first: Said, missing: set[str]) -> None:
    asking = Asking()
    _, door = asking.opened()
    asking.visits.say(door, first)
    with pytest.raises(Incomplete) as refused:
        asking.visits.add_picture(door, picture(), "image/jpeg")
    assert set(refused.value.fields) == missing
    assert asking.bench.vault.items() == []


@pytest.mark.parametrize("begun", [False, True])
def test_private_without_agreement_beforehand_keeps_nothing_and_somebody_rings(begun: bool) -> None:
    asking = Asking()
    request_id, door = asking.sending() if begun else asking.opened()
    visit = asking.visits.say(door, Said(private=True))
    assert (visit.stage, visit.state) == (Stage.OVER, RequestState.CALL_ME)
    assert asking.bench.vault.items() == []
    assert asking.kinds() == ["call-me"]
    with refused_as("link-over", RequestState.CALL_ME):
        asking.visits.add_picture(door, picture(), "image/jpeg")
    assert asking.now(request_id).capture_id is None


def test_private_with_agreement_beforehand_comes_back_marked() -> None:
    asking = Asking()
    request_id, door = asking.opened(**PRIVATE)
    asking.visits.say(door, replace(FIRST, private=True))
    asking.visits.add_picture(door, picture(), "image/jpeg")
    asking.visits.say(door, LAST)
    asking.visits.confirm(door)
    draft = asking.bench.draft(asking.now(request_id).capture_id)  # type: ignore[arg-type]
    assert draft.preauthorised_private
    assert draft.answers.shared["patient_says_private"] == "yes"


@pytest.mark.parametrize(
    ("said", "way"),
    [
        (Said(receive=ConsentAnswer.REFUSED), "receive"),
        (Said(photographer=Photographer.CARE_WORKER), "care worker"),
        (Said(child_view=ChildView.OBJECTS), "child"),
        (Said(child_view=ChildView.UNCLEAR), "child"),
    ],
)
def test_what_must_be_talked_about_first_stops_and_keeps_nothing(said: Said, way: str) -> None:
    asking = Asking()
    _, door = asking.sending()
    assert asking.visits.say(door, said).state is RequestState.CALL_ME
    assert asking.bench.vault.items() == []
    (item,) = asking.work()
    assert (item.kind, way in item.words.lower() or way == "receive") == (WorkKind.CALL_ME, True)


@pytest.mark.parametrize(
    ("said", "without"),
    [
        (replace(LAST, photographer=None), "photographer"),
        (replace(LAST, only_area=None), "only_area"),
        (replace(LAST, store=None), "store"),
    ],
)
def test_send_waits_for_every_answer(said: Said, without: str) -> None:
    asking = Asking()
    request_id, door = asking.sending()
    asking.visits.say(door, said)
    assert asking.visits.open(door).missing
    with pytest.raises(Incomplete) as refused:
        asking.visits.confirm(door)
    assert set(refused.value.fields) == {without}
    assert asking.now(request_id).state is RequestState.SENDING
    assert asking.kinds() == []


def test_others_in_the_picture_and_an_unasked_carer_do_not_go() -> None:
    asking = Asking()
    _, door = asking.sending()
    said = replace(LAST, only_area=False, photographer=Photographer.FAMILY_CARER)
    assert set(asking.visits.say(door, said).missing) == {"only_area", "helper_agreed"}


def test_no_to_keeping_is_sent_and_said() -> None:
    asking = Asking()
    request_id, door = asking.sending()
    asking.visits.say(door, replace(LAST, store=ConsentAnswer.REFUSED))
    asking.visits.confirm(door)
    draft = asking.bench.draft(asking.now(request_id).capture_id)  # type: ignore[arg-type]
    assert draft.answers.shared["consent_store"] == "refused"
    assert "discard" in asking.work()[0].words


def test_sending_twice_sends_once() -> None:
    asking = Asking()
    request_id, door = asking.answered()
    before = asking.now(request_id)
    assert asking.visits.confirm(door).stage is Stage.SENT
    assert asking.now(request_id) == before
    assert asking.kinds() == ["came-back"]


def test_limits_of_number_and_size_and_kind() -> None:
    asking = Asking()
    _, door = asking.sending("1", "2", "3")
    for content, code in (
        (picture("4"), "too-many-images"),
        (bytes(asking.bench.policy.most_bytes_per_image + 1), "too-large"),
    ):
        with pytest.raises(Refused) as refused:
            asking.visits.add_picture(door, content, "image/jpeg")
        assert refused.value.code == code
    asking.visits.remove_picture(door, asking.visits.open(door).pictures[0].image_id)
    with pytest.raises(UnacceptableImage):
        asking.visits.add_picture(door, b"not a picture", "image/jpeg")
    with pytest.raises(Refused) as refused:
        asking.visits.add_picture(door, picture("2"), "image/jpeg")
    assert refused.value.code == "duplicate-image"
    assert len(asking.visits.open(door).pictures) == 2


def test_a_picture_whose_checking_broke_off_is_kept_and_checked_before_it_is_sent() -> None:
    asking = Asking()
    request_id, door = asking.sending()

    def down(_received: object) -> None:
        raise Unavailable("busy")

    asking.bench.worker.on_clean = down
    with pytest.raises(Unavailable):
        asking.visits.add_picture(door, picture("second"), "image/jpeg")
    assert [each.checked for each in asking.visits.open(door).pictures] == [True, False]
    asking.visits.say(door, LAST)
    with pytest.raises(Unavailable):
        asking.visits.confirm(door)
    asking.bench.worker.on_clean = lambda _received: None
    asking.visits.confirm(door)
    draft = asking.bench.draft(asking.now(request_id).capture_id)  # type: ignore[arg-type]
    assert [image.is_clean for image in draft.images] == [True, True]


def test_turning_and_cropping_starts_from_what_was_received() -> None:
    asking = Asking()
    _, door = asking.sending()
    (one,) = asking.visits.open(door).pictures
    geometry = Geometry(1, Region(0.1, 0.1, 0.9, 0.9))
    assert asking.visits.edit(door, one.image_id, geometry).geometry == geometry
    assert asking.visits.thumbnail(door, one.image_id)[1] == "image/jpeg"
    assert asking.visits.preview(door, one.image_id, quarter_turns=1).startswith(b"preview 1 ")


def test_nobody_at_the_practice_sees_a_picture_before_it_is_sent() -> None:
    asking = Asking()
    request_id, _ = asking.sending()
    capture = asking.now(request_id).capture_id
    assert capture is not None
    with pytest.raises(NotFound):
        asking.bench.captures.draft(SESSION, capture)
    with pytest.raises(NotFound):
        asking.requests.take(clinician("cover"), capture, from_user=Reference("Patient/p1"))
    assert asking.bench.captures.open_captures(SESSION) == []
    assert asking.bench.captures.waiting(SESSION) == []
    assert asking.bench.captures.waiting_here(SESSION) == []


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("way", ["decline", "call_me"])
def test_not_sending_is_as_easy_and_somebody_follows_it_up(way: str, checked: bool) -> None:
    asking = Asking()
    _, door = asking.sending() if checked else asking.sent()
    getattr(asking.visits, way)(door, "after four, please")
    (item,) = asking.work()
    assert item.kind is (WorkKind.DECLINED if way == "decline" else WorkKind.CALL_ME)
    assert "after four, please" in item.words
    assert ("not checked" in item.words) is not checked
    assert asking.bench.vault.items() == []
    assert asking.visits.open(door).stage is Stage.OVER


def test_taken_back_in_time_is_destroyed_at_once() -> None:
    asking = Asking()
    request_id, door = asking.answered()
    assert asking.visits.withdraw(door).state is RequestState.WITHDRAWN
    assert asking.bench.vault.items() == []
    assert asking.kinds() == ["call-me"]
    draft = asking.bench.draft(asking.now(request_id).capture_id)  # type: ignore[arg-type]
    assert (draft.state, draft.images, dict(draft.answers.shared)) == (DraftState.DISCARDED, (), {})
    with refused_as("link-over"):
        asking.visits.withdraw(door)


def test_too_late_by_the_clock_or_another_browser_is_not_taken_back() -> None:
    asking = Asking()
    _, door = asking.answered()
    with refused_as("link-elsewhere"):
        asking.visits.withdraw(replace(door, browser="another"))
    asking.bench.clock.advance(seconds=int(asking.bench.policy.withdraw_window.total_seconds()) + 1)
    with refused_as("link-over"):
        asking.visits.withdraw(door)
    assert asking.bench.vault.items() != []


def test_expiry_destroys_what_was_not_sent_and_tells_the_owner() -> None:
    asking = Asking()
    request_id, door = asking.sending()
    asking.bench.clock.advance(hours=73)
    assert asking.visits.open(door).stage is Stage.OVER
    assert asking.now(request_id).state is RequestState.EXPIRED
    assert asking.bench.vault.items() == []
    assert asking.kinds() == ["request-expired"]


def test_a_new_link_kills_the_old_one_with_all_that_was_begun() -> None:
    asking = Asking()
    request_id, old = asking.sending()
    request = asking.now(request_id)
    _, new = asking.issue(request)
    assert asking.bench.vault.items() == []
    with refused_as("link-unknown"):
        asking.visits.open(old)
    assert asking.visits.open(new).stage is Stage.CHECK
    with pytest.raises(Refused, check=lambda error: error.code == "request-state"):
        asking.requests.cancel(SESSION, request_id, seen=seen_as(request))
    asking.requests.cancel(SESSION, request_id, seen=seen_as(asking.now(request_id)))
    with refused_as("link-over", RequestState.CANCELLED):
        asking.visits.check_birth_date(new, BORN)


@pytest.mark.parametrize("secret", ["", "x", "a" * 42, "a" * 44, "ä" * 43, "a" * 42 + "\n", "../" * 14 + "a"])
def test_what_is_no_secret_opens_nothing(secret: str) -> None:
    asking = Asking()
    asking.sent()
    with refused_as("link-unknown"):
        asking.visits.open(Door(secret))
