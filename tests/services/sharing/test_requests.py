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
from core.services.common import recipients
from core.services.gifts import gifts, settlement
from core.services.people import freezes, members, organizations
from core.services.sharing import requests
from core.services.sharing.requests import RequestView
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger, person

HOUR = timedelta(hours=1)


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _ask(org: SampleOrg, asker: Person, amount: str = "300", *to: Person, key: str = "ask") -> RequestView:
    answer = await requests.ask(
        org.ledger,
        actor=asker.actor,
        key=key,
        amount=Credits.parse(amount),
        reason="a release on Friday",
        to=[each.id for each in to],
    )
    return answer.item


async def _pledge(
    org: SampleOrg, who: Person, request: RequestView, amount: str, *, key: str = "pledge"
) -> RequestView:
    given = Credits.parse(amount)
    return (await requests.pledge(org.ledger, actor=who.actor, key=key, request_id=request.id, amount=given)).item


async def _said(org: SampleOrg, who: Person) -> list[str]:
    return [each.text for each in (await balances.status(org.ledger, actor=who.actor)).notices]


async def _has(org: SampleOrg, who: Person) -> tuple[str, str, str]:
    """Return what somebody has free, set aside in gifts, and on its way to them."""
    balance = await balances.balance(org.ledger, actor=who.actor)
    return str(balance.available), str(balance.held_gifts), str(balance.incoming)


async def _refused(work: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value


async def test_pledges_of_several_people_fill_a_request_and_become_gifts(org: SampleOrg) -> None:
    for giver in (org.al, org.ada):
        await org.grant(giver, "1000")
    asked = await _ask(org, org.bo, "300", org.al, org.ada)
    half = await _pledge(org, org.al, asked, "120")
    before = await _has(org, org.al)
    full = await _pledge(org, org.ada, half, "500")

    assert (half.state, str(half.pledged), str(half.missing)) == (RequestState.OPEN, "120", "180")
    assert before == ("1000", "0", "0"), "nothing is held until it is full"
    assert (full.state, str(full.given), str(full.missing)) == (RequestState.FILLED, "300", "0")
    assert [str(each.amount) for each in full.pledges] == ["180", "120"], "more than is missing is cut to that"
    assert await _has(org, org.al) == ("880", "120", "0")
    assert await _has(org, org.bo) == ("0", "0", "300")
    assert (await _said(org, org.al))[1:] == ["Bo asks for 300 cr: a release on Friday."]
    assert await _said(org, org.bo) == [
        "Al pledged 120 cr to your request; 180 cr still needed.",
        "Your request for 300 cr: you're getting 300 cr.",
    ]

    org.clock.advance(25 * HOUR)
    await settlement.settle_due(org.ledger)

    assert await _has(org, org.bo) == ("300", "0", "0")
    assert (await verify(org.ledger)).clean


async def test_the_gift_of_a_pledge_is_its_pledgers_and_can_be_cancelled_by_them(org: SampleOrg) -> None:
    await org.grant(org.al, "1000")
    filled = await _pledge(org, org.al, await _ask(org, org.bo), "300")
    [part] = filled.pledges
    assert part.gift_id is not None
    cancelled = await gifts.cancel(org.ledger, actor=org.al.actor, gift_id=part.gift_id)

    assert cancelled.item.state.value == "cancelled"
    assert await _has(org, org.al) == ("1000", "0", "0")


async def test_by_default_the_leads_are_asked_and_else_the_admins(org: SampleOrg) -> None:
    of_bo = await _ask(org, org.bo)
    of_al = await _ask(org, org.al)

    assert [each.by.name for each in of_bo.pledges] == ["Al"]
    assert [each.by.name for each in of_al.pledges] == ["Ada"], "a lead never asks themselves"
    assert (await _refused(_ask(org, org.ada))).code is Code.INVALID_REQUEST


async def test_the_asker_takes_what_is_pledged_so_far(org: SampleOrg) -> None:
    await org.grant(org.al, "1000")
    asked = await _ask(org, org.bo, "300")
    early = await _refused(requests.accept(org.ledger, actor=org.bo.actor, key="a", request_id=asked.id))
    await _pledge(org, org.al, asked, "100")
    others = await _refused(requests.accept(org.ledger, actor=org.al.actor, key="a", request_id=asked.id))
    taken = await requests.accept(org.ledger, actor=org.bo.actor, key="a", request_id=asked.id)
    again = await requests.accept(org.ledger, actor=org.bo.actor, key="a", request_id=asked.id)
    late = await _refused(_pledge(org, org.al, asked, "5", key="late"))

    assert (early.code, others.code, late.code) == (Code.NOTHING_PLEDGED, Code.NOT_ALLOWED, Code.REQUEST_NOT_OPEN)
    assert (taken.item.state, str(taken.item.given), taken.replayed) == (RequestState.ACCEPTED, "100", False)
    assert (again.item, again.replayed) == (taken.item, True)
    assert late.fields["state"] == "accepted"
    assert await _has(org, org.bo) == ("0", "0", "100")


async def test_a_pledge_that_no_longer_works_is_dropped_and_the_request_stays_open(org: SampleOrg) -> None:
    """Policy, freeze and funds are tested when it is filled, for all pledges before any gift is made."""
    for giver in (org.al, org.ada):
        await org.grant(giver, "300")
    asked = await _ask(org, org.bo, "300", org.al, org.ada)
    await _pledge(org, org.al, asked, "200")
    await gifts.give(
        org.ledger,
        actor=org.al.actor,
        key="elsewhere",
        to=[recipients.Recipient(member=org.ada.id)],
        amount=Credits.of(150),
    )
    left = await _pledge(org, org.ada, asked, "100")
    filled = await _pledge(org, org.al, asked, "150", key="less")
    taken = await requests.accept(org.ledger, actor=org.bo.actor, key="a", request_id=asked.id)

    assert (left.state, str(left.pledged), str(left.missing)) == (RequestState.OPEN, "100", "200")
    assert filled.state is RequestState.OPEN
    assert str(taken.item.given) == "250"
    assert any("was dropped: You can give at most" in said for said in await _said(org, org.al))
    assert "Al withdrew a pledge of 200 cr to your request." in await _said(org, org.bo)
    assert (await verify(org.ledger)).clean


async def test_a_frozen_pledger_is_dropped_when_the_asker_accepts(org: SampleOrg) -> None:
    await org.grant(org.al, "300")
    asked = await _ask(org, org.bo, "300")
    await _pledge(org, org.al, asked, "100")
    await freezes.freeze(org.ledger, actor=org.ada.actor, member_id=org.al.id, reason=None)
    left = await requests.accept(org.ledger, actor=org.bo.actor, key="a", request_id=asked.id)

    assert (left.item.state, str(left.item.pledged)) == (RequestState.OPEN, "0")
    assert await _has(org, org.bo) == ("0", "0", "0")


async def test_a_promise_that_could_not_be_kept_now_is_refused(org: SampleOrg) -> None:
    """G7: as a gift of it would be."""
    asked = await _ask(org, org.bo, "900")
    poor = await _refused(_pledge(org, org.al, asked, "100"))
    await org.grant(org.al, "1000")
    large = await _refused(_pledge(org, org.al, asked, "501"))
    own = await _refused(_pledge(org, org.bo, asked, "1"))
    await members.update_member(org.ledger, actor=org.ada.actor, member_id=org.al.id, verified=False)
    unverified = await _refused(_pledge(org, org.al, asked, "5"))

    assert [poor.code, large.code] == [Code.INSUFFICIENT_GIFTABLE, Code.POLICY_REFUSED]
    assert [own.code, unverified.code] == [Code.SELF_GIFT, Code.NOT_VERIFIED]


async def test_a_pledge_is_changed_by_the_next_and_taken_back(org: SampleOrg) -> None:
    await org.grant(org.al, "1000")
    asked = await _ask(org, org.bo, "300")
    await _pledge(org, org.al, asked, "100")
    changed = await _pledge(org, org.al, asked, "50", key="less")
    back = await requests.unpledge(org.ledger, actor=org.al.actor, key="u", request_id=asked.id)
    twice = await _refused(requests.unpledge(org.ledger, actor=org.al.actor, key="u2", request_id=asked.id))

    assert (str(changed.pledged), str(back.item.pledged)) == ("50", "0")
    assert twice.code is Code.NOTHING_PLEDGED


async def test_people_who_pledge_at_one_instant_fill_it_exactly(org: SampleOrg) -> None:
    """What is locked together is decided together: the last place is nobody's twice."""
    givers = [await person(org, f"Giver {number}") for number in range(8)]
    for giver in givers:
        await org.grant(giver, "100")
    asked = await _ask(org, org.bo, "500", *givers)
    pledges = (_pledge(org, giver, asked, "100") for giver in givers)
    outcomes = await asyncio.gather(*pledges, return_exceptions=True)
    done = await requests.request(org.ledger, actor=org.bo.actor, request_id=asked.id)
    late = [each for each in outcomes if isinstance(each, Refused)]

    assert (done.state, str(done.given)) == (RequestState.FILLED, "500")
    assert [each.code for each in late] == [Code.REQUEST_NOT_OPEN] * 3
    assert sum(each.gift_id is not None for each in done.pledges) == 5
    assert await _has(org, org.bo) == ("0", "0", "500")
    assert (await verify(org.ledger)).clean


async def test_it_is_declined_once_everybody_who_was_asked_has_said_no(org: SampleOrg) -> None:
    asked = await _ask(org, org.bo, "300", org.al, org.ada)
    one = await requests.decline(org.ledger, actor=org.al.actor, key="d", request_id=asked.id, reason="I have none")
    both = await requests.decline(org.ledger, actor=org.ada.actor, key="d", request_id=asked.id)

    assert (one.item.state, both.item.state) == (RequestState.OPEN, RequestState.DECLINED)
    assert await _said(org, org.bo) == [
        "Al can't help with your request for 300 cr: I have none.",
        "Ada can't help with your request for 300 cr; nobody else was asked.",
    ]


async def test_a_withdrawn_request_frees_its_pledges(org: SampleOrg) -> None:
    await org.grant(org.al, "1000")
    asked = await _ask(org, org.bo, "300")
    await _pledge(org, org.al, asked, "100")
    withdrawn = await requests.withdraw(org.ledger, actor=org.bo.actor, request_id=asked.id)
    again = await requests.withdraw(org.ledger, actor=org.bo.actor, request_id=asked.id)

    assert (withdrawn.item.state, str(withdrawn.item.pledged)) == (RequestState.WITHDRAWN, "0")
    assert again.replayed
    assert await _has(org, org.al) == ("1000", "0", "0")


async def test_a_request_lapses_at_its_instant_whether_or_not_the_sweep_has_run(org: SampleOrg) -> None:
    await org.grant(org.al, "1000")
    asked = await _ask(org, org.bo, "300")
    org.clock.advance(72 * HOUR - timedelta(microseconds=1))
    early = await requests.expire_due_requests(org.ledger)
    still = await _pledge(org, org.al, asked, "100")
    org.clock.advance(timedelta(microseconds=1))
    late = await _refused(_pledge(org, org.al, asked, "300", key="late"))
    seen = await requests.request(org.ledger, actor=org.bo.actor, request_id=asked.id)
    swept = await asyncio.gather(requests.expire_due_requests(org.ledger), requests.expire_due_requests(org.ledger))
    closed = await requests.request(org.ledger, actor=org.bo.actor, request_id=asked.id)

    assert (early.done, still.state) == (0, RequestState.OPEN)
    assert (late.code, late.fields["state"]) == (Code.REQUEST_NOT_OPEN, "lapsed")
    assert (seen.state, seen.closed_at) == (RequestState.LAPSED, None)
    assert (sum(each.done for each in swept), sum(each.left for each in swept)) == (1, 0)
    assert closed.closed_at == org.clock()
    assert (await verify(org.ledger)).clean


async def test_a_lead_fills_it_out_of_the_pool_at_once(org: SampleOrg) -> None:
    await org.grant(org.al, "1000")
    asked = await _ask(org, org.bo, "300")
    await _pledge(org, org.al, asked, "100")
    empty = await _refused(_fill(org, org.al, asked))
    await org.fund(org.team, "400")
    own = await _refused(_fill(org, org.bo, asked))
    filled = await _fill(org, org.al, asked)

    assert (empty.code, own.code) == (Code.INSUFFICIENT_GIFTABLE, Code.NOT_ALLOWED)
    assert (filled.state, str(filled.given), str(filled.pledged)) == (RequestState.FILLED, "300", "0")
    assert await _has(org, org.bo) == ("300", "0", "0")
    assert await _has(org, org.al) == ("1000", "0", "0")
    assert (await verify(org.ledger)).clean


async def _fill(org: SampleOrg, who: Person, request: RequestView) -> RequestView:
    answer = await requests.fill(org.ledger, actor=who.actor, key="f", request_id=request.id, pool=org.team)
    return answer.item


async def test_a_request_is_nobody_elses_business(org: SampleOrg) -> None:
    asked = await _ask(org, org.bo, "300", org.ada)
    other = await person(org, "Cy")
    stranger = await _refused(requests.request(org.ledger, actor=org.stranger.actor, request_id=asked.id))
    colleague = await _refused(requests.request(org.ledger, actor=other.actor, request_id=asked.id))
    pledged = await _refused(_pledge(org, other, asked, "1"))

    assert [stranger.code, colleague.code, pledged.code] == [Code.NOT_FOUND] * 3
    assert (await requests.request(org.ledger, actor=org.al.actor, request_id=asked.id)).id == asked.id


async def test_a_key_is_one_request_also_when_the_leads_have_changed(org: SampleOrg) -> None:
    """L6: whom the house chose is no content."""
    first = await _ask(org, org.bo)
    await organizations.add_to_team(
        org.ledger, actor=org.ada.actor, team_id=org.team, member_id=org.ada.id, is_lead=True
    )
    again = await _ask(org, org.bo)
    other = await _refused(_ask(org, org.bo, "301"))

    assert again == first
    assert other.code is Code.IDEMPOTENCY_CONFLICT


async def test_one_person_has_few_open_requests_at_once(org: SampleOrg) -> None:
    for number in range(5):
        await _ask(org, org.bo, key=f"ask {number}")
    sixth = await _refused(_ask(org, org.bo, key="ask 6"))

    assert (sixth.code, sixth.fields["rule"]) == (Code.POLICY_REFUSED, "open_requests")


async def test_who_is_frozen_or_no_person_neither_asks_nor_is_asked(org: SampleOrg) -> None:
    robot = await members.add_member(org.ledger, actor=org.ada.actor, name="Build", kind="service")
    of_robot = requests.ask(org.ledger, actor=org.bo.actor, key="r", amount=Credits.of(5), to=[robot.id])
    refusals = [
        await _refused(of_robot),
        await _refused(_ask(org, org.bo, "5", org.bo)),
        await _refused(_ask(org, org.bo, "5", org.stranger)),
    ]
    await freezes.freeze(org.ledger, actor=org.ada.actor, member_id=org.bo.id, reason=None)
    refusals.append(await _refused(_ask(org, org.bo)))

    assert [each.code for each in refusals] == [
        Code.RECIPIENT_IS_BOT,
        Code.SELF_GIFT,
        Code.UNKNOWN_MEMBER,
        Code.ACCOUNT_FROZEN,
    ]


async def test_the_list_holds_ones_own_and_those_for_one_newest_first_page_by_page(org: SampleOrg) -> None:
    made = []
    for number in range(3):
        made.append((await _ask(org, org.bo, key=f"ask {number}")).id)
        org.clock.advance(HOUR)
    await requests.withdraw(org.ledger, actor=org.bo.actor, request_id=made[1])
    mine = await requests.list_requests(org.ledger, actor=org.bo.actor, limit=2)
    rest = await requests.list_requests(org.ledger, actor=org.bo.actor, limit=2, cursor=mine.next_cursor)
    for_al = await requests.list_requests(org.ledger, actor=org.al.actor, is_open=True)

    assert [each.id for each in (*mine.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None
    assert [each.id for each in for_al.items] == [made[2], made[0]]
    assert (await requests.list_requests(org.ledger, actor=org.stranger.actor)).items == ()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_people_do_at_once_each_request_gets_what_its_gifts_say(org: SampleOrg, seed: int) -> None:
    """Random acts of many at one instant: no more than asked is given, and all of it by recorded gifts."""
    chance = random.Random(seed)
    people = [org.al, org.ada, *[await person(org, f"Giver {number}") for number in range(4)]]
    for giver in people:
        await org.grant(giver, "150")
    asked = [(await _ask(org, org.bo, "200", *people, key=f"ask {number}")).id for number in range(3)]
    outcomes = await asyncio.gather(
        *(_some_act(org, chance, people, asked, number) for number in range(60)), return_exceptions=True
    )
    done = [await requests.request(org.ledger, actor=org.bo.actor, request_id=each) for each in asked]

    unexpected = [each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, Refused)]
    assert not unexpected, f"seed {seed}"
    for request in done:
        given = sum(each.amount.micros for each in request.pledges if each.gift_id is not None)
        assert given == request.given.micros <= request.amount.micros
        assert request.pledged <= request.amount
        assert bool(given) == (request.state in {RequestState.FILLED, RequestState.ACCEPTED})
    incoming = sum(request.given.micros for request in done)
    assert (await balances.balance(org.ledger, actor=org.bo.actor)).incoming.micros == incoming
    assert (await verify(org.ledger)).clean


async def _some_act(
    org: SampleOrg, chance: random.Random, people: list[Person], asked: list[str], number: int
) -> object:
    who, request_id, key = chance.choice(people), chance.choice(asked), f"act {number}"
    match chance.choice(["pledge"] * 6 + ["unpledge", "decline", "accept", "withdraw"]):
        case "pledge":
            amount = Credits.of(chance.choice([10, 40, 80, 150]))
            return await requests.pledge(org.ledger, actor=who.actor, key=key, request_id=request_id, amount=amount)
        case "unpledge":
            return await requests.unpledge(org.ledger, actor=who.actor, key=key, request_id=request_id)
        case "decline":
            return await requests.decline(org.ledger, actor=who.actor, key=key, request_id=request_id)
        case "accept":
            return await requests.accept(org.ledger, actor=org.bo.actor, key=key, request_id=request_id)
        case _:
            return await requests.withdraw(org.ledger, actor=org.bo.actor, request_id=request_id)
