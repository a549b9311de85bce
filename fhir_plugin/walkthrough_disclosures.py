"""The end of the journey: an intimate image is filed too, then the record goes to an insurer and to the patient.

Both through the disclosure officer's desk, signed, proven and written down in the record. What is in a package is read
from the package, not from what the app says.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fhir_plugin.adapters.whole_file import whole
from fhir_plugin.demo import Demo
from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.errors import PluginError
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState
from mappings.model.people import ClinicalSession

OFFICER: Final = "disclosure-officer"
PATIENCE: Final = 120
"""Seconds for what the desk does in the background."""
GENITALS: Final = "71934003"
TO: Final = (
    (
        "disclosure_insurer",
        {
            "requester": "insurer",
            "recipient": "Example Insurance, claims",
            "relationship": "Insurer named on the claim",
            "purpose": "Claim after an accident",
        },
    ),
    (
        "disclosure_patient",
        {
            "requester": "patient",
            "recipient": "The patient",
            "relationship": "The patient",
            "purpose": "A copy of the own record",
        },
    ),
)
"""Keys of what the command prints, each with what the officer says about the request."""


def intimate_answers(image: str) -> dict[str, str]:
    """What an intimate photograph of an adult is asked beyond the usual."""
    return {
        "intimacy": "intimate",
        "only_area": "yes",
        "chaperone": "declined",
        "chaperone_reason": "Would rather have nobody else there",
        f"store_justification-{image}": "To see whether it heals, in two weeks",
        f"site-{image}": GENITALS,
        f"laterality-{image}": "",
    }


def drawn_thing() -> bytes:
    """A picture of a thing, drawn here, that nobody takes for a body."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (800, 600), "#cfd8dc")
    draw = ImageDraw.Draw(picture)
    for step in range(12):
        draw.rectangle((40 * step, 30 * step, 40 * step + 160, 30 * step + 120), outline="#37474f", width=5)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def disclosures(
    demo: Demo, officer: ClinicalSession, intimate: str, folder: Path, timed: Callable[[str], Any]
) -> dict[str, Any]:
    """A package for each of `TO` in `folder`, and what became of the record there. `intimate`: `Type/id`.

    Raises `PluginError` where a package is not made, holds what it must not, or does not hold what it must.
    """
    result: dict[str, Any] = {}
    for name, said in TO:
        path = folder / f"{said['requester']}.zip"
        with timed(name):
            result[name] = {"package": str(path), **_disclosed(demo, officer, said, intimate, path)}
        _believe_the_package(path, intimate, there=said["requester"] == "patient", pictures=result[name]["pictures"])
    return result


def _disclosed(demo: Demo, officer: ClinicalSession, said: dict[str, str], intimate: str, path: Path) -> dict[str, Any]:
    desk, background, today = demo.installation.desk, demo.installation.parts.background, demo.installation.clock.now()
    seen = {"received": today.date().isoformat(), "identity_checked": "Passport seen", "consent": "general"}
    begun = desk.begin(officer, Facts({**seen, "authority": "seen", **said}))
    desk.gather(officer, begun.id)
    background.settle(PATIENCE)
    view = desk.view(officer, begun.id)
    if view.request.not_read:
        reason = "A sandbox that does not let everything be searched"
        desk.accept_unread(officer, begun.id, reason, revision=view.request.revision)
        view = desk.view(officer, begun.id)
    revision = view.request.revision
    desk.sign(officer, begun.id, officer.user.display, about=view.digest, revision=revision)
    background.settle(PATIENCE)
    made = _sent(demo, officer, begun.id)
    assert made.package is not None
    with whole(path) as file:
        for piece in desk.package(officer, begun.id)[1]:
            file.write(piece)
    return {
        "sha256": made.package.sha256,
        "counts": dict(made.package.counts),
        "pictures": len(made.package.images),
        "not_read": dict(made.not_read),
        "intimate_image": next(type(each.decided).__name__.lower() for each in view.items if str(each.key) == intimate),
        "audit_event": made.package.event,
        "provenance": made.package.provenance,
    }


def _sent(demo: Demo, officer: ClinicalSession, id: DisclosureId) -> DisclosureRequest:
    made = demo.installation.desk.view(officer, id).request
    if made.state is not RequestState.SENT or made.package is None:
        raise PluginError(f"the request ended as {made.state}: {made.why_not}", code="not-sent")
    return made


def _believe_the_package(path: Path, intimate: str, *, there: bool, pictures: int) -> None:
    with zipfile.ZipFile(path) as package:
        record = b"".join(package.read(name) for name in package.namelist() if name.startswith("record."))
        files = sum(name.endswith((".jpg", ".jpeg", ".png", ".webp")) for name in package.namelist())
    if (intimate.partition("/")[2].encode() in record) is not there:
        raise PluginError(
            "The package misses the intimate image." if there else "The package names the intimate image.",
            code="wrong-package",
        )
    if files != pictures:
        raise PluginError(f"The package holds {files} pictures instead of {pictures}.", code="wrong-package")
