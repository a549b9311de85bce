"""The counterparty itself: it passes another client that is right, and each thing it checks it can find wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus

import pytest

from tests.smart_launch.inferno.by_hand import APP, JWKS, SECRET, STRANGER, ByHand, Misdeeds
from tests.smart_launch.inferno.checks import NUMBERS, judge
from tests.smart_launch.inferno.mock_server import MockServer, issue
from tests.smart_launch.inferno.recorded import ClientType
from tests.smart_launch.inferno.verdict import CODES

ALCA, ALCS, ALP, BSCA = ClientType.ALCA, ClientType.ALCS, ClientType.ALP, ClientType.BSCA


@dataclass(frozen=True)
class Mutation:
    """A misdeed of one kind of client, and the test of the suite that must find it as `code`."""

    number: str
    client_type: ClientType
    code: str
    wrong: Misdeeds
    note: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.number, self.code, self.note)))


def _mutations() -> Iterator[Mutation]:
    launchers = ((ALCA, "1.01"), (ALCS, "2.01"), (ALP, "3.01"))
    for client_type, number in launchers:
        for what, code in (("launch_urls", "launch-url"), ("redirect_uris", "redirect-uri")):
            for value, fault in (
                ("http://by-hand.example/x", "not-https"),
                ("ftp://by-hand.example/x", "not-http"),
                ("https://by-hand.example/x y", "invalid"),
                (f"{APP}/callback,http://127.0.0.1/x", "not-https"),
            ):
                wrong = Misdeeds(registration={what: value}, launches=())
                yield Mutation(number, client_type, f"{code}-{fault}", wrong, "second" if "," in value else "")
        yield Mutation(number, client_type, "redirect-uri-missing", Misdeeds(registration={"redirect_uris": " "}))
    for client_type, number in ((ALCA, "1.01"), (BSCA, "4.01")):
        for value, note in (
            ("", "empty"),
            ('{"keys": []}', "none"),
            (json.dumps({"keys": [{**JWKS["keys"][0], "n": None}]}), "broken"),
            (json.dumps({"keys": [{"kty": "oct", "kid": "1", "k": "AAAA"}]}), "symmetric"),
        ):
            yield Mutation(number, client_type, "jwks-unusable", Misdeeds(registration={"jwks": value}), note)
    yield Mutation("2.01", ALCS, "secret-missing", Misdeeds(registration={"secret": ""}))

    for client_type, number in ((ALCA, "5.01"), (ALCS, "5.02"), (ALP, "5.03")):
        yield Mutation(number, client_type, "no-authorization", Misdeeds(launches=("standalone",)), "no-ehr-launch")
        yield Mutation(number, client_type, "no-authorization", Misdeeds(launches=("ehr",)), "no-standalone")
        yield Mutation(number, client_type, "no-access", Misdeeds(reads=False))
    yield Mutation("5.04", BSCA, "no-access", Misdeeds(reads=False))

    for client_type, number in ((ALCA, "5.05"), (ALCS, "5.06"), (ALP, "5.07")):
        for posts in (False, True):
            for code, changes in (
                ("response-type", {"response_type": "token"}),
                ("redirect-unregistered", {"redirect_uri": f"{APP}/callback/"}),
                ("redirect-missing", {"redirect_uri": None}),
                ("launch", {"launch": "another-handle"}),
                ("state", {"state": None}),
                ("aud", {"aud": "https://other.example/fhir"}),
                ("challenge", {"code_challenge": None}),
                ("method", {"code_challenge_method": None}),
                ("method", {"code_challenge_method": "plain"}),
                ("scope", {"scope": " "}),
            ):
                note = "post" if posts else "get"
                note += "-plain" if "plain" in changes.values() else ""
                yield Mutation(number, client_type, code, Misdeeds(authorization=changes, posts=posts), note)
            twice = Misdeeds(authorization={"client_id": "x"}, more_authorization="&client_id={id}", posts=posts)
            yield Mutation(number, client_type, "client-id", twice, "twice-post" if posts else "twice-get")
        slash = Misdeeds(authorization={"aud": "{base}/"})
        yield Mutation(number, client_type, "aud", slash, "trailing-slash")
        yield Mutation(number, client_type, "redirect-none-registered", Misdeeds(registration={"redirect_uris": ""}))

    for client_type, number in ((ALCA, "5.08"), (ALCS, "5.09"), (ALP, "5.10")):
        for code, changes in (
            ("token-redirect", {"redirect_uri": f"{APP}/other"}),
            ("token-redirect", {"redirect_uri": None}),
            ("pkce", {"code_verifier": None}),
            ("pkce", {"code_verifier": "another-verifier-another-verifier-another-verifier"}),
        ):
            note = "missing" if None in changes.values() else "other"
            yield Mutation(number, client_type, code, Misdeeds(token=changes), note)
        yield Mutation(number, client_type, "code-unknown", Misdeeds(token={"code": "{issued}"}))
        yield Mutation(number, client_type, "refresh-unknown", Misdeeds(refresh={"refresh_token": "{issued}_rt"}))
        yield Mutation(number, client_type, "code-missing", Misdeeds(code_in_query=True))
        yield Mutation(number, client_type, "grant-type", Misdeeds(system_grant=True))
    yield from _assertions()
    for value, note in (
        (f"Plain {{id}}:{quote_plus(SECRET)}", "percent-encoded"),
        ("Plain {id}:another", "other-secret"),
        ("none", "missing"),
        ("Bearer x", "bearer"),
        ("Basic !", "not-base64"),
    ):
        yield Mutation("5.09", ALCS, "basic", Misdeeds(basic=value), note)
    yield Mutation("5.10", ALP, "public-client-id", Misdeeds(token={"client_id": None}), "missing")
    yield Mutation("5.10", ALP, "public-client-id", Misdeeds(token={"client_id": "another"}), "other")
    yield Mutation("5.11", BSCA, "backend-scope", Misdeeds(token={"scope": None}))
    yield Mutation("5.11", BSCA, "backend-refresh", Misdeeds(refresh={"refresh_token": "{issued}_rt"}))
    for client_type in ClientType:
        yield Mutation("5.12", client_type, "token-unused", Misdeeds(bearer="{issued}"), client_type.name.lower())


def _assertions() -> Iterator[Mutation]:
    for client_type, number in ((ALCA, "5.08"), (BSCA, "5.11")):
        for code, wrong, note in (
            ("typ", Misdeeds(header={"typ": None}), "missing"),
            ("typ", Misdeeds(header={"typ": "jwt"}), "lower-case"),
            ("sub", Misdeeds(claims={"sub": "another"}), ""),
            ("assertion-aud", Misdeeds(claims={"aud": "{base}"}), "fhir-base"),
            ("assertion-aud", Misdeeds(claims={"aud": None}), "missing"),
            ("exp", Misdeeds(claims={"exp": None}), ""),
            ("jti-missing", Misdeeds(claims={"jti": None}), ""),
            ("jti-reused", Misdeeds(claims={"jti": "always the same"}), ""),
            ("signature", Misdeeds(key=STRANGER), "other-key"),
            ("signature", Misdeeds(header={"kid": "unknown"}), "other-kid"),
            ("signature", Misdeeds(header={"kid": None}), "no-kid"),
            ("signature", Misdeeds(header={"alg": None}), "no-alg"),
            ("signature", Misdeeds(header={"alg": "none"}), "alg-none"),
            ("signature", Misdeeds(header={"alg": "HS384"}), "alg-hs384"),
            ("signature", Misdeeds(header={"alg": "ES384"}), "alg-of-other-key"),
            ("assertion-type", Misdeeds(token={"client_assertion_type": None}), ""),
        ):
            yield Mutation(number, client_type, code, wrong, note)
    yield Mutation("5.08", ALCA, "iss", Misdeeds(claims={"iss": "another"}))
    yield Mutation("5.08", ALCA, "assertion-unreadable", Misdeeds(token={"client_assertion": None}), "missing")
    yield Mutation("5.08", ALCA, "assertion-unreadable", Misdeeds(token={"client_assertion": "a.b.c"}), "broken")
    refresh = Misdeeds(refresh={"client_assertion_type": "other"})
    yield Mutation("5.08", ALCA, "refresh-assertion-type", refresh)
    yield Mutation("5.08", ALCA, "assertion-unreadable", Misdeeds(refresh={"client_assertion": None}), "on-refresh")


MUTATIONS = list(_mutations())
RIGHT = [
    (number, client_type, algorithm, posts)
    for client_type in ClientType
    for number in NUMBERS[client_type]
    for algorithm in (("RS384", "ES384") if client_type in {ALCA, BSCA} else ("RS384",))
    for posts in ((False, True) if number in {"5.05", "5.06", "5.07"} else (False,))
]


@pytest.mark.parametrize(
    ("number", "client_type", "algorithm", "posts"),
    RIGHT,
    ids=[f"{number}-{kind.name.lower()}-{algorithm}{'-post' * posts}" for number, kind, algorithm, posts in RIGHT],
)
def test_another_client_that_is_right_passes(
    inferno: MockServer, number: str, client_type: ClientType, algorithm: str, posts: bool
) -> None:
    session = ByHand(inferno, client_type, algorithm, Misdeeds(posts=posts)).run()
    verdict = judge(number, session)
    assert verdict.problems == []
    assert verdict.result == "pass"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_what_is_wrong_is_found(inferno: MockServer, mutation: Mutation) -> None:
    session = ByHand(inferno, mutation.client_type, wrong=mutation.wrong).run()
    verdict = judge(mutation.number, session)
    assert verdict.result == "fail"
    assert mutation.code in verdict.codes, verdict


def test_everything_that_can_be_found_was_found_once() -> None:
    assert {mutation.code for mutation in MUTATIONS} == CODES
    assert {mutation.number for mutation in MUTATIONS} == {number for each in NUMBERS.values() for number in each}


@pytest.mark.parametrize(
    ("number", "client_type"),
    [("5.05", ALCA), ("5.06", ALCS), ("5.07", ALP), ("5.08", ALCA), ("5.09", ALCS), ("5.10", ALP), ("5.12", ALP)],
)
def test_what_never_happened_is_skipped_and_not_passed(
    inferno: MockServer, number: str, client_type: ClientType
) -> None:
    session = ByHand(inferno, client_type, wrong=Misdeeds(launches=())).run()
    assert judge(number, session).result == "skip"


def test_a_token_of_nobody_gets_nothing(inferno: MockServer) -> None:
    session = ByHand(inferno, ALP, wrong=Misdeeds(bearer=issue("nobody", 60))).run()
    assert judge("5.12", session).skipped == "No successful access requests made."
