"""The end of the journey: an intimate image is filed too, then the record goes to an insurer and to the patient.

By the same functions as `fhir-plugin disclose`, with access of its own (SMART Backend Services). What is in a package
is read from the package, not from what the app says.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fhir_plugin.adapters.system_access import SystemAccess, with_what_we_keep
from fhir_plugin.adapters.whole_file import whole
from fhir_plugin.demo import Demo
from fhir_plugin.disclose.at_once import WhatIsAsked, disclose
from fhir_plugin.errors import PluginError
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from mappings.model.disclosure import Mode
from mappings.model.identifiers import PatientId
from smart_launch import ClientKey, Issuer, public_jwks

GENITALS: Final = "71934003"
TO: Final = (
    ("disclosure_insurer", "insurer", "Example Insurance, claims"),
    ("disclosure_patient", "patient", "The patient"),
)
CLIENT_ID: Final = "patient-images-disclosing"


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


def disclosures(demo: Demo, patient: str, intimate: str, folder: Path, timed: Callable[[str], Any]) -> dict[str, Any]:
    """A package for each of `TO` in `folder`, and what became of the record there. `intimate`: `Type/id`.

    Raises `PluginError` where a package holds what it must not, or does not hold what it must.
    """
    key = ClientKey.generate(CLIENT_ID, "ES384")
    demo.sandbox.register(
        SandboxClient(
            client_id=CLIENT_ID,
            name="Patient images, disclosing",
            launch_url="",
            redirect_uris=(),
            auth_method="private_key_jwt",
            jwks=public_jwks([key]),
            backend=True,
        )
    )
    issuer = Issuer(
        name="disclosing",
        iss=demo.sandbox.fhir_base,
        client_id=CLIENT_ID,
        auth_method="private_key_jwt",
        key_id=key.kid,
        sandbox=True,
    )
    parts = demo.installation.desk.parts
    result: dict[str, Any] = {}
    for name, purpose, recipient in TO:
        ehr = SystemAccess(issuer, key, demo.installation.transport, parts.clock).record()
        record = with_what_we_keep(ehr, demo.installation.database, demo.installation.masters, parts.clock)
        path = folder / f"{purpose}.zip"
        asked = WhatIsAsked(PatientId(patient), purpose, Mode.MARKED, recipient, by="walkthrough")
        with timed(name), disclose(parts, record, asked) as made, whole(path) as file:
            for piece in made.package:
                file.write(piece)
            made.finish()
        told = made.report()
        verdict = next(each["verdict"] for each in told["resources"] if _is(each, intimate))
        result[name] = {
            "package": str(path),
            **{key: told[key] for key in ("sha256", "counts", "pictures", "not_read", "purpose", "mode")},
            "review": len(told["review"]),
            "intimate_image": verdict,
        }
        _believe_the_package(path, intimate, there=purpose == "patient", pictures=made.pictures)
    return result


def _is(finding: dict[str, Any], reference: str) -> bool:
    return f"{finding['type']}/{finding['id']}" == reference


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
