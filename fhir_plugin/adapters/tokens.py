"""Access tokens, sealed, and the one refresh at a time.

A refresh token may work once only, and a server may end the session when it sees it twice (SMART App Launch
2.2, best practices). So whoever refreshes holds a lease, which is a row and not a lock, and writes down that
the refresh token leaves before it leaves. If the answer is lost, the token counts as used: the person signs in
again, and nothing is sent twice.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import tokens
from fhir_plugin.errors import PluginError, RecordUnavailable, SignInNeeded
from fhir_plugin.ports import Clock
from mappings.model.identifiers import LaunchId
from smart_launch.errors import DiscoveryError, LaunchRefused, Misconfigured, NotSent, SmartError, TokenError
from smart_launch.scope import GrantedScopes
from smart_launch.token import Grant

REFRESH_BEFORE = dt.timedelta(seconds=60)
"""A token is refreshed this long before it expires, or in the second half of a life shorter than two minutes."""

LEASE_SECONDS = 90.0
"""Longer than any refresh may take over HTTP."""

PATIENCE_SECONDS = 60.0
"""How long others wait for whoever refreshes."""

POLL_SECONDS = 0.05

_NOT_USED_UP = frozenset({429, 503})
"""HTTP statuses with which a token endpoint turns a request away without looking at it."""


class RefreshState(StrEnum):
    """What became of the refresh token that we hold."""

    UNUSED = "unused"
    SENT = "sent"
    NONE = "none"


@dataclass(frozen=True)
class HeldTokens:
    """The tokens of one launch as they were read. Tokens do not show in `repr`."""

    grant: Grant = field(repr=False)
    version: int
    refresh_state: RefreshState
    stored: dt.datetime
    leased_until: dt.datetime | None

    def is_leased(self, now: dt.datetime) -> bool:
        """Whether somebody is refreshing them now."""
        return self.leased_until is not None and now < self.leased_until

    def is_fresh(self, now: dt.datetime) -> bool:
        """Whether there is no reason to refresh yet."""
        life = self.grant.expires_at - self.stored
        return now < self.grant.expires_at - min(REFRESH_BEFORE, life / 2)


class Tokens:
    """One row per launch. Every method is a short transaction of its own, or joins the open one."""

    def __init__(self, database: Database, masters: MasterKeys, clock: Clock) -> None:
        self._database = database
        self._masters = masters
        self._clock = clock

    def __repr__(self) -> str:
        return "Tokens()"

    @property
    def in_transaction(self) -> bool:
        """Whether the caller holds a transaction, over which no HTTP may happen."""
        return self._database.in_transaction

    def save(self, launch: LaunchId, grant: Grant) -> None:
        """Keeps the tokens of a new launch."""
        with self._database.writing() as connection:
            connection.execute(sa.insert(tokens).values(launch_id=launch, **self._values(launch, grant, 1)))

    def get(self, launch: LaunchId) -> HeldTokens:
        """Raises `SignInNeeded` when there are none, `Tampered` when they do not verify."""
        with self._database.connection() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.launch_id == launch)).one_or_none()
        if row is None:
            raise _sign_in("The EHR's access for this launch has ended: launch again from the chart.")
        return self._held(row)

    def lease(self, launch: LaunchId, owner: str, seconds: float) -> bool:
        """Compare-and-swap: True when free or run out, and ours from now on."""
        now = self._clock.now()
        free = tokens.c.lease_owner.is_(None) | (tokens.c.lease_until <= now)
        return self._swap(launch, free, lease_owner=owner, lease_until=now + dt.timedelta(seconds=seconds))

    def release(self, launch: LaunchId, owner: str) -> None:
        """Gives a lease back. Nothing happens when it is not `owner`'s."""
        self._swap(launch, tokens.c.lease_owner == owner, lease_owner=None, lease_until=None)

    def send(self, launch: LaunchId, owner: str, expected_version: int) -> bool:
        """Writes down that the refresh token leaves now. False when it must not."""
        return self._swap(
            launch,
            (tokens.c.lease_owner == owner)
            & (tokens.c.version == expected_version)
            & (tokens.c.refresh_state == RefreshState.UNUSED.value),
            refresh_state=RefreshState.SENT.value,
        )

    def unsend(self, launch: LaunchId, owner: str, expected_version: int) -> bool:
        """The refresh token surely did not reach the server, or was not looked at: it may leave again."""
        return self._swap(
            launch,
            (tokens.c.lease_owner == owner) & (tokens.c.version == expected_version),
            refresh_state=RefreshState.UNUSED.value,
        )

    def replace(self, launch: LaunchId, grant: Grant, expected_version: int) -> bool:
        """Keeps what a refresh brought and ends the lease. False when somebody else replaced them meanwhile."""
        values = self._values(launch, grant, expected_version + 1)
        return self._swap(launch, tokens.c.version == expected_version, **values)

    def forget(self, launch: LaunchId) -> None:
        """The tokens are gone, from the log file too. Idempotent."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(tokens).where(tokens.c.launch_id == launch))
        self._database.after_commit(self._scrub)

    def rotate_master(self) -> int:
        """Seals every grant again under the current master; returns how many."""
        count = 0
        with self._database.writing() as connection:
            for row in connection.execute(sa.select(tokens)).all():
                if not self._masters.is_current(row.sealed):
                    sealed = self._seal(row.launch_id, self._held(row).grant, row.version)
                    same = (tokens.c.launch_id == row.launch_id) & (tokens.c.version == row.version)
                    changed = connection.execute(sa.update(tokens).where(same).values(sealed=sealed)).rowcount
                    count += changed  # none where it was replaced meanwhile: that is newer
        return count

    def _scrub(self) -> None:
        self._database.scrub()

    def _swap(self, launch: LaunchId, condition: sa.ColumnElement[bool], **values: Any) -> bool:
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(tokens).where(tokens.c.launch_id == launch, condition).values(**values)
            ).rowcount
        return changed == 1

    def _values(self, launch: LaunchId, grant: Grant, version: int) -> dict[str, Any]:
        return {
            "sealed": self._seal(launch, grant, version),
            "version": version,
            "expires": grant.expires_at,
            "refresh_state": (RefreshState.UNUSED if grant.refresh_token else RefreshState.NONE).value,
            "lease_owner": None,
            "lease_until": None,
            "updated": self._clock.now(),
        }

    def _seal(self, launch: str, grant: Grant, version: int) -> bytes:
        record = json.dumps(grant.as_record()).encode("utf-8")
        return self._masters.seal(KeyUse.TOKENS, record, bound_to=[launch, str(version)])

    def _held(self, row: Any) -> HeldTokens:
        record = self._masters.open(KeyUse.TOKENS, row.sealed, bound_to=[row.launch_id, str(row.version)])
        return HeldTokens(
            grant=Grant.from_record(json.loads(record)),
            version=row.version,
            refresh_state=RefreshState(row.refresh_state),
            stored=row.updated,
            leased_until=row.lease_until if row.lease_owner is not None else None,
        )


class TokenSource:
    """The current access token of a launch, refreshed in time by exactly one of all workers.

    `refresh` trades a grant for a fresh one over HTTP (`smart_launch.token.refresh`, with the registry and the
    configuration that the app knows) and raises `SmartError`.
    """

    def __init__(
        self,
        held: Tokens,
        refresh: Callable[[Grant], Grant],
        clock: Clock,
        *,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._held = held
        self._refresh = refresh
        self._clock = clock
        self._wait = wait

    def current(self, launch: LaunchId, *, rejected: str | None = None) -> str:
        """The access token of `grant`."""
        return self.grant(launch, rejected=rejected).access_token

    def grant(self, launch: LaunchId, *, rejected: str | None = None) -> Grant:
        """Access that is good for a while. `rejected`: a token that the server no longer takes.

        Raises `SignInNeeded` when a refresh is refused or impossible, `RecordUnavailable` when it cannot be
        done at the moment. Never call it inside a transaction: it may speak HTTP.
        """
        if self._held.in_transaction:
            raise RuntimeError("a token is asked for inside a transaction, over which no HTTP may happen")
        for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
            held, now = self._held.get(launch), self._clock.now()
            usable = held.grant.access_token != rejected and now < held.grant.expires_at
            if usable and (held.is_fresh(now) or held.is_leased(now)):
                return held.grant  # while somebody renews it, the old one is as good as it was
            if held.is_leased(now):
                self._wait(POLL_SECONDS)
            elif held.refresh_state is RefreshState.UNUSED:
                owner = secrets.token_hex(8)
                if not self._held.lease(launch, owner, LEASE_SECONDS):
                    continue
                try:
                    self._renew(launch, owner, held)
                except RecordUnavailable:
                    if not usable:
                        raise
                    return held.grant
            elif usable:
                return held.grant
            else:
                raise _sign_in("The EHR's access for this launch has ended: launch again from the chart.")
        raise RecordUnavailable("The EHR did not renew its access in time: try again.", code="refresh-slow")

    def scopes(self, launch: LaunchId) -> GrantedScopes:
        """What is granted now, without asking: a refresh may bring less than the launch did. Raises `SignInNeeded`."""
        return self._held.get(launch).grant.scopes

    def _renew(self, launch: LaunchId, owner: str, seen: HeldTokens) -> None:
        """One refresh, under our lease. Returns when the row says something new, whoever wrote it."""
        try:
            if not self._held.send(launch, owner, seen.version):
                return  # somebody was faster between our look and our lease
            try:
                fresh = self._refresh(seen.grant)
            except (NotSent, DiscoveryError, Misconfigured) as error:
                self._not_now(launch, owner, seen, error)
            except PluginError:  # our own keys or database failed, before anything left
                self._held.unsend(launch, owner, seen.version)
                raise
            except TokenError as error:
                if error.status in _NOT_USED_UP:
                    self._not_now(launch, owner, seen, error)
            except LaunchRefused:
                self._held.forget(launch)  # refreshed for somebody else: nothing of it may be used
            except SmartError:
                pass  # sent, and nobody knows: it stays used, which the next look at the row finds
            else:
                self._held.replace(launch, fresh, seen.version)
        finally:
            self._held.release(launch, owner)

    def _not_now(self, launch: LaunchId, owner: str, seen: HeldTokens, error: SmartError) -> None:
        self._held.unsend(launch, owner, seen.version)
        raise RecordUnavailable(
            "The EHR cannot renew its access at the moment: try again.",
            retry_after=getattr(error, "retry_after", None),
            code="refresh-unavailable",
        ) from error


def _sign_in(message: str) -> SignInNeeded:
    return SignInNeeded(message, code="sign-in-needed")
