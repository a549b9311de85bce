"""Each fault, over a real socket where it is about the connection, and the door that sets them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from werkzeug.serving import make_server

from fhir_plugin.sandbox.faults import Fault, Faults, Match
from tests.sandbox.fhir.client import FHIR_JSON, FhirUnderTest, assert_refused, got, patient

POST_PATIENT = Match(method="POST", path="/fhir/Patient$")


class Live:
    """The server on a port of its own, one thread for each request."""

    def __init__(self, fhir: FhirUnderTest) -> None:
        self.fhir = fhir
        self.server = make_server("127.0.0.1", 0, fhir.app, threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.base = f"http://127.0.0.1:{self.server.server_port}/fhir"

    def post(self, timeout: float = 10) -> requests.Response:
        return requests.post(
            f"{self.base}/Patient", json=patient(), headers={"Content-Type": FHIR_JSON}, timeout=timeout
        )

    def stored(self) -> int:
        return len(self.fhir.store.search("Patient", {}))

    def stop(self) -> None:
        self.fhir.faults.clear()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def live(fhir: FhirUnderTest) -> Iterator[Live]:
    server = Live(fhir)
    yield server
    server.stop()


def test_timeout_after_write_has_written(live: Live) -> None:
    live.fhir.faults.add(Fault(kind="timeout-after-write", match=POST_PATIENT, seconds=30))
    with pytest.raises(requests.exceptions.ReadTimeout):
        live.post(timeout=0.3)
    assert live.stored() == 1
    assert live.post().status_code == 201


def test_a_held_answer_ends_when_the_caller_hangs_up_or_the_queue_is_cleared(live: Live) -> None:
    before = threading.active_count()
    live.fhir.faults.add(Fault(kind="timeout-after-write", seconds=60, times=2))
    with pytest.raises(requests.exceptions.ReadTimeout):
        live.post(timeout=0.2)
    answers = list[requests.Response]()
    waiting = threading.Thread(target=lambda: answers.append(live.post(timeout=30)))
    waiting.start()
    time.sleep(0.3)
    assert not answers
    live.fhir.faults.clear()
    waiting.join(timeout=10)
    assert [answer.status_code for answer in answers] == [201]
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before, "the answer to the one who hung up is still held"


def test_cut_has_written_and_breaks_in_the_middle(live: Live) -> None:
    live.fhir.faults.add(Fault(kind="cut", match=POST_PATIENT))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        live.post()
    assert live.stored() == 1
    assert live.post().status_code == 201


def test_cut_of_a_read_leaves_half_the_bytes(live: Live) -> None:
    live.fhir.store.put_binary("b", b"x" * 100_000, "image/jpeg")
    live.fhir.faults.add(Fault(kind="cut", match=Match(method="GET")))
    received = b""
    response = requests.get(f"{live.base}/Binary/b", stream=True, timeout=10)
    assert response.headers["Content-Length"] == "100000"
    with pytest.raises(requests.exceptions.RequestException):
        for chunk in response.iter_content(1000):
            received += chunk
    response.close()
    assert 0 < len(received) <= 50_000


def test_cut_of_an_answer_without_a_body(live: Live) -> None:
    live.fhir.faults.add(Fault(kind="cut"))
    with pytest.raises(requests.exceptions.RequestException):
        requests.post(f"{live.base}/Binary", data=b"x", headers={"Content-Type": "image/png"}, timeout=10).json()
    assert len(live.fhir.store.search("Binary", {})) == 1


def test_slow_is_late_and_right(live: Live) -> None:
    live.fhir.faults.add(Fault(kind="slow", seconds=0.4))
    started = time.monotonic()
    assert live.post().status_code == 201
    assert time.monotonic() - started >= 0.4


def test_error_after_write_has_written(fhir: FhirUnderTest) -> None:
    fhir.faults.add(Fault(kind="error-after-write"))
    assert_refused(fhir.post("Patient", patient()), 500)
    assert len(fhir.found("Patient")) == 1


def test_error_before_write_has_not(fhir: FhirUnderTest) -> None:
    fhir.faults.add(Fault(kind="error-before-write"), Fault(kind="error-before-write", status=502))
    assert_refused(fhir.post("Patient", patient()), 503)
    assert_refused(fhir.post("Patient", patient()), 502)
    assert fhir.found("Patient") == []


def test_a_refused_large_body_is_read_to_its_end(live: Live) -> None:
    """Else the caller would hear a reset connection and not the answer."""
    live.fhir.faults.add(Fault(kind="error-before-write"))
    response = requests.post(
        f"{live.base}/Binary", data=b"x" * 30_000_000, headers={"Content-Type": "image/png"}, timeout=30
    )
    assert response.status_code == 503


def test_a_body_that_ends_early_is_refused_and_not_stored(live: Live) -> None:
    with socket.create_connection(("127.0.0.1", live.server.server_port), timeout=10) as connection:
        head = "PUT /fhir/Binary/b HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + b"only these")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b'"code":"incomplete"' in answer
    assert live.fhir.store.binary("b") is None


def test_too_many_requests(fhir: FhirUnderTest) -> None:
    fhir.faults.add(Fault(kind="too-many-requests", retry_after=7))
    response = fhir.post("Patient", patient())
    assert_refused(response, 429, "throttled")
    assert response.headers["Retry-After"] == "7"
    assert fhir.found("Patient") == []


def test_unauthorised(fhir: FhirUnderTest) -> None:
    fhir.faults.add(Fault(kind="unauthorised"))
    response = fhir.post("Patient", patient())
    assert_refused(response, 401)
    assert "invalid_token" in response.headers["WWW-Authenticate"]
    assert fhir.found("Patient") == []


def test_not_stored_says_201(fhir: FhirUnderTest) -> None:
    fhir.faults.add(Fault(kind="not-stored", times=3))
    made = fhir.post("Patient", patient())
    assert made.status_code == 201
    assert_refused(fhir.get(f"Patient/{got(made)['id']}"), 404)
    entries = [{"resource": patient(), "request": {"method": "POST", "url": "Patient"}}]
    answer = got(fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    assert answer["entry"][0]["response"]["status"] == "201"
    assert fhir.found("Patient") == []
    with fhir.store.session() as session:
        assert session.history() == []


def test_corrupt_changes_the_bytes_raw_and_in_json(fhir: FhirUnderTest) -> None:
    fhir.store.put_binary("b", b"0123456789", "image/jpeg")
    fhir.faults.add(Fault(kind="corrupt", match=Match(method="GET", path="/Binary/"), times=2))
    raw = fhir.get("Binary/b")
    assert raw.status_code == 200
    assert len(raw.data) == 10
    assert raw.data != b"0123456789"
    assert got(fhir.get("Binary/b", accept=FHIR_JSON))["data"] != "MDEyMzQ1Njc4OQ=="
    assert fhir.get("Binary/b").data == b"0123456789"


def test_corrupt_leaves_alone_what_is_no_binary(fhir: FhirUnderTest) -> None:
    made = fhir.created(patient())
    fhir.faults.add(Fault(kind="corrupt"))
    assert got(fhir.get(f"Patient/{made['id']}")) == made


def test_skip_times_and_match(fhir: FhirUnderTest) -> None:
    fhir.faults.add(Fault(kind="error-before-write", match=POST_PATIENT, skip=2, times=2))
    assert fhir.get("Patient").status_code == 200
    assert [fhir.post("Patient", patient()).status_code for _ in range(5)] == [201, 201, 503, 503, 201]
    assert fhir.faults.waiting() == []


def test_the_first_that_matches_strikes_and_the_others_wait(fhir: FhirUnderTest) -> None:
    fhir.faults.add(
        Fault(kind="unauthorised", match=Match(method="DELETE")),
        Fault(kind="too-many-requests", match=Match(method="GET|POST")),
        Fault(kind="error-before-write"),
    )
    assert [fhir.get("Patient").status_code for _ in range(3)] == [429, 503, 200]
    assert [fault.kind for fault in fhir.faults.waiting()] == ["unauthorised"]


def test_faults_are_taken_once_by_however_many_threads() -> None:
    faults = Faults()
    faults.add(Fault(kind="slow", times=50))
    taken = list[bool]()
    threads = [
        threading.Thread(target=lambda: taken.extend(bool(faults.take("GET", "/")) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 50


# --------------------------------------------------------------------------------------------- the door


def test_faults_are_set_shown_and_cleared_over_http(fhir: FhirUnderTest) -> None:
    wanted = [
        {"kind": "slow", "match": {"method": "POST", "path": "/fhir/Media"}, "seconds": 0.5, "times": 2, "skip": 1}
    ]
    set_to = fhir.http.post("/_sandbox/faults", json=wanted)
    assert set_to.status_code == 200
    shown = fhir.http.get("/_sandbox/faults").get_json()
    assert shown == set_to.get_json()
    assert {**shown[0], **wanted[0]} == shown[0]
    assert fhir.http.delete("/_sandbox/faults").get_json() == []
    assert fhir.http.get("/_sandbox/faults").get_json() == []


def test_one_fault_need_not_be_a_list(fhir: FhirUnderTest) -> None:
    assert len(fhir.http.post("/_sandbox/faults", json={"kind": "cut"}).get_json()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        b"{",
        b"7",
        b"[7]",
        b'[{"kind": "nonsense"}]',
        b'[{"kind": "slow", "seconds": -1}]',
        b'[{"kind": "slow", "seconds": "NaN"}]',
        b'[{"kind": "slow", "times": 0}]',
        b'[{"kind": "slow", "match": {"path": "("}}]',
        b'[{"kind": "slow", "nonsense": 1}]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_a_bad_fault_is_refused_and_none_is_set(fhir: FhirUnderTest, wrong: bytes) -> None:
    response = fhir.http.post("/_sandbox/faults", data=wrong, content_type="application/json")
    assert response.status_code == 400
    assert fhir.faults.waiting() == []


def test_faults_are_for_this_machine_and_not_for_forms(fhir: FhirUnderTest) -> None:
    body = b'[{"kind": "cut"}]'
    assert fhir.http.post("/_sandbox/faults", data=body, content_type="text/plain").status_code == 415
    for address, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403), ("", 403), ("nonsense", 403)):
        response = fhir.http.get("/_sandbox/faults", environ_overrides={"REMOTE_ADDR": address})
        assert response.status_code == status
