"""What people do with gifts: make them, stop them, let them go, claw them back, and all of that at one instant."""

from __future__ import annotations

from dataclasses import replace

from core.ledger.accounts import AccountKind, kind_of, owner_of, wallet_of
from core.ledger.credits import Credits
from core.ledger.lots import GiftOrder
from core.ledger.transfers import TransferKind
from core.services.gifts.gift_commands import Give
from core.services.gifts.settlement_commands import ResolveGift
from tests.simulation.books import Gift
from tests.simulation.commands import GiveForReview
from tests.simulation.month import Month
from tests.simulation.population import Person, credits_of


def give(month: Month) -> None:
    """To a colleague, mostly; to several, to a pool, to oneself, to a bot, to nobody we know."""
    sender, dice = month.giver(), month.dice
    others = [person for person in sender.org.people if person is not sender]
    to = [dice.choice(others).wallet]
    match dice.randrange(20):
        case 0 | 1:
            to = [person.wallet for person in dice.sample(others, 2)]
        case 2 | 3:
            to = [dice.choice(sender.org.pools)]
        case 4:
            to = [sender.wallet]
        case 5:
            to = [wallet_of(dice.choice((12345, month.population.orgs[0].number)))]
        case 6:
            to = [person.wallet for person in sender.org.people if person.kind == "bot"] or to
    month.send(gift_of(month, sender, tuple(to), credits_of(dice)))


def give_all(month: Month) -> None:
    """Exactly what is held, lapsed or not: often one more than can be given."""
    sender = month.giver()
    held = month.books.amount_in((sender.org.number, sender.wallet))
    others = [person for person in sender.org.people if person is not sender]
    if held:
        amount = Credits(max(held - month.dice.choice((0, 0, 1)), 1))
        month.send(gift_of(month, sender, (month.dice.choice(others).wallet,), amount))


def give_often(month: Month) -> None:
    """Many small gifts in a row, to a few people: up to what the policy allows, and beyond."""
    sender, server = month.giver(), month.server()
    others = [person for person in sender.org.people if person is not sender and person.kind == "person"]
    few = month.dice.sample(others, min(len(others), month.dice.choice((1, 3))))
    for _ in range(month.dice.choice((3, 7))):
        month.send(gift_of(month, sender, (month.dice.choice(few).wallet,), Credits(month.dice.randint(1, 9))), server)


def give_for_review(month: Month) -> None:
    sender = month.giver()
    others = [person for person in sender.org.people if person is not sender]
    gift = gift_of(month, sender, (month.dice.choice(others).wallet,), credits_of(month.dice))
    facts = {name: getattr(gift, name) for name in Give.__slots__}
    month.send(GiveForReview(**facts))


def give_abroad(month: Month) -> None:
    """To somebody of the other organization, who may have left by then, or is a bot, or is nobody."""
    sender, dice = month.giver(), month.dice
    other = next(org for org in month.population.orgs if org is not sender.org)
    number = dice.choice([*(person.number for person in other.people), *other.teams])
    gift = gift_of(month, sender, (wallet_of(number),), credits_of(dice))
    month.send(replace(gift, recipient_org=other.number))


def gift_of(month: Month, sender: Person, to: tuple[int, ...], amount: Credits) -> Give:
    prefer, message = month.dice.choice(list(GiftOrder)), month.dice.choice((None, "thanks"))
    return Give(sender.org.number, sender.number, month.fresh_key(), to, amount, message, prefer)


def decide(month: Month) -> None:
    """Somebody who may stops a gift or lets it go, or somebody tries who may not."""
    if (gift := _some_gift(month)) is not None:
        actions = ("cancel", "cancel", "decline", "reject", "settle", "approve")
        month.send(decision(month, gift, month.dice.choice(actions)))


def review(month: Month) -> None:
    """What waits for a reviewer is decided."""
    waiting = [gift for gift in month.books.open_gifts() if gift.state == "in_review"]
    if waiting:
        act = month.dice.choice(("approve", "approve", "reject", "cancel", "decline"))
        month.send(decision(month, month.dice.choice(waiting), act))


def decision(month: Month, gift: Gift, act: str) -> ResolveGift:
    org = month.population.org_of(gift)
    right = {"cancel": owner_of(gift.sender), "decline": owner_of(gift.recipient)}
    actor = right.get(act, org.admin.number)
    if month.dice.random() < 0.15 or kind_of(gift.recipient) is AccountKind.POOL:
        actor = month.dice.choice(org.people).number
    is_admin = actor == org.admin.number
    return ResolveGift(org.number, actor, TransferKind(f"gift_{act}"), gift.number, is_admin=is_admin, reason="so")


def _some_gift(month: Month) -> Gift | None:
    """Mostly one that is open."""
    gifts = month.books.open_gifts() if month.dice.random() < 0.85 else list(month.books.gifts.values())
    return month.dice.choice(gifts) if gifts else None
