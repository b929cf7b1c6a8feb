"""Requests to models: authorized before, captured, released or forgotten after; and allowances that are reset."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.metering.boosts import Factor
from core.metering.usage import Rating, Usage
from core.services.allowances.reset_commands import ResetMember
from core.services.boosts.boost_commands import GrantBoost
from core.services.common.actors import Role
from core.services.grants import refunds
from core.services.usage.hold_commands import Authorize, Capture, Release
from core.store.timestamps import from_micros
from tests.simulation.books import Hold
from tests.simulation.month import Month
from tests.simulation.population import Person, credits_of
from tests.support.builders import an_actor

HOUR = timedelta(hours=1)
LASTS = (HOUR / 60, HOUR, HOUR, 12 * HOUR, 30 * HOUR)


def authorize(month: Month) -> None:
    """One request, or several at once of one person, which together are more than they have."""
    person, dice = month.giver(), month.dice
    amount = dice.choice((Credits(0), credits_of(dice), credits_of(dice), month.usable(person)))
    server = month.server()
    for _ in range(dice.choice((1, 1, 2, 5))):
        month.send(authorization_of(month, person, amount), server)


def authorization_of(month: Month, person: Person, amount: Credits) -> Authorize:
    org, number, lasts = person.org.number, person.number, month.dice.choice(LASTS)
    return Authorize(org, number, month.fresh_key(), number, *used(month, amount), lasts)


def used(month: Month, amount: Credits) -> tuple[Usage, Rating]:
    usage = Usage("some-model", input_tokens=month.dice.randint(1, 10_000))
    return usage, Rating(amount, card="a card", is_fallback=False)


def capture(month: Month) -> None:
    """Less than was authorized, as much, or more; now and then twice, by somebody else, or together with a release."""
    hold = _some_hold(month)
    if hold is None:
        return
    dice, server = month.dice, month.server()
    command = capture_of(month, hold)
    month.send(command, server)
    match dice.randrange(12):
        case 0:
            month.send(command, server)
        case 1:
            month.send(replace(command, usage=used(month, Credits(0))[0]), server)
        case 2:
            month.send(replace(command, actor_id=dice.choice(month.population.grown).number), server)
        case 3:
            month.send(Release(hold.org, hold.member, hold.number, for_anybody=False), server)
        case 4:
            month.send(replace(command, actor_id=_admin_of(month, hold).number, for_anybody=True), server)


def capture_of(month: Month, hold: Hold) -> Capture:
    dice, size = month.dice, hold.amount
    amount = dice.choice((0, size // 3, size // 2, size, size, size + 1, size + 40_000_000))
    return Capture(hold.org, hold.member, hold.number, *used(month, Credits(amount)), for_anybody=False)


def release(month: Month) -> None:
    if (hold := _some_hold(month)) is not None:
        month.send(Release(hold.org, hold.member, hold.number, for_anybody=False))


def at_the_deadline(month: Month) -> None:
    """S2: what can happen to a hold happens at its deadline, or one micro-second before."""
    if not (opened := month.books.open_holds()):
        return
    hold = month.dice.choice(opened)
    month.clock.now = from_micros(hold.deadline_at - month.dice.choice((0, 0, 1)))
    month.say(f"the deadline of {hold}")
    month.tally["clock", "deadline"] += 1
    if month.dice.random() < 0.5:
        month.sweep("freeing")
    month.send(capture_of(month, hold))
    month.sweep("freeing")


def reset(month: Month) -> None:
    """S8: an admin resets somebody's allowance, mostly of somebody who has one."""
    org = month.dice.choice(month.population.orgs)
    members = list(org.limits.plans) if month.dice.random() < 0.9 else [person.number for person in org.people]
    member = month.dice.choice(members)
    month.send(
        ResetMember(
            org.number, org.admin.number, month.fresh_key(), member, is_banked=False, expires_at=None, reason=None
        )
    )


def refund(month: Month) -> None:
    """S9: an admin gives a charge back, all of it or a part; often one that is still owed."""
    dice, books = month.dice, month.books
    owing = [number for number, debt in books.debts.items() if number in books.events and debt.repaid < debt.amount]
    candidates = owing if owing and dice.random() < 0.4 else list(books.events)[-30:]
    if not candidates:
        return
    number, server = dice.choice(candidates), month.server()
    event = books.events[number]
    org = next(each for each in month.population.orgs if each.number == event.org)
    admin = an_actor(org.admin.number, org_id=org.number, role=Role.ADMIN, scopes="read give admin")
    amount = None if dice.random() < 0.5 else Credits(max(event.amount // dice.choice((2, 3)), 1))
    shown, key = shown_id(Prefix.TRANSFER, number), month.fresh_key()
    month.say(f"to {server.number}: refund {amount or 'all'} of {event}")
    month.ask(refunds.refund(server, actor=admin, key=key, transfer_id=shown, reason="It failed.", amount=amount))


def drop_boost(month: Month) -> None:
    """S6: for somebody with a plan, or for everybody; now or soon, and often beside another one."""
    dice = month.dice
    org = dice.choice(month.population.orgs)
    subject = dice.choice((org.number, *org.limits.plans))
    factor, begins = Factor(dice.choice((1_500, 2_000, 10_000))), month.clock() + dice.choice((0, 5)) * HOUR
    lasts = dice.choice((3, 30, 200)) * HOUR
    month.send(
        GrantBoost(
            org.number,
            org.admin.number,
            month.fresh_key(),
            subject,
            is_team=False,
            factor=factor,
            starts_at=begins,
            ends_at=None,
            lasts=lasts,
            reason=None,
            is_admin=True,
        )
    )


def _some_hold(month: Month) -> Hold | None:
    """Return mostly an open hold, now and then any."""
    holds = month.books.open_holds() if month.dice.random() < 0.85 else list(month.books.holds.values())
    return month.dice.choice(holds) if holds else None


def _admin_of(month: Month, hold: Hold) -> Person:
    return next(org.admin for org in month.population.orgs if org.number == hold.org)
