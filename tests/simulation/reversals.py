"""What comes of gifts later: clawed back after settlement, raced at their instant, revived by a clock set back."""

from __future__ import annotations

from datetime import timedelta

from core.ledger.credits import Credits
from core.services.gifts.reversal_commands import Reverse
from core.services.grants.expiry_commands import Expire
from core.store.timestamps import from_micros
from tests.simulation.books import Lot
from tests.simulation.gifts import decision, gift_of
from tests.simulation.grants import charge_of, is_crumb
from tests.simulation.memberships import freeze_now
from tests.simulation.month import Month
from tests.simulation.population import Person
from tests.simulation.processes import Process

HOUR = timedelta(hours=1)


def claw_back(month: Month) -> None:
    """G6: an admin takes settled gifts to somebody back, mostly after they have used up what they had."""
    states = ("settled",) if month.dice.random() < 0.9 else ("pending", "reversed", "cancelled")
    candidates = [gift for gift in month.books.gifts.values() if gift.state in states and gift.recipient_org is None]
    if not candidates:
        return
    recipient = month.dice.choice(candidates[-20:]).recipient
    gifts = [gift for gift in candidates if gift.recipient == recipient][-month.dice.choice((1, 1, 3)) :]
    org, server = month.population.org_of(gifts[0]), month.server()
    spender = next((person for person in org.people if person.wallet == recipient), None)
    if spender is not None and month.dice.random() < 0.7:
        month.send(charge_of(month, spender, month.usable(spender)), server)
    for gift in gifts:
        is_admin = month.dice.random() < 0.95
        month.send(Reverse(org.number, org.admin.number, gift.number, reason="A mistake.", is_admin=is_admin), server)


def at_the_very_instant(month: Month) -> None:
    """G2: all that can happen to a gift happens when it is due, or one micro-second before."""
    pending = [gift for gift in month.books.open_gifts() if gift.state == "pending"]
    if not pending:
        return
    gift = month.dice.choice(pending)
    month.clock.now = from_micros(gift.settles_at - month.dice.choice((0, 0, 1)))
    month.say(f"the instant of {gift}")
    month.tally["clock", "instant"] += 1
    for act in month.dice.sample(("cancel", "decline", "reject", "settle"), 2):
        month.send(decision(month, gift, act))
    month.sweep("settling")
    sender = next(person for person in month.population.grown if person.wallet == gift.sender)
    if month.dice.random() < 0.3 and sender is not sender.org.admin:
        freeze_now(month, sender, month.server())


def back_to_life(month: Month) -> None:
    """L5: a clock that is set back revives a lot that was booked as lapsed; then it comes to the same wallet again."""
    holders: dict[int, list[Person]] = {}
    for person in month.population.grown:
        for lot, amount in month.books.held[person.org.number, person.wallet].items():
            facts = month.books.lots[lot]
            if amount and facts.expires_at is not None and facts.giftable and not is_crumb(month, lot):
                holders.setdefault(lot, []).append(person)
    shared = [lot for lot, several in holders.items() if len(several) > 1]
    if shared:
        lot = month.dice.choice(shared)
        month.ask(_revive(month, month.server(), month.books.lots[lot], *month.dice.sample(holders[lot], 2)))


async def _revive(month: Month, server: Process, lot: Lot, giver: Person, receiver: Person) -> None:
    assert lot.expires_at is not None
    month.say(f"lot {lot.number} lapses for {receiver.number}, and is valid again")
    month.clock.now = from_micros(lot.expires_at) + HOUR
    await server.execute(Expire(lot.org, receiver.wallet, lot.number))
    month.clock.advance(-50 * HOUR)
    gift = await server.execute(gift_of(month, giver, (receiver.wallet,), Credits(1)))
    await server.execute(decision(month, month.books.gifts[gift.first_id], "settle"))
    month.clock.advance(50 * HOUR)
    month.sweep("lapsing", server)
    month.tally["clock", "back to life"] += 1
