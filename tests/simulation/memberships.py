"""What happens to people: they are frozen, freed again, leave and join."""

from __future__ import annotations

from core.ledger.accounts import owner_of
from core.ledger.ids import Prefix, shown_id
from core.services.common.actors import Actor, Role
from core.services.people import freezes, members
from core.store.engine import writing
from core.store.queries import organizations
from tests.simulation import population as people
from tests.simulation.month import Month
from tests.simulation.population import Org, Person
from tests.simulation.processes import Process
from tests.support.builders import an_actor


def freeze_or_free(month: Month) -> None:
    """G8: one or two at once are frozen by an admin, or somebody frozen is freed."""
    frozen = [each for each in month.population.grown if each.number in month.books.frozen - month.books.gone]
    if frozen and month.dice.random() < 0.6:
        _free(month, month.dice.choice(frozen))
        return
    server = month.server()
    for person in month.dice.sample(month.population.grown, month.dice.choice((1, 2))):
        if person is not person.org.admin:
            freeze_now(month, person, server)


def freeze_now(month: Month, person: Person, server: Process) -> None:
    month.say(f"to {server.number}: freeze {person.number}")
    shown = shown_id(Prefix.MEMBER, person.number)
    month.ask(freezes.freeze(server, actor=_admin(person.org), member_id=shown, reason="lost laptop"))


def _free(month: Month, person: Person) -> None:
    server, shown = month.server(), shown_id(Prefix.MEMBER, person.number)
    month.say(f"to {server.number}: unfreeze {person.number}")
    month.ask(freezes.unfreeze(server, actor=_admin(person.org), member_id=shown, reason="it is them"))


def _admin(org: Org) -> Actor:
    return an_actor(org.admin.number, org_id=org.number, role=Role.ADMIN, scopes="read give admin")


def leave(month: Month) -> None:
    """G4: often somebody whom a gift is on its way to, or who owes something."""
    dice, books = month.dice, month.books
    if dice.random() < 0.5:
        return
    abroad = [gift for gift in books.gifts.values() if gift.recipient_org and not gift.arrived]
    concerned = {owner_of(side) for gift in abroad for side in (gift.recipient, gift.sender)}
    concerned |= {owner_of(debt.debtor) for debt in books.debts.values()}
    present = [each for each in month.population.grown if each.number not in books.gone]
    likely = [each for each in present if each.number in concerned] if dice.random() < 0.6 else []
    person = dice.choice(likely or present)
    if person is person.org.admin or len([each for each in present if each.org is person.org]) < 4:
        return
    server = month.server()
    month.say(f"to {server.number}: {person.number} leaves")
    month.ask(
        members.leave(server, org_id=person.org.number, actor_id=person.org.admin.number, member_id=person.number)
    )


def join(month: Month) -> None:
    """Somebody new comes; if the database is busy, they try again another day."""
    org = month.dice.choice(month.population.orgs)
    if len(org.people) > 14 or not month.may_write:
        return
    person = month.population.newcomer(org, month.dice.choice(org.teams), verified=month.dice.random() < 0.9)
    month.books.people[person.number] = org.number
    with writing(month.site.engine) as connection:
        people.add(connection, person, month.clock())
    month.say(f"{person.number} joins")


def move(month: Month) -> None:
    """Somebody changes teams, or is in two; a charge under way may have locked another pool than it needs (L7)."""
    person = month.anybody()
    org, team = person.org, month.dice.choice(person.org.teams)
    if team == person.team or not month.may_write:
        return
    with writing(month.site.engine) as connection:
        organizations.add_team_member(
            connection, org_id=org.number, team_id=team, member_id=person.number, is_lead=person.leads
        )
        if month.dice.random() < 0.7:
            organizations.remove_team_member(
                connection, org_id=org.number, team_id=person.team, member_id=person.number
            )
    person.team = team
    month.tally["people", "moved"] += 1
    month.say(f"{person.number} moves to team {team}")
