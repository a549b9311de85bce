"""The only reader of the environment. Every setting has the prefix `FHIR_PLUGIN_`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, FilePath, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_state_directory() -> Path:
    """Where one installation keeps its database, vault and key, by the platform's own rule."""
    return Path.home() / ".local" / "share" / "fhir-plugin"


class Settings(BaseSettings):
    """What an installation decides. Production sets at least `base_url`, `issuers_file` and `master_key`."""

    model_config = SettingsConfigDict(env_prefix="FHIR_PLUGIN_", extra="ignore")

    base_url: str = "http://127.0.0.1:8080"
    """The public origin of this app, without a trailing slash: launch URL, redirect URI and JWKS lie below it."""
    state: Path = Field(default_factory=default_state_directory)
    """Directory of the embedded database, the vault and the key file. Made with mode 0700."""
    database_url: str = ""
    """PostgreSQL URL; empty: SQLite inside `state`."""
    master_key: SecretStr = SecretStr("")
    """Master keys, base64url of 32 bytes each, the current one first; empty: a 0600 key file inside `state`."""
    issuers_file: Path | None = None
    """TOML with the EHRs that may launch this app; unset: `issuers.toml` inside `state`, if it is there."""
    secrets: Path | None = None
    """Folder with one file per secret: what `client_secret_ref` names, and `<kid>.pem` for `private_key_jwt`."""
    ca_bundle: FilePath | None = None
    """PEM file of the certificate authorities to trust instead of the public ones: an organisation's own network."""
    redis_url: str = ""
    """Queue in production; empty: SQLite inside `state`."""
    policy: str = "strict"
    """The policy pack in force, one of those that come with the app, with its overlays: `strict+dermatology`."""
    policy_file: Path | None = None
    """TOML of the organisation's own: an overlay on `policy`, or a complete pack in place of its first name."""
    image_workers: int = Field(default=2, ge=1, le=16)
    session_idle_minutes: int = Field(default=30, ge=2, le=240)
    """How long a launch session lasts without a request."""
    session_hours: int = Field(default=8, ge=1, le=24)
    """The longest a launch session lasts, however busy: a working day."""
    job_roles_file: Path | None = None
    """TOML that adds job roles to the shipped ones, or takes some away; same form as `job_roles.toml`."""
    administrator: str = ""
    """Whom people ask when they cannot go on, unless their EHR's entry names somebody; shown to them."""

    backend_clients_file: FilePath | None = None
    """TOML with the systems that may ask `POST /fhir/$redact`; unset: nothing below `/fhir` is there."""
    redact_megabytes: int = Field(default=32, ge=1, le=256)
    """The largest record that `$redact` takes."""
    patient_languages: str = ""
    """Languages that the patient's page offers besides English, by tag: `cy`. Those that come with the app are made by
    machine and marked so in their files; offer one once somebody who speaks it has checked it."""
    trusted_proxies: int = Field(default=0, ge=0, le=8)
    """How many reverse proxies of ours stand before the app, each adding to X-Forwarded-For. 0: the header is not
    believed, and guesses at links are counted for whoever connects."""

    @property
    def issuers(self) -> Path:
        """Where the EHRs that may launch this app are written down."""
        return self.issuers_file or self.state / "issuers.toml"

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.state / 'plugin.sqlite'}"
