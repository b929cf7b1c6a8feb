"""A small organization in a real ledger: an admin, people with tokens, a team, and another organization beside it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.metering.ratecards import RateCard, Rates
from core.metering.usage import Usage
from core.services.common.actors import Actor, Scope
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.common.views import MemberView
from core.services.grants import grants
from core.services.people import members, organizations, tokens
from core.services.usage.charges import charge
from core.store.engine import writing
from core.store.queries import people
from core.store.queries.people import MemberRecord
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.clock import SettableClock

ONE_CREDIT_A_MILLION = RateCard("test", {}, fallback=Rates(*[Credits.of(1)] * 5))


@dataclass(frozen=True, slots=True)
class Person:
    """A member with a token that may read and give."""

    view: MemberView
    token: str
    actor: Actor

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.token)


@dataclass(frozen=True, slots=True)
class SampleOrg:
    """The ledger with its people; Ada is the admin, Al leads the team that Bo is in too."""

    ledger: LedgerService
    clock: SettableClock
    id: str
    ada: Person
    al: Person
    bo: Person
    team: str
    stranger: Person
    strange_org: str
    strange_team: str

    async def grant(self, person: Person, amount: str = "1000", *, key: str = "a grant") -> None:
        """Give a person bought credits that never expire."""
        to = Recipient(member=person.id)
        amount_given = Credits.parse(amount)
        await grants.grant(
            self.ledger,
            actor=self.ada.actor,
            key=f"{key} for {person.id}",
            to=to,
            amount=amount_given,
            source=Source.PURCHASE,
        )

    async def fund(self, team: str, amount: str = "1000", *, key: str = "a budget") -> None:
        """Give a team's pool bought credits that never expire."""
        to, amount_given = Recipient(pool=team), Credits.parse(amount)
        await grants.grant(
            self.ledger, actor=self.ada.actor, key=key, to=to, amount=amount_given, source=Source.PURCHASE
        )

    async def use(self, person: Person, credits_used: int, *, event: str = "1") -> None:
        """Charge a person for usage that costs so many credits."""
        await charge(
            self.ledger,
            org_id=person.actor.org_id,
            member_id=person.actor.member_id,
            source="test",
            event_id=f"{event} of {person.id}",
            subject=person.id,
            usage=Usage("opus", credits_used * 1_000_000),
            card=ONE_CREDIT_A_MILLION,
        )

    async def token(self, person: Person, *scopes: Scope, lasts: timedelta | None = None) -> dict[str, str]:
        """Return the header of a further token of a person."""
        expires_at = None if lasts is None else self.clock() + lasts
        secret, _ = await tokens.issue_token(
            self.ledger,
            actor=self.ada.actor,
            member_id=person.id,
            scopes=scopes,
            label="further",
            expires_at=expires_at,
        )
        return bearer(secret)


@contextlib.contextmanager
def open_sample_ledger(url: str) -> Iterator[tuple[LedgerService, SettableClock]]:
    """A ledger on a migrated database with a clock that tests move."""
    clock = SettableClock()
    ledger = open_ledger(some_settings(url), clock=clock)
    try:
        yield ledger, clock
    finally:
        ledger.close()


async def furnish(ledger: LedgerService, clock: SettableClock) -> SampleOrg:
    """Begin two organizations with their people."""
    org, admin, token = await organizations.create_organization(ledger, name="Acme", admin_name="Ada")
    ada = Person(admin, token, await tokens.authenticate(ledger, token))
    al, bo = await _person(ledger, ada, "Al"), await _person(ledger, ada, "Bo")
    team = await organizations.create_team(ledger, actor=ada.actor, name="Compilers")
    for person, leads in ((al, True), (bo, False)):
        await organizations.add_to_team(ledger, actor=ada.actor, team_id=team.id, member_id=person.id, is_lead=leads)
    other, boss, boss_token = await organizations.create_organization(ledger, name="Other", admin_name="Zoe")
    stranger = Person(boss, boss_token, await tokens.authenticate(ledger, boss_token))
    strange_team = await organizations.create_team(ledger, actor=stranger.actor, name="Elsewhere")
    return SampleOrg(ledger, clock, org, ada, al, bo, team.id, stranger, other, strange_team.id)


@pytest.fixture
async def org(sqlite_url: str) -> AsyncIterator[SampleOrg]:
    """Two organizations with their people, on SQLite."""
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        yield await furnish(ledger, clock)


@pytest.fixture
async def either_org(database_url: str) -> AsyncIterator[SampleOrg]:
    """The same on each kind of database, for what depends on it."""
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def write_down(org: SampleOrg, name: str, email: str) -> None:
    """Write the row of a member of Acme whose address may be somebody's already, as older versions took them."""
    org_id, number = org.ada.actor.org_id, org.ledger.new_id()
    record = MemberRecord(org_id, number, name, "person", "member", org.clock(), email=email)
    with writing(org.ledger.engine) as connection:
        people.add_member(connection, record)


async def person(org: SampleOrg, name: str, *, known: MemberView | None = None) -> Person:
    """Add a verified colleague, or give one who is known a token."""
    return await _person(org.ledger, org.ada, name, known)


async def _person(ledger: LedgerService, admin: Person, name: str, known: MemberView | None = None) -> Person:
    view = known or await members.add_member(ledger, actor=admin.actor, name=name, verified=True)
    token, _ = await tokens.issue_token(
        ledger, actor=admin.actor, member_id=view.id, scopes=(Scope.READ, Scope.GIVE), label=f"{name}'s laptop"
    )
    return Person(view, token, await tokens.authenticate(ledger, token))
