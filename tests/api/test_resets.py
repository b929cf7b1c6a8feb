"""Resets over HTTP, and where the status shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from core.ledger.credits import Credits
from core.metering.usage import Rating, Usage
from core.services.allowances import plans, resets
from core.services.usage.charge_commands import Charge
from tests.support.sample_org import SampleOrg


@pytest.fixture(autouse=True)
async def plan(org: SampleOrg) -> None:
    """Everybody may use 100 cr a week; Bo has used 30."""
    made = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Pro", weekly=Credits.of(100))
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.id, plan_id=made.id)
    await _use(org)


async def _use(org: SampleOrg, key: str = "e") -> None:
    bo, rating = org.bo.actor, Rating(Credits.of(30), "card", is_fallback=False)
    await org.ledger.execute(Charge(bo.org_id, bo.member_id, "gateway", key, "bo", Usage("opus", 1), rating))


async def _order(client: httpx.AsyncClient, org: SampleOrg, key: str = "k", **changes: object) -> httpx.Response:
    headers = org.ada.headers | {"Idempotency-Key": key}
    return await client.post("/v1/resets", json={"subject": org.bo.id} | changes, headers=headers)


async def _status(client: httpx.AsyncClient, org: SampleOrg) -> dict[str, object]:
    return dict((await client.get("/v1/status", headers=org.bo.headers)).json())


async def test_a_member_is_reset_by_the_order_itself(client: httpx.AsyncClient, org: SampleOrg) -> None:
    before = await _status(client, org)
    made = await _order(client, org, reason="the outage")
    again = await _order(client, org, reason="the outage")
    after = await _status(client, org)
    seen = await client.get(made.headers["location"], headers=org.ada.headers)
    nothing = await _order(client, org, "other")

    assert (made.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert made.json() == {
        "id": made.headers["location"].rpartition("/")[2],
        "subject": {"id": org.bo.id, "name": "Bo"},
        "banked": False,
        "expires_at": None,
        "created_at": "2026-11-20T12:00:00Z",
        "done": 1,
        "unchanged": 0,
        "finished_at": "2026-11-20T12:00:00Z",
    }
    assert seen.json() == again.json() == made.json()
    assert before["allowance"] == [
        {"window": "weekly", "limit": "100", "used": "30", "resets_at": "2026-11-27T12:00:00Z"}
    ]
    assert after["allowance"] == [
        {"window": "weekly", "limit": "100", "used": "0", "resets_at": "2026-11-27T12:00:00Z"}
    ]
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_reset")


async def test_a_banked_reset_is_shown_used_once_and_kept_when_it_would_change_nothing(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    await _order(client, org, banked=True, expires_at="2026-12-01T00:00:00Z")
    status = await _status(client, org)
    (reset,) = (await client.get("/v1/resets", headers=org.bo.headers)).json()["items"]
    by_lead = await client.get(f"/v1/resets?member={org.bo.id}", headers=org.al.headers)
    path = f"/v1/resets/{reset['id']}/use"
    strange = await client.post(path, headers=org.al.headers)
    await _order(client, org, "now")
    nothing = await client.post(path, headers=org.bo.headers)
    await _use(org, "f")
    used = await client.post(path, headers=org.bo.headers)
    again = await client.post(path, headers=org.bo.headers)

    assert status["resets_banked"] == {"count": 1, "expires_at": "2026-12-01T00:00:00Z"}
    assert (reset["state"], reset["member"], reset["used_at"]) == ("banked", org.bo.id, None)
    assert by_lead.json()["items"] == [reset]
    assert (strange.status_code, nothing.status_code) == (404, 409)
    assert nothing.json()["code"] == "nothing_to_reset"
    assert (used.status_code, used.json()["state"]) == (200, "used")
    assert (again.json(), again.headers["idempotency-replayed"]) == (used.json(), "true")
    assert (await _status(client, org))["resets_banked"] == {"count": 0, "expires_at": None}


async def test_a_banked_reset_that_has_expired_is_a_state_and_nobodys_fault(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    await _order(client, org, banked=True, expires_at="2026-11-20T13:00:00Z")
    (reset,) = (await client.get("/v1/resets", headers=org.bo.headers)).json()["items"]
    org.clock.advance(timedelta(hours=1))
    late = await client.post(f"/v1/resets/{reset['id']}/use", headers=org.bo.headers)

    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "reset_not_banked", "expired")


async def test_everybody_is_reset_soon_and_the_order_says_how_far_it_has_come(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    made = await _order(client, org, subject=org.id)
    await resets.run_orders(org.ledger)
    seen = (await client.get(made.headers["location"], headers=org.ada.headers)).json()
    listed = (await client.get("/v1/resets/orders", headers=org.ada.headers)).json()

    assert (made.json()["done"], made.json()["finished_at"]) == (0, None)
    assert (seen["subject"]["name"], seen["done"], seen["unchanged"]) == ("Acme", 1, 2)
    assert seen["finished_at"] == "2026-11-20T12:00:00Z"
    assert listed == {"items": [seen], "next_cursor": None}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"banked": True, "expires_at": "2026-11-20T12:00:00Z"}, "expires_at"),
        ({"banked": True, "expires_at": "2028-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-12-01T00:00:00Z"}, "expires_at"),
        ({"banked": "yes"}, "banked"),
        ({"subject": ""}, "subject"),
        ({"windows": ["weekly"]}, "windows"),
    ],
)
async def test_a_wrong_order_is_refused_by_its_field(
    client: httpx.AsyncClient, org: SampleOrg, changes: dict[str, Any], field: str
) -> None:
    answer = await _order(client, org, **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == field


async def test_who_is_not_here_is_not_found_and_without_a_key_nothing_is_done(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    unknown = [(await _order(client, org, subject=each)).status_code for each in (org.stranger.id, "cmp_1", "x")]
    keyless = await client.post("/v1/resets", json={"subject": org.bo.id}, headers=org.ada.headers)

    assert unknown == [404, 404, 404]
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
