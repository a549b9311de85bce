"""The `fhir-plugin` command. Imports are inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from fhir_plugin import VERSION
from fhir_plugin.capture.cleaning import WHOLE
from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    DONE,
    SOMEBODY_MUST_LOOK,
    json_option,
    mendable,
    open_installation,
    say,
    state_option,
)
from fhir_plugin.commands.capability import capability
from fhir_plugin.commands.companion import companion
from fhir_plugin.commands.conformance import smart_conformance
from fhir_plugin.commands.deletions import deletions
from fhir_plugin.commands.disclose import disclose
from fhir_plugin.commands.export_capture import export_capture
from fhir_plugin.commands.ig import ig
from fhir_plugin.commands.issuers import issuer
from fhir_plugin.commands.keys import keys
from fhir_plugin.commands.policy import policy, said_at_start
from fhir_plugin.commands.reconcile import reconcile
from fhir_plugin.commands.redact import redact
from fhir_plugin.commands.roles import role
from fhir_plugin.commands.server_conformance import conformance
from fhir_plugin.commands.verify_certificate import verify_certificate
from fhir_plugin.commands.verify_package import verify_package
from fhir_plugin.commands.worklist import late_lines, worklist
from fhir_plugin.imaging.cli import bench as bench_of_imaging
from fhir_plugin.imaging.cli import measure_photos, print_figures, sanitise


def _known_personality(_context: click.Context, _option: click.Parameter, name: str) -> str:
    from fhir_plugin.sandbox.fhir.personality import UnknownPersonality, load_personality

    try:
        load_personality(name)
    except UnknownPersonality as error:
        raise click.BadParameter(str(error)) from error
    return name


like_option = click.option(
    "--like",
    default="default",
    show_default=True,
    callback=_known_personality,
    help="Behave like another server: hapi, no-transaction, ...",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Patients' photographs in the record: with consent, labels and provenance. A SMART-on-FHIR app."""


main.add_command(sanitise)
main.add_command(smart_conformance)
main.add_command(conformance)
main.add_command(capability)
main.add_command(issuer)
main.add_command(keys)
main.add_command(role)
main.add_command(worklist)
main.add_command(policy)
main.add_command(reconcile)
main.add_command(redact)
main.add_command(verify_package)
main.add_command(verify_certificate)
main.add_command(disclose)
main.add_command(deletions)
main.add_command(ig)
main.add_command(export_capture)
main.add_command(companion)


@main.group(params=bench_of_imaging.params, invoke_without_command=True)
@click.pass_context
def bench(context: click.Context, as_json: bool, rounds: int, photos: tuple[Path, ...]) -> None:
    """Measure cleaning photographs, filing one, uploading and this help, each against a yardstick of the same run."""
    if context.invoked_subcommand is not None:
        return
    from fhir_plugin.bench import measure_app

    print_figures({**measure_photos(rounds, photos), **measure_app(rounds=rounds)}, as_json=as_json)


@bench.command("redact")
@click.option("--megabytes", type=click.FloatRange(min=0.1), default=200, show_default=True, help="Of NDJSON.")
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True)
@json_option
def bench_redact(megabytes: float, rounds: int, as_json: bool) -> None:
    """Measure redacting an export that is drawn up for it, against a round trip of each line through orjson."""
    from fhir_plugin.bench_redact import measure_redact

    print_figures(measure_redact(megabytes, rounds=rounds), as_json=as_json)


@contextmanager
def until_told_to_stop() -> Iterator[None]:
    """SIGTERM and Ctrl+C end what is inside as the end of its work, so that everything is tidied away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(VERSION)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="Port of the app.")
@click.option("--ehr-port", default=8090, show_default=True, help="Port of the sandbox EHR.")
@click.option("--once", is_flag=True, help="File one drawn photograph, print what was written, and end.")
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), help="Keep the demo here instead of a temporary place."
)
@like_option
@json_option
def demo(host: str, port: int, ehr_port: int, once: bool, state: Path | None, like: str, as_json: bool) -> None:
    """Start a sandbox EHR with this app in it, on this machine only. Synthetic people."""
    if once:
        _walk(_drawn_photograph(), "image/jpeg", like=like, as_json=as_json)
        return
    import threading

    from fhir_plugin.demo import keep_resuming, start_demo

    stop = threading.Event()
    with (
        mendable(),
        until_told_to_stop(),
        tempfile.TemporaryDirectory(prefix="fhir-plugin-demo-") as folder,
        start_demo(
            state or Path(folder), like=like, host=host, app_port=port, ehr_port=ehr_port, tester=True
        ) as running,
    ):
        resuming = keep_resuming(running.installation, stop)
        click.echo(f"\n  Open the EHR:  {running.sandbox.origin}/\n", err=True)
        click.echo("  Sign in as the GP, open a patient, launch Patient images. Stop with Ctrl+C.", err=True)
        click.echo(
            "  Requests for copies of a record: sign in as the Disclosure officer, open the same patient, launch it.",
            err=True,
        )
        click.echo(f"  What testers see of the last launch: {running.app.origin}/tester\n", err=True)
        try:
            stop.wait()
        finally:
            stop.set()
            resuming.join()


@main.command()
@click.option("--photo", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--packages",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the packages go; a new folder if unsaid.",
)
@like_option
@json_option
def walkthrough(photo: Path, packages: Path | None, like: str, as_json: bool) -> None:
    """The whole journey without a screen, over real HTTP: launch, add, answer, file, read back, disclose, destroy."""
    from fhir_plugin.walkthrough import declared_type_of

    with mendable(as_json=as_json):
        folder = packages or Path(tempfile.mkdtemp(prefix="fhir-plugin-packages-"))
        folder.mkdir(parents=True, exist_ok=True)
    try:
        _walk(photo.read_bytes(), declared_type_of(photo), like=like, as_json=as_json, packages=folder)
    finally:
        if packages is None and not any(folder.iterdir()):
            folder.rmdir()


def _walk(photo: bytes, declared_type: str, *, like: str, as_json: bool, packages: Path | None = None) -> None:
    from fhir_plugin.demo import temporary_demo
    from fhir_plugin.walkthrough import walk

    with mendable(as_json=as_json), temporary_demo(like=like) as running:
        result = walk(running, photo, declared_type, packages=packages)
    words = [f"Filed to {result['patient']}, read back and identical."]
    words += [f"  {'in the chart':<12} {said}" for said in result["in_chart"]]
    if result["chart_copy"]:
        words.append(f"  {'chart copy':<12} {result['chart_copy']['document']}, {result['chart_copy']['content_type']}")
    names = ("media", "binary", "consent", "provenance", "audit_event", "note")
    words += [f"  {name.replace('_', ' '):<12} {result[name]}" for name in names]
    words.append(f"  {'labels':<12} " + ", ".join(label.rsplit("|", 1)[1] for label in result["labels"]))
    words.append(f"  {'removed':<12} " + (", ".join(result["removed_metadata"]) or "nothing was hidden in it"))
    for name, made in ((name, result[name]) for name in sorted(result) if name.startswith("disclosure_")):
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in made["counts"].items())
        words.append(
            f"  {name.partition('_')[2]:<12} {made['package']}: {verdicts}; intimate: {made['intimate_image']}"
        )
    words += _said_of_deletion(result)
    words.append(f"  {'seconds':<12} " + ", ".join(f"{step} {took}" for step, took in result["seconds"].items()))
    say(result, as_json=as_json, text="\n".join(words))
    if result["sha256_clean"] != result["sha256_read_back"]:
        sys.exit(CHECK_FAILED)


def _said_of_deletion(result: dict[str, Any]) -> list[str]:
    """Nothing where nothing was destroyed."""
    if "deletion_state" not in result:
        return []
    places, certificate = len(result["deletion_proof"]["places"]), result["certificate"]
    ended = (
        f"{result['deletion_image']}, {result['deletion_task']}: {result['deletion_state']}, {places} places looked at"
    )
    certified = [f"  {'certificate':<12} {certificate}"] if certificate else []
    return [f"  {'deletion':<12} {ended}", *certified, *(f"    {why}" for why in result["deletion_why"])]


def _drawn_photograph() -> bytes:
    """A picture of a thing, drawn here: nobody's body."""
    import io

    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (1600, 1200), "#d9c7b0")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((560, 380, 1040, 820), fill="#b0573f", outline="#8f3f2d", width=12)
    for x in range(100, 1500, 50):
        draw.line((x, 1040, x, 1080 if x % 100 else 1110), fill="#333333", width=4)
    draw.line((100, 1040, 1500, 1040), fill="#333333", width=4)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Example", "Sandbox camera"
    exif.get_ifd(0x8825)[1] = "N"
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True)
@click.option("--workers", default=1, show_default=True)
@click.option("--tester", is_flag=True, help="With /tester, for sandboxes alone: what was said at the last launch.")
def serve(host: str, port: int, workers: int, tester: bool) -> None:
    """Serve the app (granian). Settings come from the environment; run `fhir-plugin worker` beside it."""
    from granian import Granian
    from granian.constants import Interfaces

    from fhir_plugin.readiness import ready_for_patients

    if tester and workers != 1:
        raise click.UsageError("The tester's page hears what one process says: --workers 1.")
    with mendable():
        installation = open_installation(None)  # what is wrong is said once, here, and not by every worker in turn
        try:
            if tester:
                from fhir_plugin.tester.pages import refuse_patients

                refuse_patients(installation.registry)
            for line in said_at_start(installation):
                click.echo(line, err=True)
            ready_for_patients(installation)
        finally:
            installation.close()
    Granian(
        "fhir_plugin.tester.serving:app_from_environment" if tester else "fhir_plugin.app:app_from_environment",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=4,
        workers_kill_timeout=30,  # one that does not end by itself must not hold up a restart; nothing is lost by it
        log_access=False,
    ).serve()


@main.command()
@state_option
def worker(state: Path | None) -> None:
    """Go on with unfinished filings whenever woken, and once a minute. Run it beside `serve`."""
    with mendable(), until_told_to_stop():
        installation = open_installation(state)
        try:
            click.echo("Working. Ctrl+C or SIGTERM ends it; what is unfinished waits.", err=True)
            installation.queue.run_consumer()
        finally:
            installation.close()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback unless you say otherwise.")
@click.option("--port", default=8090, show_default=True)
@click.option("--open", "is_open", is_flag=True, help="Serve FHIR without a token, for testers.")
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="Keep the records in this SQLite file.")
@like_option
def sandbox(host: str, port: int, is_open: bool, data: Path | None, like: str) -> None:
    """Serve the sandbox EHR alone: FHIR R4 at /fhir, SMART 2.2, synthetic people."""
    from fhir_plugin.sandbox.app import Sandbox, SandboxConfig
    from fhir_plugin.sandbox.serve import serve_forever

    def say_where(sandbox: Sandbox) -> None:
        base = sandbox.config.base_url
        click.echo(f"Sandbox EHR, synthetic people only: {base}/   FHIR: {base}/fhir", err=True)

    with mendable(), until_told_to_stop():
        serve_forever(SandboxConfig(personality=like, open=is_open, data=data), host, port, on_ready=say_where)


@main.command()
@state_option
@json_option
def resume(state: Path | None, as_json: bool) -> None:
    """Take everything unfinished as far as it goes now. Safe to repeat. Exit 3: somebody must look."""
    with mendable(as_json=as_json):
        installation = open_installation(state)
    try:
        resumed = installation.resume()
        installation.parts.background.settle(WHOLE)
        late = installation.waiting_too_long()
        late_work = late_lines(installation.practice.late(), installation.clock.now())
        unsettled = installation.ledger.unsettled()
    finally:
        installation.close()
    result = {
        "resumed": [{"intent": each.id, "state": each.state, "outcome": each.outcome} for each in resumed],
        "unsettled": [{"intent": each.id, "state": each.state, "reason": each.reason} for each in unsettled],
        "waiting_too_long": [
            {"capture": each.capture_id, "kind": each.kind, "since": each.since.isoformat()} for each in late
        ],
        "late_work": late_work,
    }
    text = f"{len(resumed)} taken on, {len(unsettled)} not settled, {len(late)} waiting too long, "
    text += f"{len(late_work)} late on the worklist."
    say(result, as_json=as_json, text=text)
    sys.exit(SOMEBODY_MUST_LOOK if unsettled or late or late_work else DONE)


@main.group()
def audit() -> None:
    """The audit chain."""


@audit.command()
@state_option
@json_option
def verify(state: Path | None, as_json: bool) -> None:
    """Check every link and every signed head of the chain. Exit 1 if anything was changed, removed or reordered."""
    with mendable(as_json=as_json):
        installation = open_installation(state)
    try:
        report = installation.audit.verify()
    finally:
        installation.close()
    result = {
        "intact": report.intact,
        "entries": report.entries,
        "signed_heads": report.signed_heads,
        "broken_at": report.broken_at,
        "message": report.message,
    }
    words = "intact" if report.intact else f"BROKEN at entry {report.broken_at}: {report.message}"
    say(result, as_json=as_json, text=f"{report.entries} entries, {report.signed_heads} signed heads: {words}")
    sys.exit(DONE if report.intact else CHECK_FAILED)
