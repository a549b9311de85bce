"""`fhir-plugin sanitise` and `fhir-plugin bench`: the same worker as the app's, on files of your own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fhir_plugin.adapters.image_worker import ProcessImageWorker
    from fhir_plugin.errors import UnacceptableImage
    from fhir_plugin.ports import ImageWorker
    from mappings.model.images import CleanImage

REFUSED = 2
UNAVAILABLE = 69
_SUFFIXES = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "video/mp4": (".mp4", ".m4v"),
    "video/webm": (".webm",),
}
_MOST_SECONDS = 600

Report = dict[str, Any]


@dataclass(frozen=True)
class Keeping:
    """What is kept that would be changed or dropped otherwise."""

    lossless: bool
    sound: bool


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(allow_dash=True, path_type=Path),
    help="Where the clean picture goes: a file, a folder for a folder, or - for standard output.",
)
@click.option("--lossless", is_flag=True, help="Leave the pixels exactly as they are (JPEG and PNG only).")
@click.option("--sound", is_flag=True, help="Keep the sound of a video. It is dropped otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value about what was done.")
def sanitise(source: Path, output: Path, lossless: bool, sound: bool, as_json: bool) -> None:
    """Make a clean copy of a picture or video, or of every one in a folder: upright, in ordinary colours, nothing
    hidden in it.

    Writes JPEG for photographs, PNG where something shows through, MP4 for MP4 and QuickTime, WebM for WebM. A file
    that is refused (exit 2) gives no output.
    """
    keep = Keeping(lossless, sound)
    if as_json and str(output) == "-":
        raise click.UsageError("--json and -o - both want standard output: choose one.")
    if source.is_dir():
        if str(output) == "-":
            raise click.UsageError("A folder needs a folder to go to, not standard output.")
        reports = _sanitise_folder(source, output, keep)
        _print_folder(reports, as_json)
        sys.exit(REFUSED if any("refused" in report for report in reports) else 0)
    with _worker() as worker:
        report = _sanitise_one(worker, source, lambda _: output, keep)
    if as_json:
        click.echo(json.dumps(report))
    elif "refused" in report:
        click.echo(report["refused"]["message"], err=True)
    sys.exit(REFUSED if "refused" in report else 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1, 99), help="Runs to take the median of.")
@click.option(
    "--photo",
    "photos",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure this picture too, for example a HEIC from a telephone. May be given more than once.",
)
def bench(as_json: bool, rounds: int, photos: tuple[Path, ...]) -> None:
    """Measure cleaning a 12-megapixel photograph and a short video against bare decoding and encoding in the same
    run."""
    print_figures(measure_photos(rounds, photos), as_json=as_json)


def measure_photos(rounds: int, photos: tuple[Path, ...]) -> Report:
    """What cleaning costs here and now. Ends the command with 69 where no worker can run."""
    from fhir_plugin.imaging.bench import measure

    with _worker() as worker:
        return measure(worker, rounds=rounds, photos={path.name: path.read_bytes() for path in photos})


def print_figures(figures: Report, *, as_json: bool) -> None:
    """One JSON value, or a line for each figure."""
    if as_json:
        click.echo(json.dumps(figures))
    else:
        _print_lines(figures, "")


def _print_lines(figures: Report, indent: str) -> None:
    for name, value in figures.items():
        if isinstance(value, dict):
            click.echo(f"{indent}{name}:")
            _print_lines(value, indent + "  ")
        else:
            click.echo(f"{indent}{name}: {value}")


@contextmanager
def _worker() -> Iterator[ProcessImageWorker]:
    """One child like the app's. What stops us from working at all ends the command with 69."""
    from fhir_plugin.adapters.image_worker import ProcessImageWorker
    from fhir_plugin.errors import Unavailable

    with ProcessImageWorker(workers=1) as worker:
        try:
            yield worker
        except Unavailable as error:
            click.echo(error.message, err=True)
            sys.exit(UNAVAILABLE)


def _sanitise_one(worker: ImageWorker, source: Path, place: Callable[[CleanImage], Path], keep: Keeping) -> Report:
    """Cleans one file and puts the result where `place` says; the report has the shape that `--json` prints."""
    from fhir_plugin.errors import UnacceptableImage
    from mappings.model.images import VideoTerms

    started = time.perf_counter()
    terms = VideoTerms(sound=keep.sound, most_seconds=_MOST_SECONDS)
    try:
        image = worker.clean(_receive(source), lossless=keep.lossless, video=terms)
    except UnacceptableImage as refusal:
        return _refusal(refusal)
    _write_whole(place(image), image.content)
    video = {"duration_seconds": image.seconds, "sound": image.sound} if image.is_video else {}
    return {
        "sha256_received": image.sha256_received,
        "sha256_clean": image.sha256,
        "width": image.width,
        "height": image.height,
        "content_type": image.content_type,
        **video,
        "removed_metadata": list(image.removed),
        "seconds": round(time.perf_counter() - started, 4),
    }


def _refusal(refusal: UnacceptableImage) -> Report:
    return {"refused": {"code": refusal.code, "message": refusal.message}}


def _receive(source: Path) -> Any:
    import hashlib
    import uuid

    from fhir_plugin.imaging.video_anatomy import MAX_VIDEO_BYTES
    from mappings.model.identifiers import ImageId, Sha256
    from mappings.model.images import ReceivedImage

    with click.open_file(str(source), "rb") as stream:
        content = stream.read(MAX_VIDEO_BYTES + 1)
    digest = Sha256(hashlib.sha256(content).hexdigest())
    return ReceivedImage(ImageId(str(uuid.uuid4())), content, "application/octet-stream", digest)


def _sanitise_folder(source: Path, output: Path, keep: Keeping) -> list[Report]:
    """Every file of the folder, by name; those within folders are not looked at."""
    if output.exists() and not output.is_dir():
        raise click.UsageError("A folder needs a folder to go to.")
    names = sorted(path for path in source.iterdir() if path.is_file())
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".sanitise-", dir=output.parent))
    try:
        with _worker() as worker:
            reports = [
                {"name": path.name, **_sanitise_one(worker, path, _beside(aside, path.name), keep)} for path in names
            ]
        output.mkdir(exist_ok=True)
        for path in aside.iterdir():
            path.replace(output / path.name)
    finally:
        for path in aside.iterdir():
            path.unlink()
        aside.rmdir()
    return reports


def _beside(folder: Path, name: str) -> Callable[[CleanImage], Path]:
    """The same name; where it would lie about the new contents, with the true ending after it."""

    def place(image: CleanImage) -> Path:
        endings = _SUFFIXES[image.content_type]
        return folder / (name if Path(name).suffix.lower() in endings else name + endings[0])

    return place


def _print_folder(reports: list[Report], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"files": reports}))
        return
    for report in reports:
        if "refused" in report:
            click.echo(f"{report['name']}: {report['refused']['message']}", err=True)


def _write_whole(output: Path, content: bytes) -> None:
    """Appears only when it is whole, readable by its owner only."""
    if str(output) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    handle, aside = tempfile.mkstemp(prefix=".sanitise-", dir=output.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(aside).replace(output)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
