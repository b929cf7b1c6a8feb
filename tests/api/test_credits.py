"""Balances, statements, grants, allocations and freezes over HTTP."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import httpx
import pytest

from core.services.common.actors import Scope
from tests.support.sample_org import Person, SampleOrg

BASE = "/v1/billing/credits"


async def _grant(client: httpx.AsyncClient, org: SampleOrg, key: str = "g", **changes: object) -> httpx.Response:
    given = {"to": {"member": org.bo.id}, "amount": "40", "source": "promo"} | changes
    return await client.post(f"{BASE}/grants", json=given, headers=org.ada.headers | {"Idempotency-Key": key})


async def _give(client: httpx.AsyncClient, sender: Person, to: str, message: str) -> None:
    given = {"to": {"member": to}, "amount": "10", "message": message}
    answer = await client.post(f"{BASE}/transfer", json=given, headers=sender.headers | {"Idempotency-Key": message})
    assert answer.status_code == 202


async def test_a_grant_is_answered_as_the_lot_it_made_and_shown_in_the_balance(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    made = await _grant(client, org, expires_at="2026-12-01T00:00:00+01:00", reason="welcome")
    again = await _grant(client, org, expires_at="2026-11-30T23:00:00Z", reason="welcome")
    balance = (await client.get(f"{BASE}/balance", headers=org.bo.headers)).json()

    assert made.status_code == 201
    assert made.json() == {
        "lot": made.json()["lot"],
        "to": {"member": org.bo.id, "name": "Bo"},
        "source": "promo",
        "amount": "40",
        "expires_at": "2026-11-30T23:00:00Z",
        "giftable": False,
        "priority": 100,
        "granted_at": "2026-11-20T12:00:00Z",
    }
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, made.json(), "true")
    assert (balance["spendable"], balance["available"], balance["giftable"]) == ("40", "40", "0")
    assert [lot["lot"] for lot in balance["lots"]] == [made.json()["lot"]]
    assert balance["valid_until"] == "2026-11-30T23:00:00Z"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires_at", 1_800_000_000),
        ("expires_at", "1800000000"),
        ("expires_at", "2026-12-01"),
        ("expires_at", "2026-12-01T00:00:00"),
        ("expires_at", "0001-01-01T00:00:00+23:00"),
        ("expires_at", "9999-12-31T23:59:59-23:00"),
        ("expires_at", "2026-02-30T00:00:00Z"),
        ("expires_at", "2026-11-20T12:00:00Z"),
        ("source", "theft"),
        ("giftable", "true"),
        ("giftable", 1),
        ("priority", "5"),
        ("priority", -1),
        ("priority", 1.5),
        ("priority", 10**30),
        ("amount", "0"),
    ],
)
async def test_a_wrong_grant_is_refused_by_its_field(
    client: httpx.AsyncClient, org: SampleOrg, field: str, value: object
) -> None:
    answer = await _grant(client, org, **{field: value})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == field


async def test_a_lead_gives_out_of_the_pool_and_nobody_else_does(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """S9."""
    await _grant(client, org, to={"pool": org.team}, source="purchase", amount="100")
    given = {"pool": org.team, "to": {"member": org.bo.id}, "amount": "25"}
    refused = await client.post(f"{BASE}/allocations", json=given, headers=org.bo.headers | {"Idempotency-Key": "a"})
    made = await client.post(f"{BASE}/allocations", json=given, headers=org.al.headers | {"Idempotency-Key": "a"})
    balance = (await client.get(f"{BASE}/balance", headers=org.bo.headers)).json()

    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert (made.status_code, made.json()["kind"], made.json()["amount"]) == (201, "allocate", "25")
    assert (balance["available"], balance["pool"], balance["spendable"]) == ("25", "75", "100")


async def test_a_balance_is_shown_to_oneself_a_lead_and_an_admin(client: httpx.AsyncClient, org: SampleOrg) -> None:
    path = f"{BASE}/balance?member="
    by_lead = await client.get(path + org.bo.id, headers=org.al.headers)
    by_admin = await client.get(path + org.bo.id, headers=org.ada.headers)
    by_colleague = await client.get(path + org.al.id, headers=org.bo.headers)
    by_stranger = await client.get(path + org.bo.id, headers=org.stranger.headers)

    assert (by_lead.status_code, by_admin.status_code) == (200, 200)
    assert by_lead.json()["member"] == {"member": org.bo.id, "name": "Bo"}
    assert (by_colleague.status_code, by_stranger.status_code) == (403, 404)


async def test_a_statement_is_told_in_three_formats(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.al)
    await _give(client, org.al, org.bo.id, "=1+1")
    as_json = await client.get(f"{BASE}/statement", headers=org.al.headers)
    as_csv = await client.get(f"{BASE}/statement?format=csv", headers=org.al.headers)
    as_beancount = await client.get(f"{BASE}/statement?format=beancount", headers=org.al.headers)

    assert [(line["kind"], line["amount"], line["note"]) for line in as_json.json()["items"]] == [
        ("gift_reserve", "-10", "=1+1"),
        ("grant", "1000", None),
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert [(row["kind"], row["amount"], row["note"]) for row in rows] == [
        ("gift_reserve", "-10", "'=1+1"),
        ("grant", "1000", ""),
    ]
    assert as_beancount.headers["content-type"].startswith("text/plain")
    assert "  Assets:Wallet  -10 CREDITS\n  Equity:GiftReserve  10 CREDITS\n" in as_beancount.text


async def test_a_statement_as_text_leads_to_its_next_page(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.al)
    await _give(client, org.al, org.bo.id, "hello")
    first = await client.get(f"{BASE}/statement?format=csv&limit=1", headers=org.al.headers)
    following = first.headers["link"].removeprefix("<").partition(">")[0]
    second = await client.get(following, headers=org.al.headers)

    assert first.headers["link"].endswith('; rel="next"')
    assert "gift_reserve" in first.text
    assert ",grant," in second.text
    assert "link" not in second.headers


async def test_a_freeze_gives_back_what_was_sent_and_ends_the_tokens(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """G8."""
    await org.grant(org.al)
    await _give(client, org.al, org.bo.id, "hello")
    frozen = await client.post(f"{BASE}/freeze", json={"reason": "lost my laptop"}, headers=org.al.headers)
    shut_out = await client.get("/v1/status", headers=org.al.headers)
    headers = await org.token(org.al, Scope.READ, Scope.GIVE)
    status = (await client.get("/v1/status", headers=headers)).json()
    refused = await client.post(
        f"{BASE}/transfer",
        json={"to": {"member": org.bo.id}, "amount": "5"},
        headers=headers | {"Idempotency-Key": "k"},
    )

    assert (frozen.status_code, frozen.json()["frozen_at"]) == (200, "2026-11-20T12:00:00Z")
    assert shut_out.status_code == 401
    assert (status["blocked"]["code"], status["spendable"], status["held"]["gifts"]) == ("account_frozen", "0", "0")
    assert (refused.status_code, refused.json()["code"]) == (403, "account_frozen")


async def test_only_another_admin_frees_a_wallet(client: httpx.AsyncClient, org: SampleOrg) -> None:
    given = {"member": org.al.id, "reason": "all is well"}
    await client.post(f"{BASE}/freeze", json={"member": org.al.id}, headers=org.ada.headers)
    by_colleague = await client.post(f"{BASE}/freeze", json={"member": org.al.id}, headers=org.bo.headers)
    freed = await client.post(f"{BASE}/unfreeze", json=given, headers=org.ada.headers)
    again = await client.post(f"{BASE}/unfreeze", json=given, headers=org.ada.headers)

    assert by_colleague.status_code == 403
    assert (freed.status_code, freed.json()["frozen_at"]) == (200, None)
    assert again.status_code == 403


async def test_a_token_that_expires_closes_the_door(client: httpx.AsyncClient, org: SampleOrg) -> None:
    headers = await org.token(org.bo, Scope.READ, lasts=timedelta(hours=1))
    open_before = await client.get(f"{BASE}/balance", headers=headers)
    org.clock.advance(timedelta(hours=1))
    closed = await client.get(f"{BASE}/balance", headers=headers)

    assert (open_before.status_code, closed.status_code) == (200, 401)
    assert "expired" in closed.json()["detail"]
