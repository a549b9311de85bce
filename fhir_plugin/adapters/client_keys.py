"""Keys with which the app authenticates to EHRs (`private_key_jwt`), rotating in our own database.

One line of keys for each algorithm that SMART asks a client to have (SMART-R308): ES384 and RS384. EHRs fetch our
JWKS and remember it, so the next key is published a day before it may sign, and a retired one for a month after
(SMART-R22, R299 to R303, R313 to R315). A key kept as a file in the secrets folder stays as it is beside them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import get_args

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.key_lives import AT_ONCE, KeptKey, KeyLives, KeyState, NewKey
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import client_keys
from fhir_plugin.errors import Refused, Tampered
from fhir_plugin.ports import Clock, Json
from smart_launch import ClientKey, Issuer
from smart_launch.client_auth import SigningAlgorithm

ALGORITHMS: tuple[SigningAlgorithm, ...] = get_args(SigningAlgorithm)
PUBLISHED_BEFORE_USE = dt.timedelta(hours=24)
PUBLISHED_AFTER_USE = dt.timedelta(days=30)


class DatabaseClientKeys:
    """The app's keys for token endpoints. `fixed` are those of the secrets folder, by kid.

    Safe between threads and processes: every question is asked of the database, so a rotation elsewhere is seen
    without a restart.
    """

    def __init__(
        self, database: Database, masters: MasterKeys, clock: Clock, *, fixed: Mapping[str, ClientKey] | None = None
    ) -> None:
        self._clock = clock
        self._fixed = dict(fixed or {})
        self._read: dict[SigningAlgorithm, ClientKey] = {}  # reading an RSA key back costs 0.2 s: its primes are proved
        self._lines = {
            algorithm: KeyLives(
                database,
                masters,
                clock,
                table=client_keys,
                use=KeyUse.CLIENT,
                line={"algorithm": algorithm},
                make=partial(_new_key, algorithm),
            )
            for algorithm in ALGORITHMS
        }

    def key_for(self, issuer: Issuer) -> ClientKey | None:
        """The key that signs for this EHR: the fixed one it names, or the current one of its algorithm.

        None when it needs none, or when the one it names is not in the secrets folder.
        """
        if issuer.auth_method != "private_key_jwt":
            return None
        if issuer.key_algorithm:
            return self.current(issuer.key_algorithm)
        return self._fixed.get(issuer.key_id)

    @property
    def fixed(self) -> dict[str, SigningAlgorithm]:
        """The keys of the secrets folder: kid and algorithm."""
        return {kid: key.algorithm for kid, key in self._fixed.items()}

    def current(self, algorithm: SigningAlgorithm) -> ClientKey:
        """The key that signs now; made, with the one after it, when first needed."""
        return self._client_key(self._lines[algorithm].current(), algorithm)

    def by_kid(self, kid: str) -> ClientKey | None:
        """The key of that name if it can sign: a fixed, current or next one. None for any other."""
        if kid in self._fixed:
            return self._fixed[kid]
        for algorithm, line in self._lines.items():
            key = line.find(kid)
            if key is not None and key.private:
                return self._client_key(key, algorithm)
        return None

    def public_keys(self) -> list[Json]:
        """What our JWKS publishes: fixed, current and next keys, and those retired in the last 30 days.

        Both algorithms are there from the first time on: an EHR reads our JWKS when we are registered with it,
        before anybody here knows which algorithm it will ask for.
        """
        oldest = self._clock.now() - PUBLISHED_AFTER_USE
        published = [key.public_jwk() for key in self._fixed.values()]
        for line in self._lines.values():
            line.current()
            published += [key.public for key in line.all() if key.private or _retired_after(key, oldest)]
        return published

    def by_algorithm(self) -> dict[SigningAlgorithm, list[KeptKey]]:
        """Every key of each line, the oldest first, for whoever looks after them."""
        for line in self._lines.values():
            line.current()
        return {algorithm: line.all() for algorithm, line in self._lines.items()}

    def rotate(self, algorithm: SigningAlgorithm, *, at_once: bool = False) -> str:
        """The next key becomes the current one; returns its kid.

        Raises `Refused` (`key-too-new`) until the next key has been published for 24 hours, unless `at_once`:
        EHRs that remember our JWKS then refuse us until they ask again.
        """
        return self._lines[algorithm].rotate(published_for=AT_ONCE if at_once else PUBLISHED_BEFORE_USE)

    def revoke(self, kid: str) -> SigningAlgorithm:
        """The key leaves the JWKS and never signs again; one in use is replaced at once. Returns its algorithm.

        Raises `Refused` (`key-unknown`).
        """
        for algorithm, line in self._lines.items():
            if line.find(kid) is not None:
                line.revoke(kid)
                return algorithm
        raise Refused("There is no key of that name.", code="key-unknown")

    def rotate_master(self) -> int:
        """Seals every private part again under the current master; returns how many."""
        return sum(line.rotate_master() for line in self._lines.values())

    def _client_key(self, key: KeptKey, algorithm: SigningAlgorithm) -> ClientKey:
        read = self._read.get(algorithm)
        if read is None or read.kid != key.kid:
            read = ClientKey.from_pem(key.private, kid=key.kid)
            if read.algorithm != algorithm:
                raise Tampered("A key of ours is not of its own kind.", code="sealed-damaged")
            self._read[algorithm] = read
        return read


def _retired_after(key: KeptKey, oldest: dt.datetime) -> bool:
    return key.state == KeyState.RETIRED and key.changed > oldest


def _new_key(algorithm: SigningAlgorithm) -> NewKey:
    made = ClientKey.generate("", algorithm)
    named = ClientKey(made.private.thumbprint(), algorithm, made.private)
    return NewKey(named.kid, named.public_jwk(), named.as_pem())
