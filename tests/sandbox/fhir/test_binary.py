"""Binary: raw and as JSON, in and out (R4 binary)."""

from __future__ import annotations

import base64
import time

import pytest

from tests.sandbox.fhir.client import BASE, FHIR_JSON, FhirUnderTest, assert_refused, binary, got

JPEG = bytes(range(256)) * 8


def test_raw_in_raw_out(fhir: FhirUnderTest) -> None:
    made = fhir.raw("POST", "Binary", JPEG, "image/jpeg")
    assert (made.status_code, made.data) == (201, b"")
    path = made.headers["Location"].removeprefix(f"{BASE}/")
    read = fhir.get(path, accept="image/jpeg")
    assert (read.status_code, read.data, read.content_type) == (200, JPEG, "image/jpeg")
    assert read.headers["ETag"] == 'W/"1"'
    assert fhir.get(path).data == JPEG
    assert fhir.get(path, accept="image/png").content_type == "image/jpeg"


def test_raw_in_json_out(fhir: FhirUnderTest) -> None:
    made = fhir.raw("PUT", "Binary/b1", JPEG, "image/jpeg", x_security_context="Patient/p1")
    assert made.status_code == 201
    resource = got(fhir.get("Binary/b1", accept=FHIR_JSON))
    assert base64.b64decode(resource["data"]) == JPEG
    assert resource["contentType"] == "image/jpeg"
    assert resource["securityContext"] == {"reference": "Patient/p1"}
    assert got(fhir.get("Binary/b1?_format=json")) == resource
    assert fhir.get("Binary/b1").headers["X-Security-Context"] == "Patient/p1"


def test_json_in_raw_out(fhir: FhirUnderTest) -> None:
    made = fhir.put(
        "Binary/b1", binary(base64.b64encode(JPEG).decode(), id="b1", securityContext={"reference": "Media/m"})
    )
    assert made.status_code == 201
    assert made.data == b""
    assert fhir.get("Binary/b1", accept="*/*").data == JPEG
    assert got(fhir.get("Binary/b1", accept=FHIR_JSON))["securityContext"] == {"reference": "Media/m"}


def test_plain_json_is_a_resource_only_if_it_says_so(fhir: FhirUnderTest) -> None:
    made = fhir.raw(
        "POST", "Binary", b'{"resourceType": "Binary", "contentType": "image/png", "data": "AAEC"}', "application/json"
    )
    assert fhir.get(made.headers["Location"].removeprefix(f"{BASE}/")).data == b"\0\1\2"
    made = fhir.raw("POST", "Binary", b'{"a": 1}', "application/json")
    path = made.headers["Location"].removeprefix(f"{BASE}/")
    assert fhir.get(path, accept="*/*").data == b'{"a": 1}'


def test_representation_has_the_data(fhir: FhirUnderTest) -> None:
    made = fhir.post("Binary", binary("AAEC"), prefer="return=representation")
    assert got(made)["data"] == "AAEC"


def test_versions_and_deletion(fhir: FhirUnderTest) -> None:
    fhir.raw("PUT", "Binary/b", b"one", "image/jpeg")
    assert fhir.raw("PUT", "Binary/b", b"two", "image/png").status_code == 200
    assert fhir.get("Binary/b/_history/1").data == b"one"
    assert fhir.get("Binary/b").content_type == "image/png"
    history = got(fhir.get("Binary/b/_history"))
    assert [base64.b64decode(e["resource"]["data"]) for e in history["entry"]] == [b"two", b"one"]
    fhir.delete("Binary/b")
    assert_refused(fhir.get("Binary/b"), 410)
    assert fhir.store.binary("b") is None


def test_base64_may_have_line_breaks(fhir: FhirUnderTest) -> None:
    fhir.put("Binary/b", binary("AAEC\r\n AAEC\n", id="b"))
    assert fhir.get("Binary/b").data == b"\0\1\2\0\1\2"


def test_an_empty_binary(fhir: FhirUnderTest) -> None:
    fhir.raw("PUT", "Binary/b", b"", "image/jpeg")
    assert fhir.get("Binary/b").data == b""
    assert "data" not in got(fhir.get("Binary/b", accept=FHIR_JSON))


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"data": "not base64!"}, 422),
        ({"data": 7}, 422),
        ({"data": ["AAEC"]}, 422),
        ({"data": "AAE"}, 422),
        ({"data": "AÄEC"}, 422),
        ({"contentType": None}, 400),
        ({"contentType": "jpeg"}, 422),
        ({"contentType": "image/jpeg\r\nX-Evil: 1"}, 422),
        ({"contentType": "image/png; \u2603"}, 422),
        ({"contentType": 1}, 422),
        ({"securityContext": "Patient/1"}, 422),
        ({"name": "x"}, 422),
    ],
)
def test_a_bad_binary_is_refused(fhir: FhirUnderTest, wrong: dict[str, object], status: int) -> None:
    assert_refused(fhir.post("Binary", binary() | wrong), status)


def test_a_raw_binary_needs_its_type(fhir: FhirUnderTest) -> None:
    assert_refused(fhir.raw("POST", "Binary", JPEG), 415)
    assert_refused(fhir.raw("POST", "Binary", JPEG, "nonsense"), 422)
    assert_refused(fhir.raw("POST", "Binary", JPEG, "application/fhir+xml"), 415)
    assert_refused(fhir.raw("POST", "Binary", JPEG, FHIR_JSON), 400)


def test_fhir_in_another_format_is_406(fhir: FhirUnderTest) -> None:
    fhir.raw("PUT", "Binary/b", JPEG, "image/jpeg")
    assert_refused(fhir.get("Binary/b", accept="application/fhir+xml"), 406)


def test_stored_web_pages_cannot_run_here(fhir: FhirUnderTest) -> None:
    fhir.raw("PUT", "Binary/b", b"<script>alert(1)</script>", "text/html")
    headers = fhir.get("Binary/b").headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_bytes_are_not_in_the_json_column(fhir: FhirUnderTest) -> None:
    fhir.put("Binary/b", binary("AAEC", id="b"))
    with fhir.store.session() as session:
        body, content = session.connection.execute("SELECT body, content FROM version").fetchone()
    assert "AAEC" not in body
    assert content == b"\0\1\2"


def test_25_megabytes_are_as_quick_per_byte_as_one(fhir: FhirUnderTest) -> None:
    """A quadratic step anywhere would show as 25 times more; ten times leaves room for a busy machine."""

    def seconds(size: int) -> float:
        content = b"\x5a" * size
        started = time.perf_counter()
        assert fhir.raw("PUT", "Binary/raw", content, "image/jpeg").status_code in (200, 201)
        assert len(fhir.get("Binary/raw").data) == size
        sent = (
            b'{"resourceType":"Binary","id":"json","contentType":"image/jpeg","data":"'
            + base64.b64encode(content)
            + b'"}'
        )
        assert fhir.raw("PUT", "Binary/json", sent, FHIR_JSON).status_code in (200, 201)
        assert len(fhir.get("Binary/json", accept=FHIR_JSON).data) > size * 4 // 3
        return time.perf_counter() - started

    seconds(1_000)
    small = max(seconds(1_000_000), 0.02)
    assert seconds(25_000_000) < 25 * small * 10
