"""What the settings name: the registered EHRs, and the master keys."""

from __future__ import annotations

from fhir_plugin.adapters.issuers_file import IssuersFile
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.secrets_folder import SecretsFolder
from fhir_plugin.errors import Tampered, Unavailable
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry


def registered_ehrs(settings: Settings, folder: SecretsFolder) -> IssuerRegistry:
    """Raises `Unavailable` where the settings name a file that is not there; what reading it raises."""
    if settings.issuers_file is not None and not settings.issuers_file.exists():
        raise Unavailable("The file of registered EHRs that the settings name is not there.", code="issuers-file")
    return IssuersFile(settings.issuers, secret=folder.secret).read()


def master_keys(settings: Settings) -> MasterKeys:
    """From the settings, or from the file beside the vault, which is made with it. Raises `Tampered` where it is
    gone."""
    text = settings.master_key.get_secret_value()
    if text:
        return MasterKeys.from_text(text)
    key_file = settings.state / "master.key"
    if not key_file.exists() and (settings.state / "vault").exists():
        # A fresh key would open nothing that is there, and would hide that the right one is gone.
        raise Tampered(
            "The master key of this installation is missing: put it back before anything else.",
            code="master-key-missing",
        )
    return MasterKeys.from_file(key_file)
