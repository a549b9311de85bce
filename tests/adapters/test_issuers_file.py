"""The file of registered EHRs: what people wrote stays, what would not load is never written, nothing is lost."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.adapters.issuers_file import IssuersFile, Setting, entry_text
from fhir_plugin.errors import Refused, Unavailable
from smart_launch import read_registry
from tests.adapters.processes import in_children, run_and_die

WRITTEN_BY_HAND = """# Ours. Ask Sam before changing it.
[[issuer]]
name = "trust-a"   # the old one
iss = "https://fhir.trust-a.example/r4/"
client_id = "photographs"
client_secret = "kept-inline-by-hand"
auth_method = "client_secret_basic\""""


def _file(folder: Path) -> IssuersFile:
    return IssuersFile(folder / "state" / "issuers.toml", secret={"TRUST_B": "hush-hush"}.__getitem__)


def _entry(name: str = "trust-b", **more: Setting) -> dict[str, Setting]:
    return {"name": name, "iss": f"https://fhir.{name}.example/r4", "client_id": "photographs", **more}


def test_no_file_is_no_ehr(tmp_path: Path) -> None:
    assert list(_file(tmp_path).read()) == []


def test_the_first_entry_makes_a_private_file(tmp_path: Path) -> None:
    file = _file(tmp_path)
    added = file.add(_entry(auth_method="client_secret_basic", client_secret_ref="TRUST_B", scopes=("openid",)))
    assert added.client_secret == "hush-hush" and added.scopes == ("openid",)
    assert list(file.read()) == [added]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert "hush-hush" not in file.path.read_text()


@pytest.mark.parametrize(("mode", "after"), [(0o600, 0o600), (0o640, 0o640), (0o666, 0o640)])
def test_what_is_there_stays_to_the_letter(tmp_path: Path, mode: int, after: int) -> None:
    file = _file(tmp_path)
    file.path.parent.mkdir()
    file.path.write_text(WRITTEN_BY_HAND)
    file.path.chmod(mode)
    file.add(_entry())
    assert file.path.read_text().startswith(WRITTEN_BY_HAND + "\n\n[[issuer]]\n")
    assert [issuer.name for issuer in file.read()] == ["trust-a", "trust-b"]
    assert stat.S_IMODE(file.path.stat().st_mode) == after


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (_entry("trust-a"), "issuer-known"),
        ({**_entry(), "iss": "https://fhir.trust-a.example/r4"}, "issuer-known"),
        (_entry("Trust B"), "issuer-unusable"),
        ({**_entry(), "iss": "http://fhir.example/r4"}, "issuer-unusable"),
        (_entry(auth_method="client_secret_basic", client_secret_ref="NOT_THERE"), "issuer-unusable"),
        (_entry(prefix=True), "issuer-unusable"),
        (_entry(default_role="clinician"), "issuer-unusable"),
        (_entry(no_such_setting="x"), "issuer-unusable"),
    ],
)
def test_what_would_not_load_is_not_written(tmp_path: Path, entry: dict[str, Setting], code: str) -> None:
    file = _file(tmp_path)
    file.path.parent.mkdir()
    file.path.write_text(WRITTEN_BY_HAND)
    with pytest.raises(Refused) as refused:
        file.add(entry)
    assert refused.value.code == code
    assert "kept-inline" not in refused.value.message
    assert file.path.read_text() == WRITTEN_BY_HAND
    assert {path.name for path in file.path.parent.iterdir()} == {"issuers.toml"}


@pytest.mark.parametrize("content", [b"[[issuer", b"issuer = 1\n", b"[[issuer]]\nname = 'a'\n", b"\xff\xfe"])
def test_a_file_that_is_wrong_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = _file(tmp_path)
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    with pytest.raises(Unavailable) as unavailable:
        file.add(_entry())
    assert unavailable.value.code == "issuers-file"
    assert file.path.read_bytes() == content


def test_an_inline_list_is_not_broken_by_appending(tmp_path: Path) -> None:
    file = _file(tmp_path)
    file.path.parent.mkdir()
    inline = 'issuer = [{name = "trust-a", iss = "https://fhir.trust-a.example/r4", client_id = "c"}]\n'
    file.path.write_text(inline)
    with pytest.raises(Refused):
        file.add(_entry())
    assert file.path.read_text() == inline


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file = _file(tmp_path)
    file.path.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    file.path.symlink_to(tmp_path / "elsewhere" / "ehrs.toml")
    file.add(_entry())
    assert file.path.is_symlink() and [issuer.name for issuer in file.read()] == ["trust-b"]


def test_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    file = _file(tmp_path)
    file.path.parent.mkdir()
    if os.geteuid() == 0:
        os.chown(file.path.parent, 12345, 12346)
    owner = file.path.parent.stat()
    file.add(_entry())
    file.add(_entry("trust-c"))
    for path in file.path.parent.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid)


def test_nothing_is_done_to_what_a_planted_link_points_to(tmp_path: Path) -> None:
    file, victim = _file(tmp_path), tmp_path / "victim"
    file.path.parent.mkdir()
    victim.write_text("untouched")
    if os.geteuid() == 0:
        os.chown(file.path.parent, 12345, 12346)
    before = victim.stat()
    (file.path.parent / ".issuers.toml.lock").symlink_to(victim)
    file.add(_entry())
    assert victim.read_text() == "untouched"
    assert (victim.stat().st_uid, victim.stat().st_gid) == (before.st_uid, before.st_gid)


def test_of_many_who_add_at_once_nobody_is_lost(tmp_path: Path) -> None:
    file = _file(tmp_path)
    in_children(*(partial(file.add, _entry(f"trust-{number}")) for number in range(8)))
    assert sorted(issuer.name for issuer in file.read()) == [f"trust-{number}" for number in range(8)]


@pytest.mark.crash
def test_whoever_dies_while_adding_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    for step in range(1, 60):
        folder = tmp_path / str(step)
        file = _file(folder)
        file.add(_entry("before"))

        def act(acknowledge: object, file: IssuersFile = file) -> None:
            file.add(_entry("after"))

        died, _ = run_and_die(act, step)
        names = [issuer.name for issuer in file.read()]
        assert names in (["before"], ["before", "after"])
        if not died:
            assert names == ["before", "after"] and step > 5
            return
        file.add(_entry("again"))
        assert "again" in [issuer.name for issuer in file.read()]
    raise AssertionError("it never came to its end")


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)


@given(contact=_WORDS, client_id=_WORDS.filter(bool), scopes=st.lists(_WORDS.filter(lambda w: w.split() == [w])))
def test_what_is_written_is_what_is_read(contact: str, client_id: str, scopes: list[str]) -> None:
    if not contact.isprintable():
        contact = ""
    text = entry_text(
        {
            **_entry(),
            "client_id": client_id,
            "contact": contact,
            "scopes": tuple(scopes),
            "require_nonce": True,
            "require_s256": False,
        }
    )
    read = read_registry("# before\n" + text).named("trust-b")
    assert (read.client_id, read.contact, read.scopes) == (client_id, contact, tuple(scopes))
    assert read.require_nonce and not read.require_s256
