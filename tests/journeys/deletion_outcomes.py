"""What comes of a permanent deletion at each kind of server, as rows of the table in docs/deletion-servers.md.

    nice .venv/bin/python -m tests.journeys.deletion_outcomes

prints the table as it has to stand there.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from fhir_plugin.demo import start_demo
from fhir_plugin.errors import ContentRefused, PluginError, TooLarge
from fhir_plugin.sandbox.fhir.personality import personality_names
from fhir_plugin.walkthrough import launch, launch_of, open_browser, walk
from fhir_plugin.walkthrough_deletion import DECIDES, destroyed, unlike_any_other
from fhir_plugin.web.access import clinical_session
from mappings.model.people import ClinicalSession

HEAD: Final = ("| `--like` | means | outcome | what is left, or was not asked |", "|---|---|---|---|")


def row_of(like: str, folder: Path) -> str:
    """One photograph, filed, asked for, approved and carried out at a sandbox of that personality."""
    with start_demo(folder, like=like) as demo, open_browser() as browser:

        def at_the_chart(user: str) -> ClinicalSession:
            return clinical_session(demo.installation.sessions.get(launch_of(launch(demo, browser, user=user))))

        try:
            image = str(walk(demo, unlike_any_other(), "image/jpeg")["media"])
        except PluginError as refused:
            if refused.code not in (TooLarge.code, ContentRefused.code):
                return f"| `{like}` | | no image is filed there | |"
            image = str(walk(demo, unlike_any_other(), "image/jpeg")["media"])  # now it is known what is not taken
        try:
            result = destroyed(demo, at_the_chart, image, _untimed)
        except PluginError as error:
            return f"| `{like}` | | error: {error.code} | |"
        purge = demo.installation.records.purge_of(at_the_chart(DECIDES).launch_id)
        means = purge.means(image.partition("/")[0]).name
    return row(like, means, result)


def row(like: str, means: str, result: dict[str, Any]) -> str:
    """`result`: what the walkthrough says of a deletion there."""
    proof = result["deletion_proof"]
    left = [f"`{place}`" for place in proof["found"]]
    left += [f"`{place}` not asked (`{why}`)" for place, why in proof["unasked"].items()]
    if result["deletion_state"] != "proven" and not left:
        left = result["deletion_why"]
    told = f"| {', '.join(left)} |" if left else "| |"
    return f"| `{like}` | `{means}` | {result['deletion_state'].replace('-', ' ')} {told}"


def _untimed(_step: str) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


def main() -> None:
    """Prints the table, row by row as each is known."""
    sys.stdout.write("\n".join(HEAD) + "\n")
    for name in personality_names():
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(row_of(name, Path(folder)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
