"""Requests for credits: pledges hold nothing, and come true together or not at all."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.requests import RequestState
from core.services import balances, freezes, gifts, members, organisations, requests, settlement
from core.services.requests import RequestView
from core.services.verify import verify
from tests.support.house import House, Person, furnish, open_house_ledger, person

HOUR = timedelta(hours=1)


@pytest.fixture
async def house(database_url: str) -> Any:
    with open_house_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _ask(house: House, asker: Person, amount: str = "300", *to: Person, key: str = "ask") -> RequestView:
    answer = await requests.ask(
        house.ledger,
        actor=asker.actor,
        key=key,
        amount=Credits.parse(amount),
        reason="a release on Friday",
        to=[each.id for each in to],
    )
    return answer.item


async def _pledge(house: House, who: Person, request: RequestView, amount: str, *, key: str = "pledge") -> RequestView:
    given = Credits.parse(amount)
    return (await requests.pledge(house.ledger, actor=who.actor, key=key, request_id=request.id, amount=given)).item


async def _said(house: House, who: Person) -> list[str]:
    return [each.text for each in (await balances.status(house.ledger, actor=who.actor)).notices]


async def _has(house: House, who: Person) -> tuple[str, str, str]:
    """Return what somebody has free, set aside in gifts, and on its way to them."""
    balance = await balances.balance(house.ledger, actor=who.actor)
    return str(balance.available), str(balance.held_gifts), str(balance.incoming)


async def _refused(work: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value


async def test_pledges_of_several_people_fill_a_request_and_become_gifts(house: House) -> None:
    for giver in (house.al, house.ada):
        await house.grant(giver, "1000")
    asked = await _ask(house, house.bo, "300", house.al, house.ada)
    half = await _pledge(house, house.al, asked, "120")
    before = await _has(house, house.al)
    full = await _pledge(house, house.ada, half, "500")

    assert (half.state, str(half.pledged), str(half.missing)) == (RequestState.OPEN, "120", "180")
    assert before == ("1000", "0", "0"), "nothing is held until it is full"
    assert (full.state, str(full.given), str(full.missing)) == (RequestState.FILLED, "300", "0")
    assert [str(each.amount) for each in full.pledges] == ["180", "120"], "more than is missing is cut to that"
    assert await _has(house, house.al) == ("880", "120", "0")
    assert await _has(house, house.bo) == ("0", "0", "300")
    assert (await _said(house, house.al))[1:] == ["Bo asks for 300 cr: a release on Friday."]
    assert await _said(house, house.bo) == [
        "Al pledged 120 cr to your request; 180 cr are missing.",
        "Your request for 300 cr: 300 cr are given to you.",
    ]

    house.clock.advance(25 * HOUR)
    await settlement.settle_due(house.ledger)

    assert await _has(house, house.bo) == ("300", "0", "0")
    assert (await verify(house.ledger)).clean


async def test_the_gift_of_a_pledge_is_its_pledgers_and_can_be_cancelled_by_them(house: House) -> None:
    await house.grant(house.al, "1000")
    filled = await _pledge(house, house.al, await _ask(house, house.bo), "300")
    [part] = filled.pledges
    assert part.gift_id is not None
    cancelled = await gifts.cancel(house.ledger, actor=house.al.actor, gift_id=part.gift_id)

    assert cancelled.item.state.value == "cancelled"
    assert await _has(house, house.al) == ("1000", "0", "0")


async def test_by_default_the_leads_are_asked_and_else_the_admins(house: House) -> None:
    of_bo = await _ask(house, house.bo)
    of_al = await _ask(house, house.al)

    assert [each.by.name for each in of_bo.pledges] == ["Al"]
    assert [each.by.name for each in of_al.pledges] == ["Ada"], "a lead never asks themselves"
    assert (await _refused(_ask(house, house.ada))).code is Code.INVALID_REQUEST


async def test_the_asker_takes_what_is_pledged_so_far(house: House) -> None:
    await house.grant(house.al, "1000")
    asked = await _ask(house, house.bo, "300")
    early = await _refused(requests.accept(house.ledger, actor=house.bo.actor, key="a", request_id=asked.id))
    await _pledge(house, house.al, asked, "100")
    others = await _refused(requests.accept(house.ledger, actor=house.al.actor, key="a", request_id=asked.id))
    taken = await requests.accept(house.ledger, actor=house.bo.actor, key="a", request_id=asked.id)
    again = await requests.accept(house.ledger, actor=house.bo.actor, key="a", request_id=asked.id)
    late = await _refused(_pledge(house, house.al, asked, "5", key="late"))

    assert (early.code, others.code, late.code) == (Code.NOTHING_PLEDGED, Code.NOT_ALLOWED, Code.REQUEST_NOT_OPEN)
    assert (taken.item.state, str(taken.item.given), taken.replayed) == (RequestState.ACCEPTED, "100", False)
    assert (again.item, again.replayed) == (taken.item, True)
    assert late.fields["state"] == "accepted"
    assert await _has(house, house.bo) == ("0", "0", "100")


async def test_a_pledge_that_no_longer_works_is_dropped_and_the_request_stays_open(house: House) -> None:
    """Policy, freeze and funds are tested when it is filled, for all pledges before any gift is made."""
    for giver in (house.al, house.ada):
        await house.grant(giver, "300")
    asked = await _ask(house, house.bo, "300", house.al, house.ada)
    await _pledge(house, house.al, asked, "200")
    await gifts.give(
        house.ledger,
        actor=house.al.actor,
        key="elsewhere",
        to=[gifts.Recipient(member=house.ada.id)],
        amount=Credits.of(150),
    )
    left = await _pledge(house, house.ada, asked, "100")
    filled = await _pledge(house, house.al, asked, "150", key="less")
    taken = await requests.accept(house.ledger, actor=house.bo.actor, key="a", request_id=asked.id)

    assert (left.state, str(left.pledged), str(left.missing)) == (RequestState.OPEN, "100", "200")
    assert filled.state is RequestState.OPEN
    assert str(taken.item.given) == "250"
    assert any("was dropped: That is more than you can give" in said for said in await _said(house, house.al))
    assert "The pledge of 200 cr by Al to your request no longer stands." in await _said(house, house.bo)
    assert (await verify(house.ledger)).clean


async def test_a_frozen_pledger_is_dropped_when_the_asker_accepts(house: House) -> None:
    await house.grant(house.al, "300")
    asked = await _ask(house, house.bo, "300")
    await _pledge(house, house.al, asked, "100")
    await freezes.freeze(house.ledger, actor=house.ada.actor, member_id=house.al.id, reason=None)
    left = await requests.accept(house.ledger, actor=house.bo.actor, key="a", request_id=asked.id)

    assert (left.item.state, str(left.item.pledged)) == (RequestState.OPEN, "0")
    assert await _has(house, house.bo) == ("0", "0", "0")


async def test_a_promise_that_could_not_be_kept_now_is_refused(house: House) -> None:
    """G7: as a gift of it would be."""
    asked = await _ask(house, house.bo, "900")
    poor = await _refused(_pledge(house, house.al, asked, "100"))
    await house.grant(house.al, "1000")
    large = await _refused(_pledge(house, house.al, asked, "501"))
    own = await _refused(_pledge(house, house.bo, asked, "1"))
    await members.update_member(house.ledger, actor=house.ada.actor, member_id=house.al.id, verified=False)
    unverified = await _refused(_pledge(house, house.al, asked, "5"))

    assert [poor.code, large.code] == [Code.INSUFFICIENT_GIFTABLE, Code.POLICY_REFUSED]
    assert [own.code, unverified.code] == [Code.SELF_GIFT, Code.NOT_VERIFIED]


async def test_a_pledge_is_changed_by_the_next_and_taken_back(house: House) -> None:
    await house.grant(house.al, "1000")
    asked = await _ask(house, house.bo, "300")
    await _pledge(house, house.al, asked, "100")
    changed = await _pledge(house, house.al, asked, "50", key="less")
    back = await requests.unpledge(house.ledger, actor=house.al.actor, key="u", request_id=asked.id)
    twice = await _refused(requests.unpledge(house.ledger, actor=house.al.actor, key="u2", request_id=asked.id))

    assert (str(changed.pledged), str(back.item.pledged)) == ("50", "0")
    assert twice.code is Code.NOTHING_PLEDGED


async def test_people_who_pledge_at_one_instant_fill_it_exactly(house: House) -> None:
    """What is locked together is decided together: the last place is nobody's twice."""
    givers = [await person(house, f"Giver {number}") for number in range(8)]
    for giver in givers:
        await house.grant(giver, "100")
    asked = await _ask(house, house.bo, "500", *givers)
    pledges = (_pledge(house, giver, asked, "100") for giver in givers)
    outcomes = await asyncio.gather(*pledges, return_exceptions=True)
    done = await requests.request(house.ledger, actor=house.bo.actor, request_id=asked.id)
    late = [each for each in outcomes if isinstance(each, Refused)]

    assert (done.state, str(done.given)) == (RequestState.FILLED, "500")
    assert [each.code for each in late] == [Code.REQUEST_NOT_OPEN] * 3
    assert sum(each.gift_id is not None for each in done.pledges) == 5
    assert await _has(house, house.bo) == ("0", "0", "500")
    assert (await verify(house.ledger)).clean


async def test_it_is_declined_once_everybody_who_was_asked_has_said_no(house: House) -> None:
    asked = await _ask(house, house.bo, "300", house.al, house.ada)
    one = await requests.decline(house.ledger, actor=house.al.actor, key="d", request_id=asked.id, reason="I have none")
    both = await requests.decline(house.ledger, actor=house.ada.actor, key="d", request_id=asked.id)

    assert (one.item.state, both.item.state) == (RequestState.OPEN, RequestState.DECLINED)
    assert await _said(house, house.bo) == [
        "Al cannot help with your request for 300 cr: I have none.",
        "Ada cannot help with your request for 300 cr; nobody else was asked.",
    ]


async def test_a_withdrawn_request_frees_its_pledges(house: House) -> None:
    await house.grant(house.al, "1000")
    asked = await _ask(house, house.bo, "300")
    await _pledge(house, house.al, asked, "100")
    withdrawn = await requests.withdraw(house.ledger, actor=house.bo.actor, request_id=asked.id)
    again = await requests.withdraw(house.ledger, actor=house.bo.actor, request_id=asked.id)

    assert (withdrawn.item.state, str(withdrawn.item.pledged)) == (RequestState.WITHDRAWN, "0")
    assert again.replayed
    assert await _has(house, house.al) == ("1000", "0", "0")


async def test_a_request_lapses_at_its_instant_whether_or_not_the_sweep_has_run(house: House) -> None:
    await house.grant(house.al, "1000")
    asked = await _ask(house, house.bo, "300")
    house.clock.advance(72 * HOUR - timedelta(microseconds=1))
    early = await requests.lapse_due(house.ledger)
    still = await _pledge(house, house.al, asked, "100")
    house.clock.advance(timedelta(microseconds=1))
    late = await _refused(_pledge(house, house.al, asked, "300", key="late"))
    seen = await requests.request(house.ledger, actor=house.bo.actor, request_id=asked.id)
    swept = await asyncio.gather(requests.lapse_due(house.ledger), requests.lapse_due(house.ledger))
    closed = await requests.request(house.ledger, actor=house.bo.actor, request_id=asked.id)

    assert (early.done, still.state) == (0, RequestState.OPEN)
    assert (late.code, late.fields["state"]) == (Code.REQUEST_NOT_OPEN, "lapsed")
    assert (seen.state, seen.closed_at) == (RequestState.LAPSED, None)
    assert (sum(each.done for each in swept), sum(each.left for each in swept)) == (1, 0)
    assert closed.closed_at == house.clock()
    assert (await verify(house.ledger)).clean


async def test_a_lead_fills_it_out_of_the_pool_at_once(house: House) -> None:
    await house.grant(house.al, "1000")
    asked = await _ask(house, house.bo, "300")
    await _pledge(house, house.al, asked, "100")
    empty = await _refused(_fill(house, house.al, asked))
    await house.fund(house.team, "400")
    own = await _refused(_fill(house, house.bo, asked))
    filled = await _fill(house, house.al, asked)

    assert (empty.code, own.code) == (Code.INSUFFICIENT_GIFTABLE, Code.NOT_ALLOWED)
    assert (filled.state, str(filled.given), str(filled.pledged)) == (RequestState.FILLED, "300", "0")
    assert await _has(house, house.bo) == ("300", "0", "0")
    assert await _has(house, house.al) == ("1000", "0", "0")
    assert (await verify(house.ledger)).clean


async def _fill(house: House, who: Person, request: RequestView) -> RequestView:
    answer = await requests.fill(house.ledger, actor=who.actor, key="f", request_id=request.id, pool=house.team)
    return answer.item


async def test_a_request_is_nobody_elses_business(house: House) -> None:
    asked = await _ask(house, house.bo, "300", house.ada)
    other = await person(house, "Cy")
    stranger = await _refused(requests.request(house.ledger, actor=house.stranger.actor, request_id=asked.id))
    colleague = await _refused(requests.request(house.ledger, actor=other.actor, request_id=asked.id))
    pledged = await _refused(_pledge(house, other, asked, "1"))

    assert [stranger.code, colleague.code, pledged.code] == [Code.NOT_FOUND] * 3
    assert (await requests.request(house.ledger, actor=house.al.actor, request_id=asked.id)).id == asked.id


async def test_a_key_is_one_request_also_when_the_leads_have_changed(house: House) -> None:
    """L6: whom the house chose is no content."""
    first = await _ask(house, house.bo)
    await organisations.add_to_team(
        house.ledger, actor=house.ada.actor, team_id=house.team, member_id=house.ada.id, is_lead=True
    )
    again = await _ask(house, house.bo)
    other = await _refused(_ask(house, house.bo, "301"))

    assert again == first
    assert other.code is Code.IDEMPOTENCY_CONFLICT


async def test_one_person_has_few_open_requests_at_once(house: House) -> None:
    for number in range(5):
        await _ask(house, house.bo, key=f"ask {number}")
    sixth = await _refused(_ask(house, house.bo, key="ask 6"))

    assert (sixth.code, sixth.fields["rule"]) == (Code.POLICY_REFUSED, "open_requests")


async def test_who_is_frozen_or_no_person_neither_asks_nor_is_asked(house: House) -> None:
    robot = await members.add_member(house.ledger, actor=house.ada.actor, name="Build", kind="service")
    of_robot = requests.ask(house.ledger, actor=house.bo.actor, key="r", amount=Credits.of(5), to=[robot.id])
    refusals = [
        await _refused(of_robot),
        await _refused(_ask(house, house.bo, "5", house.bo)),
        await _refused(_ask(house, house.bo, "5", house.stranger)),
    ]
    await freezes.freeze(house.ledger, actor=house.ada.actor, member_id=house.bo.id, reason=None)
    refusals.append(await _refused(_ask(house, house.bo)))

    assert [each.code for each in refusals] == [
        Code.RECIPIENT_IS_BOT,
        Code.SELF_GIFT,
        Code.UNKNOWN_MEMBER,
        Code.ACCOUNT_FROZEN,
    ]


async def test_the_list_holds_ones_own_and_those_for_one_newest_first_page_by_page(house: House) -> None:
    made = []
    for number in range(3):
        made.append((await _ask(house, house.bo, key=f"ask {number}")).id)
        house.clock.advance(HOUR)
    await requests.withdraw(house.ledger, actor=house.bo.actor, request_id=made[1])
    mine = await requests.list_requests(house.ledger, actor=house.bo.actor, limit=2)
    rest = await requests.list_requests(house.ledger, actor=house.bo.actor, limit=2, cursor=mine.next_cursor)
    for_al = await requests.list_requests(house.ledger, actor=house.al.actor, is_open=True)

    assert [each.id for each in (*mine.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None
    assert [each.id for each in for_al.items] == [made[2], made[0]]
    assert (await requests.list_requests(house.ledger, actor=house.stranger.actor)).items == ()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_people_do_at_once_each_request_gets_what_its_gifts_say(house: House, seed: int) -> None:
    """Random acts of many at one instant: no more than asked is given, and all of it by recorded gifts."""
    chance = random.Random(seed)
    people = [house.al, house.ada, *[await person(house, f"Giver {number}") for number in range(4)]]
    for giver in people:
        await house.grant(giver, "150")
    asked = [(await _ask(house, house.bo, "200", *people, key=f"ask {number}")).id for number in range(3)]
    outcomes = await asyncio.gather(
        *(_some_act(house, chance, people, asked, number) for number in range(60)), return_exceptions=True
    )
    done = [await requests.request(house.ledger, actor=house.bo.actor, request_id=each) for each in asked]

    unexpected = [each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, Refused)]
    assert not unexpected, f"seed {seed}"
    for request in done:
        given = sum(each.amount.micros for each in request.pledges if each.gift_id is not None)
        assert given == request.given.micros <= request.amount.micros
        assert request.pledged <= request.amount
        assert bool(given) == (request.state in {RequestState.FILLED, RequestState.ACCEPTED})
    incoming = sum(request.given.micros for request in done)
    assert (await balances.balance(house.ledger, actor=house.bo.actor)).incoming.micros == incoming
    assert (await verify(house.ledger)).clean


async def _some_act(house: House, chance: random.Random, people: list[Person], asked: list[str], number: int) -> object:
    who, request_id, key = chance.choice(people), chance.choice(asked), f"act {number}"
    match chance.choice(["pledge"] * 6 + ["unpledge", "decline", "accept", "withdraw"]):
        case "pledge":
            amount = Credits.of(chance.choice([10, 40, 80, 150]))
            return await requests.pledge(house.ledger, actor=who.actor, key=key, request_id=request_id, amount=amount)
        case "unpledge":
            return await requests.unpledge(house.ledger, actor=who.actor, key=key, request_id=request_id)
        case "decline":
            return await requests.decline(house.ledger, actor=who.actor, key=key, request_id=request_id)
        case "accept":
            return await requests.accept(house.ledger, actor=house.bo.actor, key=key, request_id=request_id)
        case _:
            return await requests.withdraw(house.ledger, actor=house.bo.actor, request_id=request_id)
