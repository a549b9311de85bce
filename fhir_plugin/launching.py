"""What a launch does to an installation: the way in, joined to sessions, people and what waited for them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import partial

from fhir_plugin.adapters.ehr_users import find_user
from fhir_plugin.adapters.sessions import LaunchSession
from fhir_plugin.damage import unless_damaged
from fhir_plugin.disclose.send import resume_for as resume_disclosures
from fhir_plugin.installation import Installation
from fhir_plugin.ports import Json
from fhir_plugin.web.launch import Launching, NewSession
from mappings.model.people import ClinicalSession, User
from smart_launch import CompletedLaunch, binding_of


def launching(installation: Installation) -> Launching:
    """What a launch does to this installation: begin, end, refuse, and go on with what waited for a sign-in."""

    def begin(new: NewSession, done: CompletedLaunch) -> None:
        session = LaunchSession(
            launch_id=new.launch_id,
            browser_binding_hash=binding_of(new.browser_secret),
            fhir_base=new.fhir_base,
            issuer=new.issuer,
            patient=new.patient,
            encounter=new.encounter,
            user=new.user.reference,
            user_display=new.user.display,
            scopes=new.scopes,
            context=new.context,
            created=new.created,
            last_seen=new.created,
            ends=new.ends,
        )
        installation.launches.begin(session, replace(done.grant, id_token=None))  # it was read, and is not needed again

    def user_of(done: CompletedLaunch) -> User:
        return find_user(
            installation.transport,
            done,
            today=installation.clock.now().date(),
            job_roles=installation.job_roles,
            appointed=installation.appointments.in_force,
            administrator=installation.settings.administrator,
        )

    def after_launch(session: ClinicalSession, at_the_desk: bool) -> None:
        installation.practice.seen(session)
        if session.requests_only:
            return
        sent_on = ("disclosures", partial(resume_disclosures, installation.desk.parts))
        filed = (
            ("captures", installation.captures.resume_for),
            ("concerns", installation.concerns.resume_for),
            ("withdrawals", installation.withdrawals.resume_for),
            ("labels", installation.labels.resume_for),
            ("opinions", installation.consultations.resume_for),
            ("requests", installation.requests.resume_for),
            ("deletions", installation.deletion.resume_for),
            ("moving", installation.moving.resume_for),
        )
        # The desk's access reads everything and files nothing: what would be filed with it would miss the record.
        # Whose way in it is has been settled: what waits here and cannot be read shuts nobody out.
        for part, step in (sent_on,) if at_the_desk else (*filed, sent_on):
            unless_damaged(part, partial(step, session), None)

    def jwks() -> Json:
        statements: list[Json] = installation.signer.public_jwks()["keys"]
        return {"keys": [*statements, *installation.client_keys.public_keys()]}

    return Launching(
        client=installation.smart,
        clock=installation.clock,
        session_length=dt.timedelta(hours=installation.settings.session_hours),
        begin=begin,
        end=installation.launches.end,
        refuse=installation.launches.refuse,
        find_user=user_of,
        after_launch=after_launch,
        public_jwks=jwks,
    )
