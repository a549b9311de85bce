"""A change to any member, or to what lies between them, is found; a whole package is whole anywhere."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from joserfc.jws import serialize_compact
from stream_unzip import stream_unzip
from stream_zip import ZIP_64, stream_zip

from fhir_plugin.cli import main
from fhir_plugin.disclose.package.archive import NotOpened
from fhir_plugin.disclose.package.manifest import key_check
from fhir_plugin.disclose.package.verify import Verified, verify_package
from tests.disclose.package.made import MADE, SIGNER, EcSigner, contents, members, written

WHOLE, PACKAGE = written(contents())
PASSWORD = "lusab-babad-gutih-tugad-nuvop-zutik"


def checked(package: bytes, **more: Any) -> Verified:
    return verify_package(io.BytesIO(package), **more)


def packed(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return out.getvalue()


def test_a_package_as_it_was_made_is_whole_and_says_by_which_key_it_was_signed() -> None:
    found = checked(WHOLE)
    assert found.whole, found.faults
    assert (found.package, found.files, found.trusted) == ("2026-0001", 8, None)
    assert found.key_check == key_check(SIGNER.public_jwks()["keys"][0]) == PACKAGE.proven.key_check
    assert found.key_check.encode() in members(WHOLE)["cover.html"]


def test_packed_anew_with_the_same_files_it_is_still_whole() -> None:
    assert checked(packed(members(WHOLE))).whole


def test_a_package_over_four_gigabytes_has_another_kind_of_directory_and_is_whole_as_well() -> None:
    files = [(name, MADE, 0o100644, ZIP_64, [content]) for name, content in members(WHOLE).items()]
    package = b"".join(stream_zip(files))
    assert b"PK\x06\x06" in package
    assert checked(package).whole
    assert not checked(package + b"x").whole
    closed = b"".join(stream_zip(files, password=PASSWORD))
    assert checked(closed, password=PASSWORD).whole


@pytest.mark.parametrize("name", sorted(members(WHOLE)))
@pytest.mark.parametrize("place", ["first", "last", "longer", "shorter", "gone", "empty"])
def test_a_change_to_any_member_is_found(name: str, place: str) -> None:
    files = members(WHOLE)
    content = files[name]
    changed = {
        "first": bytes([content[0] ^ 1]) + content[1:],
        "last": content[:-1] + bytes([content[-1] ^ 1]),
        "longer": content + b"\n",
        "shorter": content[:-1],
        "empty": b"",
    }
    if place == "gone":
        del files[name]
    else:
        files[name] = changed[place]
    assert not checked(packed(files)).whole


def test_every_single_byte_counts() -> None:
    """All of the ZIP's own bytes too, but for times and attributes, which carry nothing, in steps."""
    silent = []
    for place in range(0, len(WHOLE), 251):
        package = bytearray(WHOLE)
        package[place] ^= 0x55
        if checked(bytes(package)).whole:
            silent.append(place)
    for place in silent:
        package = bytearray(WHOLE)
        package[place] ^= 0x55
        assert members(bytes(package)) == members(WHOLE), "what is not found changes no file"
    assert len(silent) < len(WHOLE) // 251 // 10


def test_a_list_that_was_signed_by_somebody_else_is_whole_but_not_trusted() -> None:
    forged, _package = written(contents(), signer=EcSigner())
    ours = SIGNER.public_jwks()["keys"]
    assert checked(forged).whole, "which is why the key has to be compared"
    assert checked(forged, keys=ours).faults[0].code == "key"
    assert checked(WHOLE, keys=ours).trusted is True
    assert checked(WHOLE, expected_key=PACKAGE.proven.key_check.replace(" ", "").upper()).trusted is True
    assert [each.code for each in checked(forged, expected_key=PACKAGE.proven.key_check).faults] == ["key"]


def test_a_key_put_into_the_package_does_not_make_another_signature_right() -> None:
    files = members(WHOLE)
    other = EcSigner()
    jwk = {**other.public_jwks()["keys"][0], "kid": SIGNER.kid}
    files["keys.json"] = json.dumps({"keys": [jwk]}).encode()
    assert {each.code for each in checked(packed(files)).faults} == {"signature", "key", "changed"}


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS384"}, {"alg": "ES384", "b64": False, "crit": ["b64"]}])
def test_no_other_algorithm_will_do(header: dict[str, object]) -> None:
    from joserfc.util import urlsafe_b64encode

    files = members(WHOLE)
    _head, _, signature = files["manifest.jws"].decode().split(".")
    head = urlsafe_b64encode(json.dumps({**header, "kid": SIGNER.kid}).encode()).decode()
    for end in (signature, ""):
        files["manifest.jws"] = f"{head}..{end}".encode()
        assert "signature" in {each.code for each in checked(packed(files)).faults}


def test_a_signature_whose_header_says_more_is_not_ours() -> None:
    files = members(WHOLE)
    header = {"alg": "ES384", "kid": SIGNER.kid, "jku": "https://evil.example/keys"}
    head, _, end = serialize_compact(header, files["manifest.json"], SIGNER.key, algorithms=["ES384"]).split(".")
    files["manifest.jws"] = f"{head}..{end}".encode()
    assert [each.code for each in checked(packed(files)).faults] == ["signature"]


# ------------------------------------------------------------------------------------------------- structure


def _with(name: str, content: bytes = b"x") -> Callable[[], bytes]:
    return lambda: packed({**members(WHOLE), name: content})


def _twice() -> bytes:
    out = io.BytesIO(packed(members(WHOLE)))
    with zipfile.ZipFile(out, "a") as zipped, pytest.warns(UserWarning, match="Duplicate"):
        zipped.writestr("record.html", b"another")
    return out.getvalue()


def _link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for name, content in members(WHOLE).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            zipped.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _hidden_member() -> bytes:
    """A member that the directory does not name, before those that it names."""
    hidden = packed({"hidden.html": b"hidden"})
    return hidden[: hidden.index(b"PK\x01\x02")] + packed(members(WHOLE))


def _extra_words() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for name, content in members(WHOLE).items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<2H", 0x7777, 12) + b"hidden words"
            zipped.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _two_names() -> bytes:
    package = bytearray(packed(members(WHOLE)))
    place = package.index(b"record.html")
    package[place : place + 11] = b"record.htmX"
    return bytes(package)


def _gap() -> bytes:
    """A few bytes between two members: every offset after them moved on."""
    package = packed(members(WHOLE))
    second = package.index(b"PK\x03\x04", 10)
    directory = package.index(b"PK\x01\x02")
    body = package[:second] + b"hidden words" + package[second:directory]
    rest = bytearray(package[directory:])
    at = 0
    while rest[at : at + 4] == b"PK\x01\x02":
        offset = struct.unpack_from("<I", rest, at + 42)[0]
        struct.pack_into("<I", rest, at + 42, offset + 12 if offset >= second else offset)
        at += 46 + sum(struct.unpack_from("<3H", rest, at + 28))
    struct.pack_into("<I", rest, at + 16, directory + 12)
    return body + bytes(rest)


def _bomb() -> bytes:
    files = members(WHOLE)
    manifest = json.loads(files["manifest.json"])
    for row in manifest["files"]:
        if row["name"] == "record.html":
            row["size"] = 1 << 40
    import rfc8785

    files["manifest.json"] = rfc8785.dumps(manifest)
    files["manifest.jws"] = SIGNER.sign(manifest).encode()
    files["record.html"] = b"\0" * (1 << 22)
    return packed(files)


def _far_away() -> bytes:
    """A member that is as long as 64 bits can say."""
    at, end = WHOLE.index(b"PK\x01\x02"), WHOLE.rindex(b"PK\x05\x06")
    entry = bytearray(WHOLE[at : at + 46])
    name, extra = struct.unpack_from("<2H", entry, 28)
    entry[20:24], entry[30:32] = b"\xff" * 4, struct.pack("<H", extra + 12)
    longer = bytes(entry) + WHOLE[at + 46 : at + 46 + name] + struct.pack("<2HQ", 1, 8, 2**64 - 1)
    directory = longer + WHOLE[at + 46 + name : end]
    return WHOLE[:at] + directory + WHOLE[end : end + 12] + struct.pack("<I", len(directory)) + WHOLE[end + 16 :]


@pytest.mark.parametrize(
    "package",
    [
        _far_away,
        _with("../evil.html"),
        _with("/etc/passwd"),
        _with("images/../../evil.jpg"),
        _with("images\\002.jpg"),
        _with("C:evil.html"),
        _with("extra.html"),
        _with("images/003.jpg"),
        _with("RECORD.HTML"),
        lambda: packed({**members(WHOLE), "record.htmlX.exe": b"x"}).replace(b"record.htmlX.exe", b"record.html\0.exe"),
        _with("images/"),
        _with("images/001.jpg/x.jpg"),
        _twice,
        _link,
        _hidden_member,
        _two_names,
        _extra_words,
        _gap,
        _bomb,
        lambda: WHOLE + b"more",
        lambda: b"MZ" + WHOLE,
        lambda: WHOLE[:-1],
        lambda: WHOLE[: len(WHOLE) // 2],
        lambda: WHOLE + packed({"record.html": b"another"}),
        lambda: packed(members(WHOLE), method=zipfile.ZIP_BZIP2),
        lambda: b"",
        lambda: b"not a ZIP at all",
        lambda: packed({}),
    ],
)
def test_nothing_else_may_be_in_it_around_it_or_instead_of_it(package: Callable[[], bytes]) -> None:
    found = checked(package())
    assert not found.whole
    assert all(each.message and each.code for each in found.faults)


# ---------------------------------------------------------------------------------------------- encrypted


ENCRYPTED, _ = written(contents(), password=PASSWORD)


def test_an_encrypted_package_is_aes_256_and_another_reader_opens_it() -> None:
    with zipfile.ZipFile(io.BytesIO(ENCRYPTED)) as opened:
        for info in opened.infolist():
            assert info.flag_bits & 1
            assert info.compress_type == 99
            assert b"\x01\x99\x07\x00\x02\x00AE\x03" in info.extra, "AE-2, 256 bits"
    read = {name.decode(): b"".join(pieces) for name, _size, pieces in stream_unzip([ENCRYPTED], PASSWORD.encode())}
    plain = members(WHOLE)
    assert {name: read[name] for name in read if name != "manifest.jws"} == {
        name: plain[name] for name in plain if name != "manifest.jws"
    }
    for words in (b"Amy", b"Lee", b"forearm", b"Mill Road"):
        assert words not in ENCRYPTED


def test_it_wants_its_password_and_tells_nothing_without() -> None:
    assert checked(ENCRYPTED, password=PASSWORD).whole
    for password, code in ((None, "password-needed"), ("wrong", "password-wrong"), ("", "password-wrong")):
        with pytest.raises(NotOpened) as closed:
            checked(ENCRYPTED, password=password)
        assert closed.value.code == code
    package = bytearray(ENCRYPTED)
    package[3000] ^= 1
    assert not checked(bytes(package), password=PASSWORD).whole


# --------------------------------------------------------------------------------------------- the command


def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["verify-package", *arguments], input=stdin)
    return result.exit_code, result.output


def test_the_command_answers_as_the_contract_says(tmp_path: Path) -> None:
    good, bad, closed, keys = (tmp_path / name for name in ("good.zip", "bad.zip", "closed.zip", "keys.json"))
    good.write_bytes(WHOLE)
    bad.write_bytes(packed({**members(WHOLE), "record.html": b"changed"}))
    closed.write_bytes(ENCRYPTED)
    keys.write_text(json.dumps(SIGNER.public_jwks()))
    status, words = run(str(good))
    assert status == 0
    assert PACKAGE.proven.key_check in words
    status, words = run(str(good), "--jwks", str(keys), "--json")
    assert (status, json.loads(words)["key"]["trusted"]) == (0, True)
    status, words = run(str(bad), "--json")
    assert status == 1
    assert json.loads(words)["faults"] == [
        {"code": "changed", "file": "record.html", "message": "is not the file that was signed"}
    ]
    assert "record.html is not the file that was signed" in run(str(bad))[1]
    status, words = run(str(closed), "--json")
    assert (status, json.loads(words)["refused"]["code"]) == (2, "password-needed")
    assert run(str(closed), "--password-stdin", stdin="wrong\n")[0] == 2
    assert run(str(closed), "--password-stdin", stdin=f"{PASSWORD}\n")[0] == 0
    keys.write_text("nothing")
    assert run(str(good), "--jwks", str(keys))[0] == 2
    assert run(str(good), "--key", PACKAGE.proven.key_check)[0] == 0
    assert run(str(good), "--key", "0000")[0] == 1
    assert run(str(tmp_path / "none.zip"))[0] == 64


def test_a_stranger_checks_it_on_a_machine_without_an_installation(tmp_path: Path) -> None:
    """No state, no settings, nothing of ours but the program; and it leaves nothing behind."""
    (tmp_path / "p.zip").write_bytes(WHOLE)
    command = [sys.executable, "-c", "from fhir_plugin.cli import main; main()", "verify-package", "p.zip", "--json"]
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, check=True, timeout=60)
    said = json.loads(done.stdout)
    assert said["whole"] and said["key"]["trusted"] is None and said["key"]["check"] == PACKAGE.proven.key_check
    (tmp_path / "keys.json").write_bytes(members(WHOLE)["keys.json"])
    kept = subprocess.run([*command, "--jwks", "keys.json"], cwd=tmp_path, env=bare, capture_output=True, timeout=60)
    assert json.loads(kept.stdout)["key"]["trusted"] is True
    assert sorted(each.name for each in tmp_path.iterdir()) == ["keys.json", "p.zip"]
