"""The same again, or almost: retries, twins, a key with other content, a key of two people, a broken command."""

from __future__ import annotations

from dataclasses import replace

from core.ledger.commands import Command
from core.ledger.credits import Credits
from core.services.gifts.gift_commands import Give
from tests.simulation.commands import Defect
from tests.simulation.faults import AFTER
from tests.simulation.gifts import gift_of, give
from tests.simulation.month import Month
from tests.simulation.population import credits_of


def again(month: Month) -> None:
    """L6: something that was sent before, by somebody who is not sure, or by a client that retries too much."""
    dice, records = month.dice, month.records
    kinds: dict[type[Command], list[Command]] = {}
    for key in records.bound if dice.random() < 0.6 else list(records.all)[-60:]:
        for command in records.all[key].sent.values():
            kinds.setdefault(type(command), []).append(command)
    if kinds:
        month.send(dice.choice(kinds[dice.choice(list(kinds))]))


def twins(month: Month) -> None:
    """L7: the same command several times at once, at one server or at both; now and then the answer is lost."""
    person = month.giver()
    others = [each for each in person.org.people if each is not person]
    command = gift_of(month, person, (month.dice.choice(others).wallet,), credits_of(month.dice))
    one = month.server() if month.dice.random() < 0.5 else None
    for _ in range(month.dice.choice((2, 2, 3, 12))):
        month.send(command, one)
    if one and month.dice.random() < 0.3:
        one.armed[AFTER, "commit"] = "away"
    month.tally["same again", "at one server" if one else "at any server"] += 1


def other_content(month: Month) -> None:
    """L6: a key that comes again with something else."""
    gifts = [each for record in month.records.all.values() for each in record.sent.values() if isinstance(each, Give)]
    if gifts:
        command = month.dice.choice(gifts[-30:])
        month.send(replace(command, amount=command.amount + Credits(1)))


def other_actor(month: Month) -> None:
    """L6: a key belongs to whoever uses it; two people with one key do two things."""
    sender = month.giver()
    others = [each for each in sender.org.people if each is not sender]
    command = gift_of(month, sender, (month.dice.choice(others).wallet,), credits_of(month.dice))
    month.send(command)
    month.send(replace(command, actor_id=month.dice.choice(others).number))


def ask_again(month: Month) -> None:
    """Whoever never heard what became of their command asks again."""
    for command in month.records.in_doubt()[:5]:
        month.send(command)


def a_defect(month: Month) -> None:
    """L7: a broken command among others harms only itself."""
    server, org = month.server(), month.dice.choice(month.population.orgs)
    give(month)
    for raises in month.dice.sample((True, False, False), 2):
        month.send(Defect(org.number, month.fresh_key(), raises), server)
    give(month)
