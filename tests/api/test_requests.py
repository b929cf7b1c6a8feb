"""Requests for credits, referrals and rescue over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.sample_org import Person, SampleOrg

BASE = "/v1/requests"


async def _post(
    client: httpx.AsyncClient, who: Person, path: str, body: dict[str, Any] | None = None, *, key: str | None = "k"
) -> httpx.Response:
    headers = who.headers if key is None else who.headers | {"Idempotency-Key": key}
    return await client.post(f"{BASE}{path}", json=body, headers=headers)


async def test_a_request_is_made_shown_pledged_to_and_filled(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.al)
    made = await _post(client, org.bo, "", {"amount": "300", "reason": "a release"})
    again = await _post(client, org.bo, "", {"amount": "300", "reason": "a release"})
    request = made.json()
    path = f"/{request['id']}"
    listed = (await client.get(BASE, params={"open": "true"}, headers=org.al.headers)).json()
    pledged = await _post(client, org.al, f"{path}/pledge", {"amount": "100.5"})
    filled = await _post(client, org.al, f"{path}/pledge", {"amount": "999"}, key="k2")

    assert (made.status_code, made.headers["Location"]) == (201, f"{BASE}/{request['id']}")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (request, "true")
    assert request["by"] == {"member": org.bo.id, "name": "Bo"}
    assert (request["state"], request["amount"], request["missing"], request["reason"]) == (
        "open", "300", "300", "a release",
    )  # fmt: skip
    assert request["lapses_at"] == "2026-11-23T12:00:00Z"
    assert [each["id"] for each in listed["items"]] == [request["id"]]
    assert (pledged.status_code, pledged.json()["pledged"], pledged.json()["missing"]) == (200, "100.5", "199.5")
    assert (filled.json()["state"], filled.json()["given"]) == ("filled", "300")
    gift = filled.json()["pledges"][0]["gift"]
    assert (await client.get(f"/v1/billing/credits/transfers/{gift}", headers=org.bo.headers)).json()["amount"] == "300"


async def test_the_status_counts_what_waits_and_is_valid_until_it_lapses(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    async def seen(who: Person) -> tuple[dict[str, int], str | None]:
        status = (await client.get("/v1/status", headers=who.headers)).json()
        return status["requests"], status["valid_until"]

    made = (await _post(client, org.bo, "", {"amount": "300", "lasts_hours": 2})).json()
    asker, lead = await seen(org.bo), await seen(org.al)
    await _post(client, org.al, f"/{made['id']}/decline", {})

    assert asker == ({"for_me": 0, "mine": 1}, "2026-11-20T14:00:00Z")
    assert lead == ({"for_me": 1, "mine": 0}, "2026-11-20T14:00:00Z")
    assert await seen(org.al) == await seen(org.bo) == ({"for_me": 0, "mine": 0}, None)

    await _post(client, org.bo, "", {"amount": "5", "lasts_hours": 1}, key="second")
    org.clock.advance(timedelta(hours=1))

    assert await seen(org.al) == ({"for_me": 0, "mine": 0}, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 5}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "9999999999"}, "amount"),
        ({"amount": "5", "reason": "x" * 501}, "reason"),
        ({"amount": "5", "reason": "a\0b"}, "reason"),
        ({"amount": "5", "lasts_hours": 0}, "lasts_hours"),
        ({"amount": "5", "lasts_hours": 721}, "lasts_hours"),
        ({"amount": "5", "to": ["mem_1"] * 21}, "to"),
        ({"amount": "5", "extra": 1}, "extra"),
        ({}, "amount"),
    ],
)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, org: SampleOrg, body: dict[str, Any], field: str
) -> None:
    answer = await _post(client, org.bo, "", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"].startswith(field)


async def test_what_cannot_be_done_says_why(client: httpx.AsyncClient, org: SampleOrg) -> None:
    made = (await _post(client, org.bo, "", {"amount": "300"})).json()
    path = f"/{made['id']}"
    answers = [
        await _post(client, org.bo, "", {"amount": "301"}),
        await _post(client, org.bo, "", {"amount": "5"}, key=None),
        await _post(client, org.bo, "", {"amount": "5", "to": ["mem_zzzz"]}, key="unknown"),
        await _post(client, org.bo, f"{path}/pledge", {"amount": "5"}, key="p"),
        await _post(client, org.al, f"{path}/pledge", {"amount": "5"}),
        await _post(client, org.al, f"{path}/unpledge"),
        await _post(client, org.bo, f"{path}/accept", key="a"),
        await _post(client, org.al, f"{path}/withdraw", key=None),
        await _post(client, org.al, f"{path}/fill", {"pool": org.strange_team}),
    ]
    withdrawn = await _post(client, org.bo, f"{path}/withdraw", key=None)
    late = await _post(client, org.al, f"{path}/decline", {}, key="late")

    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        (409, "idempotency_conflict"),
        (400, "idempotency_key_required"),
        (422, "unknown_member"),
        (422, "self_gift"),
        (409, "insufficient_giftable"),
        (409, "nothing_pledged"),
        (409, "nothing_pledged"),
        (403, "not_allowed"),
        (404, "not_found"),
    ]
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "request_not_open", "withdrawn")


async def test_a_code_is_made_once_used_and_seen_by_both(client: httpx.AsyncClient, org: SampleOrg) -> None:
    code = (await client.post("/v1/referrals/code", headers=org.al.headers)).json()["code"]
    used = await client.post(f"/v1/referrals/{code}/use", headers=org.bo.headers)
    again = await client.post(f"/v1/referrals/{code}/use", headers=org.bo.headers)
    own = await client.post(f"/v1/referrals/{code}/use", headers=org.al.headers)
    mine = (await client.get("/v1/referrals", headers=org.al.headers)).json()

    assert used.json()["invited_by"] == {"member": org.al.id, "name": "Al"}
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed")
    assert mine == {
        "code": code,
        "invited_by": None,
        "invited": [{"member": org.bo.id, "name": "Bo", "created_at": "2026-11-20T12:00:00Z", "rewarded_at": None}],
        "rewards": {"inviter": "100", "invited": "100", "after_use_of": "50"},
    }


async def test_rescue_proposes_a_transfer(client: httpx.AsyncClient, org: SampleOrg) -> None:
    grant = {"to": {"member": org.al.id}, "amount": "200", "source": "allotment"}
    await client.post(
        "/v1/billing/credits/grants",
        json=grant | {"expires_at": "2026-11-25T12:00:00Z"},
        headers=org.ada.headers | {"Idempotency-Key": "g"},
    )
    await org.grant(org.bo, "50")
    await org.use(org.bo, 50)
    [found] = (await client.get("/v1/rescue", headers=org.al.headers)).json()["items"]
    wrong = await client.get("/v1/rescue", params={"days": 31}, headers=org.al.headers)

    assert found["from"] == {"member": org.al.id, "name": "Al"}
    assert (found["to"]["name"], found["amount"]) == ("Bo", "50")
    assert (found["expires_at"], found["give_until"]) == ("2026-11-25T12:00:00Z", "2026-11-23T12:00:00Z")
    assert wrong.status_code == 422
