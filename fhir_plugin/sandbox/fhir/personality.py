"""How one family of servers behaves, as data: a TOML file per personality, no code.

The fields say what was seen of real servers (each file names its source); what is not said is as in R4.
`load_personality("hapi")` reads `sandbox/personalities/hapi.toml`, a path ending in `.toml` that file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PERSONALITIES = Path(__file__).resolve().parent.parent / "personalities"


class UnknownPersonality(Exception):
    """There is no such file, or it does not say what a personality says. The message names the fields."""


class Personality(BaseModel):
    """Every way in which this server may differ from the default one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    software_name: str = "Sandbox EHR"
    software_version: str = "1.0"
    fhir_version: str = "4.0.1"
    """What the CapabilityStatement says, whatever is spoken."""
    speaks: Literal["r4", "r5"] = "r4"

    # What exists
    absent_types: frozenset[str] = frozenset()
    """Types that this server has never heard of: 404."""
    refused: frozenset[str] = frozenset()
    """`Type:interaction`, `Type:*`, `*:interaction` or `system:interaction`: `refused_status`."""
    refused_status: Literal[403, 404, 405] = 405
    allowed: frozenset[str] = frozenset()
    """Exceptions to `refused`, in the same spelling."""
    claimed: frozenset[str] = frozenset()
    """What the CapabilityStatement says in spite of `refused`, in the same spelling."""

    # Scopes
    granted: Mapping[str, str] = {}
    """The most that is granted of a type, as letters of `cruds`; `*` for the types not named. Empty: all of it."""
    scope_spelling: Literal["as-asked", "v1"] = "as-asked"
    """v1: `.read` and `.write`, whatever was asked for."""
    smart_capabilities: frozenset[str] | None = None
    """What the SMART configuration lists; None: everything that this server does."""
    scopes_supported: tuple[str, ...] | None = None
    """What the SMART configuration lists; None: what this server knows."""

    # Ids
    client_ids: Literal["any", "not-numeric", "refused"] = "any"
    """Whether PUT to an unused id creates (R4 updateCreate); HAPI refuses ids that are only digits."""
    server_ids: Literal["uuid", "sequential"] = "uuid"
    conditional_create: Literal["honoured", "ignored"] = "honoured"

    # Writing
    transactions: Literal["atomic", "as-batch", "half-written", "refused"] = "atomic"
    """as-batch: nothing is resolved, outer 200. half-written: stops at the first failure, keeps what came before."""
    urn_rewriting: Literal["everywhere", "references-only", "any-string"] = "everywhere"
    """references-only leaves attachment URLs dead; any-string rewrites identifiers too."""
    meta: Literal["kept", "merged", "dropped", "rewritten"] = "kept"
    """merged: an update keeps the labels of the version before; dropped: labels and profiles are lost; rewritten: in
    another order, with a tag and a profile of the server's own instead of the profiles that were sent."""
    meta_operations: bool = False
    """HAPI's $meta-add and $meta-delete: on a server that merges, the only way to take a label away."""
    meta_source: bool = False
    """Whether meta.source is set by the server."""
    references_must_exist: bool = False
    """400 for a reference, in an element with a search parameter, to what is not here."""
    refuses_delete_of_referenced: bool = False
    """409 for the deletion of what a current resource still refers to."""
    max_body_bytes: int = Field(default=64_000_000, ge=1)
    body_limit_status: int = 413
    max_string_bytes: int | None = None
    """400 for a longer string anywhere in a resource, base64 included."""
    attachment_types: frozenset[str] = frozenset()
    """MIME types that Binary and attachments may have; empty: any. Others: 422."""
    raw_binary: Literal["accepted", "refused", "as-text"] = "accepted"
    """as-text: taken as if it were UTF-8, which destroys an image."""
    raw_binary_status: int = 415
    required: frozenset[str] = frozenset()
    """`Type.path.to.element` that must be there when that type is written: 422."""
    timed: frozenset[str] = frozenset()
    """`Type.path` whose date must have a time: 422."""
    code_systems: Mapping[str, frozenset[str]] = {}
    """`Type.path` of a CodeableConcept -> the systems of which it must have a coding: 422."""
    statuses: Mapping[str, frozenset[str]] = {}
    """`Type.path` of a code -> the values that are taken: 422."""
    attachments: Literal["all", "first-only"] = "all"
    """first-only: of a DocumentReference's contents the first is kept, the others are dropped without a word."""
    attachment_data: Literal["anywhere", "inline"] = "anywhere"
    """inline: 422 for an attachment without `data`."""
    max_attachment_bytes: int | None = None
    """413 for an attachment (or Binary) of more bytes, decoded."""
    author_is_user: bool = False
    """422 for a DocumentReference whose author is not who signed in (not asked of a request without a token)."""
    if_match: Literal["optional", "required"] = "optional"
    """required: 412 for an update without If-Match."""

    # Reading
    binary_reads: Literal["negotiated", "json-only"] = "negotiated"
    """json-only: 406 for a Binary asked for in its own type."""
    hidden_status: Literal[403, 404] = 404
    """What a read of a resource out of the caller's reach says."""
    old_versions_after_delete: Literal["readable", "gone"] = "readable"
    unknown_parameters: Literal["named", "error", "silent"] = "named"
    """named: ignored and named in an OperationOutcome, 400 under handling=strict; silent: ignored even then."""
    unsupported_parameters: frozenset[str] = frozenset()
    """Search parameters that are unknown here: `_security`, or `Media.site`."""
    collapses_slashes: bool = False
    """Whether `//` in a query that is not percent-encoded arrives as `/`."""
    total: Literal["always", "when-asked", "never"] = "always"
    default_count: int = Field(default=50, ge=1)
    max_count: int = Field(default=500, ge=1)

    # Answers
    location: Literal["absolute", "relative", "without-version"] = "absolute"
    location_base: str | None = None
    """Another base in Location, as from a server behind a proxy that does not rewrite."""
    delete_status: Literal[200, 204] = 204
    etags: bool = True
    returns: Literal["representation", "minimal"] = "representation"
    """What a write answers when Prefer says nothing; minimal: an empty body."""
    empty_refusals: frozenset[int] = frozenset()
    """Statuses whose answers have no body."""

    # Purging
    expunge: Literal["allowed", "refused"] = "allowed"
    expunge_status: Literal[403, 404, 405, 501] = 403
    purge: Literal["expunge", "medplum-expunge", "erase", "google-purge", "purge-history", "delete-history"] = "expunge"
    """By which means versions go for good, unless `expunge` is refused: HAPI's $expunge, Medplum's, $erase, Google's
    $purge, Azure's $purge-history, or R6's DELETE of _history."""
    purge_answers: Literal["done", "forbidden", "lies", "half"] = "done"
    """forbidden: told of, and 403; lies: says 200 and keeps everything; half: says 200 and keeps the oldest version."""
    erase_needs_reason: bool = False
    """Whether $erase is 400 without the parameter `reason`."""

    def does(self, resource_type: str, interaction: str) -> bool:
        """Whether this server does it; `resource_type` is `system` for batch, transaction and the like."""
        if resource_type in self.absent_types:
            return False
        if interaction == "patch" and resource_type == "Binary":
            return False
        return not self._named(self.refused, resource_type, interaction) or self._named(
            self.allowed, resource_type, interaction
        )

    def claims(self, resource_type: str, interaction: str) -> bool:
        """Whether the CapabilityStatement says that it does."""
        return self.does(resource_type, interaction) or self._named(self.claimed, resource_type, interaction)

    def searches(self, resource_type: str, parameter: str) -> bool:
        """Whether this search parameter is known here."""
        return not {parameter, f"{resource_type}.{parameter}"} & self.unsupported_parameters

    @staticmethod
    def _named(pairs: frozenset[str], resource_type: str, interaction: str) -> bool:
        wanted = {f"{resource_type}:{interaction}", f"{resource_type}:*"}
        if resource_type != "system":
            wanted.add(f"*:{interaction}")
        return bool(wanted & pairs)


def personality_names() -> list[str]:
    """The personalities that ship with the sandbox."""
    return sorted(path.stem for path in PERSONALITIES.glob("*.toml"))


def load_personality(name: str) -> Personality:
    """By name, or from a path that ends in `.toml`. Raises `UnknownPersonality`."""
    if name.endswith(".toml"):
        path = Path(name)
    elif name in personality_names():
        path = PERSONALITIES / f"{name}.toml"
    else:
        raise UnknownPersonality(f"There is no personality {name!r}; there are {', '.join(personality_names())}")
    try:
        return Personality.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UnknownPersonality(f"{path.name} cannot be read as TOML") from error
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in issue["loc"]) for issue in error.errors())
        raise UnknownPersonality(f"{path.name} does not describe a personality: see {fields}") from error
