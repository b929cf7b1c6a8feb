"""Credits come in and are used up: grants, allotments, allocations, charges, and lots of almost nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.ledger.accounts import pool_of
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import GIFTABLE_BY_DEFAULT, GiftOrder, Source
from core.services.gifts.gift_commands import Give
from core.services.grants.grant_commands import Allocate, Grant
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize
from tests.simulation.descriptions import describe
from tests.simulation.gifts import gift_of
from tests.simulation.month import Month
from tests.simulation.population import Org, Person, credits_of
from tests.simulation.processes import Process
from tests.simulation.usage import authorization_of, used

HOUR = timedelta(hours=1)
A_YEAR = timedelta(days=365)
CRUMB = 1_000  # the priority that only crumbs have
CRUMBS = 300  # lots of almost nothing: more than a transfer may take
LIFETIMES = (None, None, 1 * HOUR, 24 * HOUR, 49 * HOUR, 73 * HOUR, 240 * HOUR)
SOURCES = (Source.PURCHASE, Source.PURCHASE, Source.ALLOTMENT, Source.ALLOTMENT, Source.PROMO, Source.REFERRAL)


def begin(month: Month) -> None:
    """Everybody begins with something that lasts; in some months somebody has too much of too little."""
    if month.seed % 3 == 0:
        crumbs(month)
    for org in month.population.orgs:
        for person in org.people:
            gift = grant_to(month, org, person.wallet, Credits.of(600), lasts=True)
            month.send(replace(gift, source=Source.PURCHASE, giftable=True))


def grant(month: Month) -> None:
    """To a wallet or pool; now and then with an expiry that has passed, or to somebody who owes."""
    dice = month.dice
    org = dice.choice(month.population.orgs)
    holders = [*org.pools, *(person.wallet for person in org.people)]
    debtors = [
        debt.debtor for debt in month.books.debts.values() if debt.org == org.number and debt.repaid < debt.amount
    ]
    account = dice.choice(debtors) if debtors and dice.random() < 0.6 else dice.choice(holders)
    first = grant_to(month, org, account, Credits.of(dice.choice((1, 20, 60, 100, 150, 300))))
    server = month.server()
    month.send(first, server)
    if account in debtors:  # a present beside it repays nothing, also in one batch
        month.send(replace(first, key=month.fresh_key(), source=Source.PROMO, giftable=False), server)


def grant_to(month: Month, org: Org, account: int, amount: Credits, *, lasts: bool = False) -> Grant:
    dice, source = month.dice, month.dice.choice(SOURCES)
    lifetime = None if lasts else dice.choice(LIFETIMES)
    if not lasts and dice.random() < 0.03:
        lifetime = timedelta(0)
    expires_at = None if lifetime is None else month.clock() + lifetime
    giftable = source in GIFTABLE_BY_DEFAULT
    priority = dice.choice((100, 100, 50))
    key, admin = month.fresh_key(), org.admin.number
    return Grant(org.number, admin, key, account, amount, source, expires_at, giftable, priority, reason=None)


def allotments(month: Month) -> None:
    """Everybody of an organization gets something at once."""
    org = month.dice.choice(month.population.orgs)
    for person in org.people[:10]:
        month.send(grant_to(month, org, person.wallet, Credits.of(month.dice.choice((50, 100, 200)))))


def crumbs(month: Month) -> None:
    """Somebody gets more lots than one transfer may take, in their wallet and in the pool they draw on."""
    person = month.dice.choice([each for each in month.population.grown if each.verified])
    wallet = replace(
        grant_to(month, person.org, person.wallet, Credits(1)),
        source=Source.PURCHASE,
        giftable=True,
        priority=CRUMB,
        expires_at=month.clock() + A_YEAR,  # so that gifts take them first, and charges last
    )
    pool = replace(wallet, account=pool_of(person.team), amount=Credits(3))
    several = [wallet] * month.dice.choice((100, CRUMBS, CRUMBS)) + [pool] * CRUMBS
    month.deliver_in_portions([replace(each, key=month.fresh_key()) for each in several])
    month.fragmented = person


def use_crumbs(month: Month) -> None:
    """L7: what needs too many lots is refused with the largest amount, which then works."""
    person = month.fragmented
    if person is None or month.busy_delivering:
        charge(month)
        return
    mine, ours = (month.books.held[person.org.number, account] for account in (person.wallet, pool_of(person.team)))
    own, shared = (Credits(sum(n for lot, n in held.items() if is_crumb(month, lot))) for held in (mine, ours))
    others = [each.wallet for each in person.org.people if each is not person and each.kind == "person"]
    command: Give | Authorize = authorization_of(month, person, month.usable(person) + shared)
    if own and month.dice.random() < 0.6:
        gift = gift_of(month, person, (month.dice.choice(others),), own)
        command = replace(gift, prefer=GiftOrder.SOONEST)
    server = month.server()
    month.say(f"to {server.number}: too many lots, perhaps: {describe(command)}")
    month.ask(_the_largest(month, server, command))


def is_crumb(month: Month, lot: int) -> bool:
    return month.books.lots[lot].priority == CRUMB


async def _the_largest(month: Month, server: Process, command: Give | Authorize) -> None:
    """Try the command, and if it is too much, one more than the amount that the refusal names, and that amount.

    What comes of that proves something only when nothing else has happened since.
    """
    before = (month.books.transfers, month.clock.now)
    refused = await _refusal(server, command)
    if refused is None or refused.code is not Code.TOO_MANY_LOTS:
        return
    largest = Credits.parse(str(refused.fields["largest"]))
    for amount, fits in ((largest + Credits(1), False), (largest, True)):
        refused = await _refusal(server, _of_amount(command, amount, month.fresh_key()))
        done = refused is None
        alone = (month.books.transfers - done, month.clock.now) == before
        if alone and (refused is None or refused.code is Code.TOO_MANY_LOTS):
            assert done is fits, f"{largest} was named as the largest amount, but {amount} is {refused or 'done'}"
            month.tally["the largest", "works" if fits else "and one more does not"] += 1


def _of_amount(command: Give | Authorize, amount: Credits, key: str) -> Give | Authorize:
    if isinstance(command, Give):
        return replace(command, amount=amount, key=key)
    return replace(command, rating=replace(command.rating, amount=amount), key=key)


async def _refusal(server: Process, command: Give | Authorize) -> Refused | None:
    try:
        await server.execute(command)
    except Refused as refused:
        return refused
    return None


def allocate(month: Month) -> None:
    """By the lead of a team, by an admin, or by somebody who may not."""
    person, receiver, dice = month.anybody(), month.anybody(), month.dice
    if dice.random() < 0.8:
        leads = [each for each in person.org.people if each.leads]
        person, receiver = dice.choice(leads), dice.choice(person.org.people)
    pool = pool_of(person.team) if dice.random() < 0.97 else pool_of(month.population.orgs[0].admin.number)
    amount, held = credits_of(dice), Credits(month.books.amount_in((person.org.number, pool)))
    if held and dice.random() < 0.7:
        amount = min(amount, held)
    is_admin = person is person.org.admin
    key, org = month.fresh_key(), person.org.number
    command = Allocate(org, person.number, key, pool, receiver.wallet, amount, reason=None, is_admin=is_admin)
    month.send(command)


def charge(month: Month) -> None:
    """Usage is reported; some is free, some costs more than there is, the newest model costs more than may move."""
    person, dice = month.anybody(), month.dice
    amount = dice.choice((Credits(0), Credits(7), credits_of(dice), credits_of(dice), Credits.of(2_000_000_000)))
    held = month.books.amount_in((person.org.number, person.wallet))
    if dice.random() < 0.7 and amount > Credits(held):
        amount = Credits(held)
    month.send(charge_of(month, person, amount))


def charge_of(month: Month, person: Person, amount: Credits) -> Charge:
    event = month.fresh_key()
    return Charge(person.org.number, person.number, "gateway", event, person.name, *used(month, amount))
