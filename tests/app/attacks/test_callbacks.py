"""Callbacks that nobody began, that somebody else began, or that say too much (smart-client D2, D3, D4, D7)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.app.attacks.conftest import ORIGIN, Visitor, World
from tests.app.attacks.ehr import EVIL, LOGIN, OTHER_LOGIN, SECRETS, Said, with_query
from tests.app.attacks.expect import Refusal, assert_refused, assert_told_nobody

AGAIN = "open the app again from there"
NOT_KNOWN = Refusal(401, "This sign-in has been used or is not known", AGAIN, "state-mismatch")
MALFORMED = Refusal(400, "This link cannot open the app", "bookmark", "repeated-parameter")
OTHER_BROWSER = Refusal(400, "This sign-in was begun in another browser", "close this tab", "other-browser")
OTHER_ISSUER = Refusal(400, "Another server answered than the one that was asked", "Close this tab", "other-issuer")


def exchanged(world: World) -> list[str]:
    """Where codes were sent."""
    return [asked.url for asked in world.ehr.asked if asked.form.get("grant_type") == "authorization_code"]


def begun(world: World) -> tuple[Visitor, dict[str, str]]:
    visitor = world.visitor()
    return visitor, world.ehr.authorize(visitor.leave())


def callback(visitor: Visitor, *pairs: tuple[str, str], **fields: str) -> str:
    return with_query("/callback", [*fields.items(), *pairs])


STATES = {
    "none": (None, NOT_KNOWN),
    "empty": ("", NOT_KNOWN),
    "a guess": ("A" * 43, NOT_KNOWN),
    "a table of the database": ("' OR 1=1 --", NOT_KNOWN),
    "a path": ("../../../etc/passwd", NOT_KNOWN),
    "a null": ("\x00", NOT_KNOWN),
    "not of ASCII": ("é\u2028\U0001f600", NOT_KNOWN),
    "endless": ("x" * 20_000, Refusal(400, "This link cannot open the app", "bookmark", "parameter-too-long")),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_nobody_gave(world: World, name: str) -> None:
    state, expected = STATES[name]
    visitor, _ = begun(world)
    kept = world.kept()
    fields = {"code": SECRETS["code"], **({} if state is None else {"state": state})}
    assert_refused(visitor, visitor.get(callback(visitor, **fields)), expected, kept)
    assert exchanged(world) == []


@pytest.mark.parametrize(
    "change", [str.upper, str.swapcase, lambda text: text + " ", lambda text: text + "=", lambda text: text[:-1]]
)
def test_a_state_that_is_nearly_right(world: World, change: object) -> None:
    visitor, fields = begun(world)
    assert callable(change)
    kept = world.kept()
    answer = visitor.get(callback(visitor, code=fields["code"], state=change(fields["state"])))
    assert_refused(visitor, answer, NOT_KNOWN, kept)
    assert visitor.get(callback(visitor, **fields)).status_code == 303, "the right one was used up"


def test_a_callback_is_not_repeated(world: World) -> None:
    visitor, fields = begun(world)
    assert visitor.get(callback(visitor, **fields)).status_code == 303
    kept, sent = world.kept(), exchanged(world)
    assert_refused(visitor, visitor.get(callback(visitor, **fields)), NOT_KNOWN, kept)
    assert exchanged(world) == sent, "a code was sent twice"


def test_a_state_is_over_after_ten_minutes(world: World) -> None:
    visitor, fields = begun(world)
    world.clock.advance(minutes=10)
    kept = world.kept()
    answer = visitor.get(callback(visitor, **fields))
    assert answer.status_code == 401
    assert world.kept() == kept and exchanged(world) == []
    assert_told_nobody(visitor, answer)


@pytest.mark.parametrize("repeated", ["state", "code", "iss"])
def test_a_parameter_that_is_there_twice(world: World, repeated: str) -> None:
    visitor, fields = begun(world)
    kept = world.kept()
    pairs = {"iss": LOGIN, **fields}
    answer = visitor.get(callback(visitor, (repeated, "another"), **pairs))
    assert_refused(visitor, answer, MALFORMED, kept)
    assert exchanged(world) == []


def test_a_callback_that_says_nothing(world: World) -> None:
    visitor, fields = begun(world)
    kept = world.kept()
    expected = Refusal(502, "Your EHR's answer cannot be used", "service desk", "unusable-reply")
    assert_refused(visitor, visitor.get(callback(visitor, state=fields["state"])), expected, kept)


def test_an_attackers_callback_signs_no_victim_in(world: World) -> None:
    """Login CSRF (D3): the victim's browser is sent the attacker's own finished sign-in."""
    _, fields = begun(world)
    victim = world.visitor()
    victim.leave()
    kept = world.kept()
    assert_refused(victim, victim.get(callback(victim, **fields)), OTHER_BROWSER, kept)
    assert exchanged(world) == []


def test_an_attackers_callback_in_a_browser_that_never_was_here(world: World) -> None:
    attacker, fields = begun(world)
    stranger = world.visitor()
    kept = world.kept()
    answer = stranger.get(callback(stranger, **fields))
    assert answer.status_code == 400
    assert "blocks the cookie" in answer.text
    assert_told_nobody(attacker, answer)
    assert world.kept() == kept and exchanged(world) == []
    assert attacker.get(callback(attacker, **fields)).status_code == 303, "a stranger used it up"


def test_a_planted_cookie_opens_no_session_of_anybody(world: World) -> None:
    """Session fixation (D7): the cookie opens nothing alone, and each callback makes a launch id of its own."""
    attacker = world.visitor()
    first, second = attacker.launched(), attacker.launched()
    assert first != second
    planted = attacker.client.get_cookie("__Host-bid", domain="localhost")
    assert planted is not None
    victim = world.visitor()
    victim.client.set_cookie("__Host-bid", planted.value, domain="localhost")
    theirs = victim.launched()
    assert theirs not in (first, second)
    for guess in ("/l/", "/l/x/", "/l/../", f"/l/{planted.value}/", "/l/%00/", "/l/1/"):
        assert attacker.get(guess).status_code in (401, 404, 308)
    stranger = world.visitor()
    assert stranger.get(theirs).status_code == 401, "a launch id opened a session without the cookie"


@pytest.mark.parametrize("value", ["", "x", "x" * 3000, '"', "a;b", "a,b", "%00", "\x7f", "é"])
def test_a_broken_cookie_breaks_nothing(world: World, value: str) -> None:
    visitor = world.visitor()
    visitor.client.set_cookie("__Host-bid", value, domain="localhost")
    answer = visitor.launch()
    assert answer.status_code in (303, 400)
    assert "Set-Cookie" not in {name for name, text in answer.headers if name == "Set-Cookie" and "\n" in text}


def test_a_code_of_somebody_else_is_refused_by_its_proof_key(world: World) -> None:
    """Code injection: the attacker's code in the victim's own sign-in."""
    victim, fields = begun(world)
    begun(world)  # the attacker's sign-in is the one that the EHR made this code for
    kept = world.kept()
    expected = Refusal(401, "The sign-in is no longer good", "works once", "invalid-grant")
    assert_refused(victim, victim.get(callback(victim, **fields)), expected, kept)
    assert len(exchanged(world)) == 1


ISSUERS = ["https://login.ehr.example.evil.example", f"{LOGIN}/", EVIL, OTHER_LOGIN, LOGIN.upper(), "", "x"]


@pytest.mark.parametrize("iss", [each for each in ISSUERS if each])
def test_another_server_answers(world: World, iss: str) -> None:
    """Mix-up (D2, RFC 9207): the answer is another server's than the one that was asked."""
    visitor, fields = begun(world)
    kept = world.kept()
    assert_refused(visitor, visitor.get(callback(visitor, iss=iss, **fields)), OTHER_ISSUER, kept)
    assert exchanged(world) == []


def test_a_server_that_promised_to_name_itself_must(world: World) -> None:
    world.ehr.configuration["authorization_response_iss_parameter_supported"] = True
    visitor, fields = begun(world)
    kept = world.kept()
    assert_refused(visitor, visitor.get(callback(visitor, **fields)), OTHER_ISSUER, kept)
    visitor, fields = begun(world)
    assert visitor.get(callback(visitor, iss=LOGIN, **fields)).status_code == 303


def test_a_code_goes_to_the_token_endpoint_as_it_was_when_the_launch_began(world: World) -> None:
    visitor, fields = begun(world)
    world.clock.advance(minutes=5)
    world.ehr.configuration["token_endpoint"] = f"{LOGIN}/another-token"
    assert visitor.get(callback(visitor, **fields)).status_code == 303
    assert exchanged(world) == [f"{LOGIN}/token"]


MORE = dict.fromkeys(
    ("next", "redirect", "redirect_uri", "return_to", "url", "continue", "target", "iss2"), f"{EVIL}/x"
)


def test_a_callback_goes_on_to_our_own_page_only(world: World) -> None:
    """Open redirector (D4, SMART-R5, R6)."""
    visitor, fields = begun(world)
    answer = visitor.get(callback(visitor, **MORE, **fields))
    assert answer.status_code == 303
    to = urlsplit(str(answer.headers["Location"]))
    assert (to.scheme, to.netloc, to.query, to.fragment) == ("", "", "", "")
    assert to.path.startswith("/l/")
    assert_told_nobody(visitor, answer)
    assert "evil" not in str(answer.headers)


def test_no_cookie_carries_a_token_or_a_patient(world: World) -> None:
    visitor = world.visitor()
    visitor.home()
    names = set()
    for cookie in (visitor.client._cookies or {}).values():  # the jar has no other list
        names.add(cookie.key)
        for name, secret in visitor.secrets.items():
            assert name == "cookie" or secret not in cookie.value
        assert "p1" not in cookie.value.split(".")[0]
    assert names <= {"__Host-bid", "__Host-csrf"}


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
@pytest.mark.parametrize("path", ["/launch", "/callback", "/standalone/ehr"])
def test_the_way_in_is_asked_by_get(world: World, method: str, path: str) -> None:
    answer = getattr(world.visitor().client, method)(path, data={"state": "x", "code": SECRETS["code"]})
    assert answer.status_code in (400, 405)
    assert world.ehr.asked == []


def test_a_look_by_head_uses_nothing_up(world: World) -> None:
    visitor, fields = begun(world)
    looked = visitor.client.head(callback(visitor, **fields))
    assert (looked.status_code, looked.headers["Allow"]) == (405, "GET")
    assert exchanged(world) == []
    assert visitor.get(callback(visitor, **fields)).status_code == 303


def test_a_browser_that_keeps_no_cookie_spends_nothing(world: World) -> None:
    visitor = world.visitor()
    visitor.client = world.app.test_client(use_cookies=False)
    visitor.client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": urlsplit(ORIGIN).netloc})
    answer = visitor.launch()
    assert answer.status_code == 400
    assert "blocks the cookie" in answer.text
    assert world.ehr.asked == []


def test_a_launch_whose_ehr_was_taken_out_of_the_registry_meanwhile(world: World) -> None:
    world.ehr.answers[f"{LOGIN}/token"] = Said(500)
    visitor, fields = begun(world)
    registry = world.installation.registry
    issuers = registry._issuers  # nobody takes one out of a running registry but a restart
    try:
        registry._issuers = ()
        kept = world.kept()
        expected = Refusal(403, "This EHR is not known to the app", "Open the app only", "unknown-issuer")
        assert_refused(visitor, visitor.get(callback(visitor, **fields)), expected, kept)
    finally:
        registry._issuers = issuers
    assert exchanged(world) == []
