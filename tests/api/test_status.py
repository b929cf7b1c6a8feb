"""The status that editors show, and its notices."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx

from core.ledger.credits import Credits
from core.metering.usage import Usage
from core.services import caps, holds, plans
from tests.support.house import House


async def test_the_status_has_the_shape_that_editors_read(client: httpx.AsyncClient, house: House) -> None:
    await house.grant(house.bo, "12.5")
    status = (await client.get("/v1/status", headers=house.bo.headers)).json()

    assert status | {"state_id": "", "notices": []} == {
        "version": 1,
        "state_id": "",
        "member": {"id": house.bo.id, "name": "Bo"},
        "as_of": "2026-11-20T12:00:00Z",
        "valid_until": None,
        "spendable": "12.5",
        "available": "12.5",
        "pool": "0",
        "held": {"gifts": "0", "usage": "0"},
        "owed": "0",
        "incoming": "0",
        "giftable": "12.5",
        "gift_limit_left": "500",
        "giftable_until": None,
        "capacity": "12.5",
        "allowance": [],
        "boost": None,
        "resets_banked": {"count": 0, "expires_at": None},
        "next_allotment": None,
        "resets_at": None,
        "blocked": None,
        "requests": {"for_me": 0, "mine": 0},
        "notices": [],
    }
    assert [(each["kind"], each["text"]) for each in status["notices"]] == [("grant_received", "You received 12.5 cr.")]


async def test_the_state_is_named_anew_if_and_only_if_more_than_the_time_changed(
    client: httpx.AsyncClient, house: House
) -> None:
    first = (await client.get("/v1/status", headers=house.bo.headers)).json()
    house.clock.advance(timedelta(minutes=5))
    later = (await client.get("/v1/status", headers=house.bo.headers)).json()
    await house.grant(house.bo)
    richer = (await client.get("/v1/status", headers=house.bo.headers)).json()

    assert first["as_of"] != later["as_of"]
    assert first["state_id"] == later["state_id"]
    assert richer["state_id"] != later["state_id"]


async def test_a_notice_is_shown_by_the_first_window_that_claims_it(client: httpx.AsyncClient, house: House) -> None:
    await house.grant(house.bo)
    status = (await client.get("/v1/status", headers=house.bo.headers)).json()
    path = f"/v1/status/notices/{status['notices'][0]['id']}/claim"
    foreign = await client.post(path, headers=house.al.headers)
    answers = await asyncio.gather(*(client.post(path, headers=house.bo.headers) for _ in range(5)))
    after = (await client.get("/v1/status", headers=house.bo.headers)).json()

    assert foreign.status_code == 404
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"notice_claimed"}
    assert after["notices"] == []


async def test_at_zero_it_says_when_there_is_something_again(client: httpx.AsyncClient, house: House) -> None:
    """S5, S6: whether a plan's window is used up or a cap is reached, never just nothing."""
    org, admin = house.org, house.ada.actor
    plan = await plans.create_plan(house.ledger, actor=admin, name="Small", five_hours=Credits.of(2))
    await plans.give_plan(house.ledger, actor=admin, subject=org, plan_id=plan.id)
    await caps.set_cap(house.ledger, actor=admin, subject=org, period=caps.Period.DAY, amount=Credits.of(3))
    await house.grant(house.bo, "100")
    fresh = (await client.get("/v1/status", headers=house.bo.headers)).json()
    usage = Usage("gpt-6-sol", input_tokens=100_000)  # 5 credits: 2 of the plan, 3 under the cap
    await holds.authorize(house.ledger, actor=house.bo.actor, key="all", usage=usage)
    spent = (await client.get("/v1/status", headers=house.bo.headers)).json()

    assert (fresh["spendable"], fresh["resets_at"]) == ("5", None)
    assert (spent["spendable"], spent["resets_at"]) == ("0", "2026-11-20T17:00:00Z")
    await plans.give_plan(house.ledger, actor=admin, subject=org, plan_id=None)
    capped = (await client.get("/v1/status", headers=house.bo.headers)).json()
    assert (capped["spendable"], capped["resets_at"]) == ("0", "2026-11-21T00:00:00Z")
