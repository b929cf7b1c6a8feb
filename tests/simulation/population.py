"""The population of a month: two organizations with their teams; some people may not give, and one is a bot."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.credits import Credits
from core.ledger.ids import first_id_of
from core.policy.limits import Policy
from core.store.queries import organizations, people
from core.store.queries.organizations import OrganizationRecord, TeamRecord
from core.store.queries.people import MemberRecord
from core.store.records import model_of, values_of
from tests.simulation.books import Gift
from tests.simulation.spending_limits import SpendingLimits, limits_of, records_of

_IDS = 0  # the writer that no process start ever is

# Each organization draws one, so that every instant of a gift's life is met: also the one where it is due at once.
POLICIES = (
    Policy(),
    Policy(credits_per_gift=None, credits_per_day=None, gifts_per_day=None, gifts_per_pair_and_day=None),
    Policy(settlement_hours=1, min_use_hours=0, gifts_per_day=20, credits_per_day=None),
    Policy(settlement_hours=0, min_use_hours=0, gifts_per_pair_and_day=10, gifts_per_day=None),
)


@dataclass(slots=True)
class Person:
    """Somebody with a wallet."""

    org: Org
    number: int
    name: str
    team: int
    leads: bool = False
    verified: bool = True
    kind: str = "person"

    @property
    def wallet(self) -> int:
        return wallet_of(self.number)


@dataclass(slots=True)
class Org:
    """An organization with its people; ``admin`` is one of them."""

    number: int
    name: str
    policy: Policy
    teams: list[int]
    limits: SpendingLimits = field(init=False)
    people: list[Person] = field(default_factory=list)

    @property
    def admin(self) -> Person:
        return self.people[0]

    @property
    def pools(self) -> list[int]:
        return [pool_of(owner) for owner in (self.number, *self.teams)]


class Population:
    """Both organizations, and whoever joins later."""

    def __init__(self, dice: random.Random) -> None:
        self._ids = itertools.count(first_id_of(_IDS))
        self._names = itertools.count(1)
        self.orgs = [self._org("Acme", 2, dice), self._org("Other", 1, dice)]
        for org, number in zip(self.orgs, (6, 4), strict=True):
            for place in range(number):
                team = org.teams[place % len(org.teams)]
                self.newcomer(org, team, leads=place < len(org.teams))
        acme = self.orgs[0]
        self.newcomer(acme, acme.teams[0], verified=False)
        self.newcomer(acme, acme.teams[0], kind="bot")
        for org in self.orgs:
            members = [person.number for person in org.people if person.kind == "person"]
            org.limits = limits_of(org.number, members, org.teams, dice)

    def _org(self, name: str, teams: int, dice: random.Random) -> Org:
        number = next(self._ids)
        return Org(number, name, dice.choice(POLICIES), [next(self._ids) for _ in range(teams)])

    def newcomer(
        self, org: Org, team: int, *, leads: bool = False, verified: bool = True, kind: str = "person"
    ) -> Person:
        person = Person(org, next(self._ids), f"{kind} {next(self._names)}", team, leads, verified, kind)
        org.people.append(person)
        return person

    @property
    def everybody(self) -> list[Person]:
        return [person for org in self.orgs for person in org.people]

    @property
    def grown(self) -> list[Person]:
        """Everybody but bots."""
        return [person for person in self.everybody if person.kind == "person"]

    def org_of(self, gift: Gift) -> Org:
        return next(org for org in self.orgs if org.number == gift.org)

    @property
    def persons(self) -> dict[int, int]:
        """Who can take a gift, and where they are."""
        return {each.number: each.org.number for each in self.grown}


def build(connection: Connection, population: Population, now: datetime) -> None:
    """Write the organizations with their people."""
    for org in population.orgs:
        record = OrganizationRecord(org.number, org.name, None, now)
        organizations.add_organization(connection, record, policy=org.policy.body())
        for team in org.teams:
            organizations.add_team(connection, TeamRecord(org.number, team, f"team {team}", now))
        for person in org.people:
            add(connection, person, now)
        for record in records_of(org.limits):
            table = model_of(type(record)).__table__  # type: ignore[attr-defined]
            connection.execute(table.insert().values(**values_of(record)))


def add(connection: Connection, person: Person, now: datetime) -> None:
    """Write one person with their place in a team."""
    org, verified_at = person.org.number, now if person.verified else None
    role = "admin" if person is person.org.admin else "member"
    record = MemberRecord(org, person.number, person.name, person.kind, role, now, verified_at=verified_at)
    people.add_member(connection, record)
    organizations.add_team_member(
        connection, org_id=org, team_id=person.team, member_id=person.number, is_lead=person.leads
    )


def credits_of(dice: random.Random) -> Credits:
    """Return an amount of the kind that people give, or one that is at a limit."""
    if dice.random() < 0.8:
        return Credits.of(dice.choice((1, 3, 5, 10, 25, 50, 90, 120)))
    return Credits(dice.choice((1, 999_999, 200_000_000, 499_000_000, 500_000_000, 500_000_001)))
