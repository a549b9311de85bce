"""`sanitise` and `bench` keep the contract of the command line."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fhir_plugin.imaging.cli import bench, sanitise
from fhir_plugin.imaging.video_proof import prove_mp4
from tests.imaging.drawing import SAMPLES, Canaries, as_jpeg, chart, loaded_jpeg
from tests.imaging.videos import film


def _run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(sanitise, list(arguments), input=stdin)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(loaded_jpeg(Canaries(), orientation=6, image=chart(48, 64)))
    return path


def test_one_file_gives_one_file_and_one_json_value(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.jpg"
    result = _run(str(photo), "-o", str(out), "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report.keys() == {
        "sha256_received",
        "sha256_clean",
        "width",
        "height",
        "content_type",
        "removed_metadata",
        "seconds",
    }
    assert report["sha256_received"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert report["sha256_clean"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (report["width"], report["height"], report["content_type"]) == (64, 48, "image/jpeg")
    assert "location" in report["removed_metadata"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.jpg", "photo.jpg"]


def test_lossless_keeps_the_pixels(tmp_path: Path) -> None:
    photo, out = tmp_path / "photo.jpg", tmp_path / "clean.jpg"
    photo.write_bytes(as_jpeg(chart(), comment=b"by hand"))
    assert _run(str(photo), "-o", str(out), "--lossless").exit_code == 0
    with Image.open(out) as kept, Image.open(photo) as source:
        assert kept.tobytes() == source.tobytes()


def test_a_refusal_is_exit_2_with_code_and_message_and_no_file(tmp_path: Path) -> None:
    source = tmp_path / "drawing.jpg"
    source.write_text("<svg/>")
    result = _run(str(source), "-o", str(tmp_path / "out.jpg"), "--json")
    assert result.exit_code == 2
    report = json.loads(result.stdout)
    assert report.keys() == {"refused"}
    assert report["refused"]["code"] == "svg"
    assert report["refused"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["drawing.jpg"]
    plain = _run(str(source), "-o", str(tmp_path / "out.jpg"))
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert plain.stderr.count("\n") == 1


def test_a_refusal_leaves_an_older_result_alone(tmp_path: Path) -> None:
    source, out = tmp_path / "broken.jpg", tmp_path / "out.jpg"
    source.write_bytes(as_jpeg(chart())[:-2])
    out.write_bytes(b"older")
    assert _run(str(source), "-o", str(out)).exit_code == 2
    assert out.read_bytes() == b"older"


def test_dashes_are_standard_input_and_output(photo: Path) -> None:
    result = _run("-", "-o", "-", stdin=photo.read_bytes())
    assert result.exit_code == 0
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert image.size == (64, 48)
    assert _run("-", "-o", "-", stdin=b"").exit_code == 2
    assert isinstance(_run("-", "-o", "-", "--json", stdin=b"").exception, SystemExit)


def test_a_folder_gives_a_folder_of_the_same_names(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.jpg").write_bytes(as_jpeg(chart()))
    (source / "b.heif").write_bytes((SAMPLES / "samplefilehub.heif").read_bytes())
    (source / "c.jpg").write_bytes(b"MZ a program")
    result = _run(str(source), "-o", str(out), "--json")
    assert result.exit_code == 2
    files = {entry["name"]: entry for entry in json.loads(result.stdout)["files"]}
    assert files["c.jpg"]["refused"]["code"] == "executable"
    assert files["a.jpg"]["width"] == 64
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg", "b.heif.jpg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        sanitise.main([str(tmp_path / "absent.jpg"), "-o", "x"], standalone_mode=False)
    with pytest.raises(click.UsageError):
        sanitise.main([str(tmp_path), "-o", "-"], standalone_mode=False)


def test_bench_measures_and_prints_one_json_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_plugin.imaging.bench.PHOTO_SIZE", (640, 480))
    monkeypatch.setattr("fhir_plugin.imaging.video_bench.SIZE", (320, 240))
    result = CliRunner().invoke(bench, ["--json", "--rounds", "1", "--photo", str(SAMPLES / "samplefilehub.heif")])
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["jpeg_12_megapixels"]["ratio"] > 0
    assert figures["jpeg_12_megapixels"]["worker_peak_megabytes"] >= 0
    assert figures["jpeg_12_megapixels"]["ssim"] > 0.98
    assert figures["samplefilehub.heif"]["cleaned"] > 0


def test_a_video_is_made_clean_without_its_sound_and_with_it_where_that_is_asked(tmp_path: Path) -> None:
    source, silent, heard = tmp_path / "phone.mov", tmp_path / "silent.mp4", tmp_path / "heard.mp4"
    source.write_bytes(film(container="mov", sound="aac"))
    told = json.loads(CliRunner().invoke(sanitise, [str(source), "-o", str(silent), "--json"]).stdout)
    assert (told["content_type"], told["duration_seconds"], told["sound"]) == ("video/mp4", 2.0, False)
    assert "sound" in told["removed_metadata"]
    assert prove_mp4(silent.read_bytes())[3] is False
    assert CliRunner().invoke(sanitise, [str(source), "-o", str(heard), "--sound"]).exit_code == 0
    assert prove_mp4(heard.read_bytes())[3] is True


def test_a_folder_of_pictures_and_videos_keeps_names_that_are_true(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.mov").write_bytes(film(container="mov", frames=4))
    (source / "b.webm").write_bytes(film(container="webm", codec="libvpx", frames=4))
    (source / "c.mp4").write_bytes(b"#EXTM3U\nfile:///etc/hostname\n")
    done = CliRunner().invoke(sanitise, [str(source), "-o", str(out), "--json"])
    assert done.exit_code == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.mov.mp4", "b.webm"]
