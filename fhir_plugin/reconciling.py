"""What comparing vault, database and record, and replaying the log of destructions, take of an installation."""

from __future__ import annotations

from fhir_plugin.adapters.reconciled import Rows
from fhir_plugin.adapters.vault import FileVault
from fhir_plugin.delete.disagreement import Sources
from fhir_plugin.delete.replay import replay
from fhir_plugin.installation import Installation


def sources_of(installation: Installation) -> Sources:
    """For `fhir_plugin.delete.reconcile`."""
    rows = Rows(installation.database, installation.clock)
    files = FileVault(
        installation.database, installation.settings.state / "vault", installation.masters, installation.clock
    )
    return Sources(
        parts=installation.deletion.parts,
        owners=rows.owners,
        patients=rows.patients,
        launches=rows.launches,
        cases=rows.cases,
        strays=files.strays,
    )


def replay_destructions(installation: Installation) -> int:
    """At the start: a database that was put back from a backup is told what is gone. Returns how many things went."""
    return replay(installation.deletion.parts, Rows(installation.database, installation.clock).cases)
