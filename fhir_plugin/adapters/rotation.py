"""Rotating the master key of an installation: everything that is sealed is sealed again under the current one.

The order for whoever operates it: add a key (`MasterKeys.add_to_file`, or put it first in the settings), restart
every worker, call `rotate_master`, and only then forget the old key. Each store works in batches that may be
interrupted; running it again does the rest.
"""

from __future__ import annotations

from pathlib import Path

from fhir_plugin.adapters import companion
from fhir_plugin.adapters.appointments import Appointments
from fhir_plugin.adapters.audit import DatabaseAuditTrail
from fhir_plugin.adapters.chart_copies import DatabaseChartCopies
from fhir_plugin.adapters.client_keys import DatabaseClientKeys
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.deletion_cases import DatabaseDeletionCases
from fhir_plugin.adapters.disclosure_requests import DatabaseDisclosureRequests
from fhir_plugin.adapters.drafts import DatabaseDrafts
from fhir_plugin.adapters.hidden_images import DatabaseHiddenImages
from fhir_plugin.adapters.image_labels import DatabaseImageLabels
from fhir_plugin.adapters.kept_images import DatabaseKeptImages
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.photo_requests import DatabasePhotoRequests
from fhir_plugin.adapters.practice import DatabaseAbsences, DatabaseColleagues, DatabaseHolds
from fhir_plugin.adapters.second_opinions import DatabaseSecondOpinions
from fhir_plugin.adapters.sessions import LaunchSessions, PendingLaunches
from fhir_plugin.adapters.signing import DatabaseStatementSigner
from fhir_plugin.adapters.tokens import Tokens
from fhir_plugin.adapters.vault import FileVault
from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.ports import Clock


def rotate_master(database: Database, masters: MasterKeys, clock: Clock, vault: Path) -> dict[str, int]:
    """How many of each were sealed again; all zero when nothing is left under an old master."""
    signer = DatabaseStatementSigner(database, masters, clock)
    audit = DatabaseAuditTrail(database, clock, signer)
    files = FileVault(database, vault, masters, clock)
    counts = {
        "vault": files.rotate_master(),
        "signing-keys": signer.rotate_master(),
        "client-keys": DatabaseClientKeys(database, masters, clock).rotate_master(),
        "sessions": LaunchSessions(database, masters, clock).rotate_master(),
        "pending-launches": PendingLaunches(database, masters, clock).rotate_master(),
        "tokens": Tokens(database, masters, clock).rotate_master(),
        "drafts": DatabaseDrafts(database, masters).rotate_master(),
        "appointments": Appointments(database, masters, audit, clock).rotate_master(),
        "photo-requests": DatabasePhotoRequests(database, masters).rotate_master(),
        "work-items": DatabaseWorklist(database, masters).rotate_master(),
        "kept-images": DatabaseKeptImages(database, masters).rotate_master(),
        "image-labels": DatabaseImageLabels(database, masters).rotate_master(),
        "hidden-images": DatabaseHiddenImages(database, masters).rotate_master(),
        "colleagues": DatabaseColleagues(database, masters).rotate_master(),
        "absences": DatabaseAbsences(database, masters).rotate_master(),
        "holds": DatabaseHolds(database, masters).rotate_master(),
        "second-opinions": DatabaseSecondOpinions(database, masters).rotate_master(),
        "disclosure-requests": DatabaseDisclosureRequests(database, masters).rotate_master(),
        "deletion-cases": DatabaseDeletionCases(database, masters, files.keyed_digest).rotate_master(),
        "chart-copies": DatabaseChartCopies(database, masters).rotate_master(),
        "companion": companion.seal_again(database, masters),
    }
    database.scrub()
    return counts
