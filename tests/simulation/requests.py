"""Requests for credits: somebody asks, others pledge, decline or fill; it is taken back, or lapses."""

from __future__ import annotations

from datetime import timedelta

from core.ledger.commands import Command
from core.ledger.credits import Credits
from core.services.sharing.fulfillment_commands import AcceptPledges, FillFromPool
from core.services.sharing.pledge_commands import DeclineRequest, PledgeCredits, Unpledge
from core.services.sharing.request_commands import RequestCredits, WithdrawRequest
from core.store.timestamps import to_micros
from tests.simulation.books import Request
from tests.simulation.month import Month
from tests.simulation.population import Org, Person, credits_of

LASTS = tuple(timedelta(hours=hours) for hours in (1, 100, 500, 700))


def ask(month: Month) -> None:
    """Of one to three colleagues, among whom may be oneself or a bot; now and then more often than is allowed."""
    asker, dice = month.anybody(), month.dice
    asked = tuple(each.number for each in dice.sample(asker.org.people, dice.choice((1, 2, 3))))
    if dice.random() < 0.8:
        asked = tuple(each for each in asked if each != asker.number) or (asker.org.admin.number,)
    for _ in range(dice.choice((1, 1, 1, 6))):
        facts = (asker.org.number, asker.number, month.fresh_key(), asked, credits_of(dice), None)
        month.send(RequestCredits(*facts, lasts=dice.choice(LASTS)))


def pledge(month: Month) -> None:
    """A part, all, or more than that; several at once, who together are too many."""
    if (request := _some_request(month)) is None:
        return
    dice, server = month.dice, month.server()
    for _ in range(dice.choice((1, 1, 2, 3))):
        pledger = _concerned(month, request)
        size = dice.choice((1, request.amount // 3 + 1, request.amount // 2 + 1, request.amount, request.amount * 2))
        amount, is_admin = Credits(size), pledger is pledger.org.admin
        facts = (request.org, pledger.number, month.fresh_key(), request.number, amount)
        month.send(PledgeCredits(*facts, is_admin=is_admin), server)


def answer(month: Month) -> None:
    """The asker takes what there is or no longer needs it, somebody takes a pledge back or says no."""
    if (request := _some_request(month)) is None:
        return
    dice, other = month.dice, _concerned(month, request).number
    asker = request.asker if dice.random() < 0.9 else other
    pledger, key = dice.choice([*request.pledgers, other]), month.fresh_key()
    of_pledges: list[Command] = [
        AcceptPledges(request.org, asker, key, request.number),
        Unpledge(request.org, pledger, key, request.number),
    ]
    others: list[Command] = [
        WithdrawRequest(request.org, asker, request.number),
        DeclineRequest(request.org, other, key, request.number, None),
    ]
    month.send(dice.choice(of_pledges * (len(request.pledgers) + 1) + others))


def fill(month: Month) -> None:
    """A lead or an admin pays all of it out of a pool, mostly the fullest; it may hold less."""
    if (request := _some_request(month)) is None:
        return
    org, dice = _org_of(month, request), month.dice
    actor = org.admin if dice.random() < 0.7 else dice.choice(org.people)
    pool, is_admin = dice.choice(org.pools), actor is org.admin
    if dice.random() < 0.7:
        pool = max(org.pools, key=lambda each: month.books.amount_in((org.number, each)))
    facts = (request.org, actor.number, month.fresh_key(), request.number, pool)
    month.send(FillFromPool(*facts, is_admin=is_admin))


def _some_request(month: Month) -> Request | None:
    """Return mostly one that is open and in time, and of these one with pledges, if there is any."""
    requests, now = list(month.books.requests.values()), to_micros(month.clock())
    if month.dice.random() < 0.9:
        requests = [each for each in requests if each.state == "open" and each.lapses_at > now]
        if month.dice.random() < 0.5:
            requests = [each for each in requests if each.pledgers] or requests
    return month.dice.choice(requests) if requests else None


def _concerned(month: Month, request: Request) -> Person:
    """Return mostly somebody who was asked, else anybody of the organization."""
    people = _org_of(month, request).people
    asked = [each for each in people if each.number in request.asked]
    return month.dice.choice(asked if asked and month.dice.random() < 0.8 else people)


def _org_of(month: Month, request: Request) -> Org:
    return next(org for org in month.population.orgs if org.number == request.org)
