"""The status that editors show, and its notices."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx

from core.ledger.credits import Credits
from core.metering.usage import Usage
from core.services.allowances import caps, plans
from core.services.usage import holds
from tests.support.sample_org import SampleOrg


async def test_the_status_has_the_shape_that_editors_read(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.bo, "12.5")
    status = (await client.get("/v1/status", headers=org.bo.headers)).json()

    assert status | {"state_id": "", "notices": []} == {
        "version": 1,
        "state_id": "",
        "member": {"id": org.bo.id, "name": "Bo"},
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
        "gift_limit_rule": "credits_per_gift",
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
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    first = (await client.get("/v1/status", headers=org.bo.headers)).json()
    org.clock.advance(timedelta(minutes=5))
    later = (await client.get("/v1/status", headers=org.bo.headers)).json()
    await org.grant(org.bo)
    richer = (await client.get("/v1/status", headers=org.bo.headers)).json()

    assert first["as_of"] != later["as_of"]
    assert first["state_id"] == later["state_id"]
    assert richer["state_id"] != later["state_id"]


async def test_a_notice_is_shown_by_the_first_window_that_claims_it(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.bo)
    status = (await client.get("/v1/status", headers=org.bo.headers)).json()
    path = f"/v1/status/notices/{status['notices'][0]['id']}/claim"
    foreign = await client.post(path, headers=org.al.headers)
    answers = await asyncio.gather(*(client.post(path, headers=org.bo.headers) for _ in range(5)))
    after = (await client.get("/v1/status", headers=org.bo.headers)).json()

    assert foreign.status_code == 404
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"notice_claimed"}
    assert after["notices"] == []


async def test_at_zero_it_says_when_there_is_something_again(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """S5, S6: whether a plan's window is used up or a cap is reached, never just nothing."""
    org_id, admin = org.id, org.ada.actor
    plan = await plans.create_plan(org.ledger, actor=admin, name="Small", five_hours=Credits.of(2))
    await plans.give_plan(org.ledger, actor=admin, subject=org_id, plan_id=plan.id)
    await caps.set_cap(org.ledger, actor=admin, subject=org_id, period=caps.Period.DAY, amount=Credits.of(3))
    await org.grant(org.bo, "100")
    fresh = (await client.get("/v1/status", headers=org.bo.headers)).json()
    usage = Usage("gpt-6-sol", input_tokens=100_000)  # 5 credits: 2 of the plan, 3 under the cap
    await holds.authorize(org.ledger, actor=org.bo.actor, key="all", usage=usage)
    spent = (await client.get("/v1/status", headers=org.bo.headers)).json()

    assert (fresh["spendable"], fresh["resets_at"]) == ("5", None)
    assert (spent["spendable"], spent["resets_at"]) == ("0", "2026-11-20T17:00:00Z")
    await plans.give_plan(org.ledger, actor=admin, subject=org_id, plan_id=None)
    capped = (await client.get("/v1/status", headers=org.bo.headers)).json()
    assert (capped["spendable"], capped["resets_at"]) == ("0", "2026-11-21T00:00:00Z")


async def test_a_cap_of_zero_is_said_like_a_frozen_wallet(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """S5: "0" blocks; nothing is available then, but giving is no spending."""
    cap = {"subject": org.bo.id, "period": caps.Period.MONTH}
    await org.grant(org.bo, "3")
    await org.fund(org.team, "5")
    await caps.set_cap(org.ledger, actor=org.ada.actor, amount=Credits.of(0), **cap)  # type: ignore[arg-type]
    status = (await client.get("/v1/status", headers=org.bo.headers)).json()
    balance = (await client.get("/v1/billing/credits/balance", headers=org.bo.headers)).json()
    await caps.set_cap(org.ledger, actor=org.ada.actor, amount=Credits.of(1), **cap)  # type: ignore[arg-type]
    raised = (await client.get("/v1/status", headers=org.bo.headers)).json()

    for shown in (status, balance):
        names = ("spendable", "available", "pool", "giftable")
        assert [shown[name] for name in names] == ["0", "0", "0", "3"]
    assert status["blocked"] == {
        "code": "insufficient_credits",
        "message": "Your monthly cap is 0, so you can't spend from your wallet or pools. Ask an admin to raise it.",
    }
    assert (raised["blocked"], raised["spendable"], raised["available"]) == (None, "1", "3")


async def test_what_a_plan_includes_is_not_blocked_by_a_cap_of_zero(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """S5: caps count what lots and pools give; what nobody can spend any more is blocked."""
    org_id, admin = org.id, org.ada.actor
    plan = await plans.create_plan(org.ledger, actor=admin, name="Small", five_hours=Credits.of(2))
    await plans.give_plan(org.ledger, actor=admin, subject=org_id, plan_id=plan.id)
    await caps.set_cap(org.ledger, actor=admin, subject=org_id, period=caps.Period.DAY, amount=Credits.of(0))
    await org.grant(org.bo, "100")
    fresh = (await client.get("/v1/status", headers=org.bo.headers)).json()
    usage = Usage("gpt-6-sol", input_tokens=40_000)  # 2 credits: all that the plan includes
    await holds.authorize(org.ledger, actor=org.bo.actor, key="all", usage=usage)
    spent = (await client.get("/v1/status", headers=org.bo.headers)).json()

    assert (fresh["spendable"], fresh["available"], fresh["blocked"]) == ("2", "0", None)
    assert (spent["spendable"], spent["blocked"]["code"]) == ("0", "insufficient_credits")
    assert spent["resets_at"] == "2026-11-20T17:00:00Z"
