"""Allotments, voids and refunds over HTTP."""

from __future__ import annotations

import httpx
import pytest

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.metering.usage import Rating, Usage
from core.services.usage.charge_commands import Charge
from tests.support.sample_org import Person, SampleOrg

BASE = "/v1/billing/credits"


def keyed(person: Person, key: str = "k") -> dict[str, str]:
    return person.headers | {"Idempotency-Key": key}


async def _begin(client: httpx.AsyncClient, org: SampleOrg, **changes: object) -> httpx.Response:
    given = {"to": {"member": org.bo.id}, "amount": "500", "day": 1} | changes
    return await client.post("/v1/allotments", json=given, headers=keyed(org.ada))


async def _lot(client: httpx.AsyncClient, org: SampleOrg) -> str:
    given = {"to": {"member": org.bo.id}, "amount": "40", "source": "purchase"}
    made = await client.post(f"{BASE}/grants", json=given, headers=keyed(org.ada))
    return str(made.json()["lot"])


async def _charge(org: SampleOrg, amount: str) -> str:
    bo, rating = org.bo.actor, Rating(Credits.parse(amount), "card", is_fallback=False)
    charge = Charge(bo.org_id, bo.member_id, "gateway", "e", "bo", Usage("opus", 1), rating)
    return shown_id(Prefix.TRANSFER, (await org.ledger.execute(charge)).first_id)


async def test_an_allotment_is_begun_seen_changed_and_ended(client: httpx.AsyncClient, org: SampleOrg) -> None:
    begun = await _begin(client, org, reason="team budget")
    again = await _begin(client, org, reason="team budget")
    path = begun.headers["location"]
    seen = await client.get(path, headers=org.bo.headers)
    status = await client.get("/v1/status", headers=org.bo.headers)
    changed = await client.post(f"{path}/change", json={"amount": "70"}, headers=keyed(org.ada, "c"))
    ended = await client.post(f"{path}/end", json={}, headers=org.ada.headers)
    balance = await client.get(f"{BASE}/balance", headers=org.bo.headers)
    twice = await client.post(f"{path}/end", json={}, headers=org.ada.headers)
    late = await client.post(f"{path}/change", json={"amount": "80"}, headers=keyed(org.ada, "d"))
    listed = await client.get("/v1/allotments", headers=org.bo.headers)

    assert begun.status_code == 201
    assert begun.json() == {
        "id": path.rpartition("/")[2],
        "to": {"member": org.bo.id, "name": "Bo"},
        "amount": "500",
        "day": 1,
        "lasts_months": 1,
        "giftable": True,
        "first_at": "2026-12-01T00:00:00Z",
        "next_at": "2026-12-01T00:00:00Z",
        "granted": "0",
        "created_at": "2026-11-20T12:00:00Z",
        "ended_at": None,
    }
    assert (again.json(), again.headers["idempotency-replayed"]) == (begun.json(), "true")
    assert seen.json() == begun.json()
    assert status.json()["next_allotment"] == {"amount": "500", "at": "2026-12-01T00:00:00Z"}
    assert balance.json()["next_allotment"] is None
    assert (changed.status_code, changed.json()["amount"]) == (200, "70")
    assert (ended.status_code, ended.json()["next_at"], ended.json()["ended_at"]) == (
        200,
        None,
        "2026-11-20T12:00:00Z",
    )
    assert twice.headers["idempotency-replayed"] == "true"
    assert (late.status_code, late.json()["code"]) == (403, "not_allowed")
    assert [each["id"] for each in listed.json()["items"]] == [begun.json()["id"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("day", 0),
        ("day", 32),
        ("day", "1"),
        ("amount", "0"),
        ("amount", 5),
        ("lasts_months", 25),
        ("starts_at", "2026-11-19T00:00:00Z"),
        ("starts_at", "9999-12-31T00:00:00Z"),
        ("giftable", 1),
    ],
)
async def test_a_wrong_allotment_is_refused_by_its_field(
    client: httpx.AsyncClient, org: SampleOrg, field: str, value: object
) -> None:
    answer = await _begin(client, org, **{field: value})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == field


async def test_a_change_that_changes_nothing_is_told_what_is_missing(client: httpx.AsyncClient, org: SampleOrg) -> None:
    path = (await _begin(client, org)).headers["location"]
    answer = await client.post(f"{path}/change", json={}, headers=keyed(org.ada, "c"))

    assert answer.status_code == 422
    assert "Say what changes" in answer.json()["detail"]


async def test_a_grant_is_taken_back_and_its_story_told(client: httpx.AsyncClient, org: SampleOrg) -> None:
    lot = await _lot(client, org)
    await _charge(org, "15")
    given = {"amount": "5", "reason": "granted twice"}
    taken = await client.post(f"{BASE}/grants/{lot}/void", json=given, headers=keyed(org.ada, "v"))
    again = await client.post(f"{BASE}/grants/{lot}/void", json=given, headers=keyed(org.ada, "v"))
    story = await client.get(f"{BASE}/grants/{lot}", headers=org.ada.headers)
    too_much = await client.post(
        f"{BASE}/grants/{lot}/void", json=given | {"amount": "21"}, headers=keyed(org.ada, "w")
    )
    became = {"left": "20", "held": "0", "used": "15", "given": "0", "lapsed": "0", "voided": "5"}

    assert (taken.status_code, taken.json()["amount"], taken.json()["became"]) == (200, "5", became)
    assert (again.json(), again.headers["idempotency-replayed"]) == (taken.json(), "true")
    assert story.json() == {"grant": taken.json()["grant"], "became": became}
    assert (too_much.status_code, too_much.json()["code"]) == (409, "insufficient_remaining")
    assert too_much.json()["remaining"] == "20"


async def test_a_charge_is_given_back_and_shown_with_what_is_left_of_it(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    await _lot(client, org)
    charge = await _charge(org, "50")
    given = {"amount": "12", "reason": "the model failed"}
    back = await client.post(f"{BASE}/charges/{charge}/refund", json=given, headers=keyed(org.ada, "r"))
    seen = await client.get(f"{BASE}/charges/{charge}", headers=org.ada.headers)
    too_much = await client.post(
        f"{BASE}/charges/{charge}/refund", json=given | {"amount": "39"}, headers=keyed(org.ada, "s")
    )

    assert back.status_code == 200
    assert {name: back.json()[name] for name in ("amount", "cancelled", "lots", "allowance")} == {
        "amount": "12",
        "cancelled": "10",
        "lots": "2",
        "allowance": "0",
    }
    assert seen.json() == back.json()["charge"]
    assert seen.json() == {
        "transfer": charge,
        "member": {"member": org.bo.id, "name": "Bo"},
        "model": "opus",
        "at": "2026-11-20T12:00:00Z",
        "amount": "50",
        "allowance": "0",
        "lots": "40",
        "overage": "10",
        "refunded": "12",
        "left": "38",
    }
    assert (too_much.status_code, too_much.json()["code"], too_much.json()["remaining"]) == (
        409,
        "insufficient_remaining",
        "38",
    )


@pytest.mark.parametrize("path", [f"{BASE}/grants/lot_1/void", f"{BASE}/charges/tr_1/refund", "/v1/allotments"])
async def test_what_moves_or_promises_needs_a_key(client: httpx.AsyncClient, org: SampleOrg, path: str) -> None:
    given = {"to": {"member": org.bo.id}, "amount": "5", "day": 1} if "allot" in path else {"reason": "x"}
    answer = await client.post(path, json=given, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
