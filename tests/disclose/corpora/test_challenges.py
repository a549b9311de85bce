"""Our own redactor at the challenge, and the score itself: it sees what a redactor does wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.corpora.challenges import challenges, score, write_challenges
from tests.disclose.redact.records import redacted


@pytest.mark.parametrize("mode", Mode)
def test_nothing_leaks_and_nothing_is_lost(tmp_path: Path, mode: Mode) -> None:
    for name, bundle in challenges().items():
        out, _record = redacted(bundle, mode)
        (tmp_path / f"{name}.json").write_text(json.dumps(out), encoding="utf-8")
    found = score(tmp_path)
    assert (found["leaked"], found["lost"], found["nothing"]) == ([], [], [])
    assert len(found["clean"]) == len(challenges()) == 30


def test_the_score_sees_what_is_wrong(tmp_path: Path) -> None:
    write_challenges(tmp_path)
    assert score(tmp_path)["leaked"] == list(challenges())
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    for name, bundle in challenges().items():  # what most do: drop the entry, and nothing else
        dropped = [each for each in bundle["entry"] if "security" not in each["resource"].get("meta", {})]
        (tmp_path / f"{name}.json").write_text(json.dumps({**bundle, "entry": dropped}), encoding="utf-8")
    found = score(tmp_path)
    assert found["clean"] == ["entry"] and found["lost"] == []
    for path in tmp_path.iterdir():
        path.write_text("{}")
    assert score(tmp_path)["lost"] == list(challenges())
    (tmp_path / "entry.json").unlink()
    assert score(tmp_path)["nothing"] == ["entry"]
