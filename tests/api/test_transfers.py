"""Gifts over HTTP: made once, seen by whom they concern, decided by whom they are to decide."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from core.services.gifts.settlement import settle_due
from tests.support.sample_org import SampleOrg

BASE = "/v1/billing/credits"
PAST_SETTLEMENT = timedelta(hours=24)


async def _give(client: httpx.AsyncClient, org: SampleOrg, key: str | None = "one", **changes: Any) -> httpx.Response:
    given = {"to": {"member": org.bo.id}, "amount": "100", "message": "thanks for the review"} | changes
    headers = org.al.headers | ({"Idempotency-Key": key} if key is not None else {})
    return await client.post(f"{BASE}/transfer", json=given, headers=headers)


async def _spendable(client: httpx.AsyncClient, headers: dict[str, str]) -> tuple[str, str, str]:
    shown = (await client.get(f"{BASE}/balance", headers=headers)).json()
    return shown["spendable"], shown["held"]["gifts"], shown["incoming"]


@pytest.fixture(autouse=True)
async def al_has_a_thousand(org: SampleOrg) -> None:
    await org.grant(org.al)


async def test_a_gift_is_accepted_with_its_address_and_shown_to_both_sides(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    answer = await _give(client, org)
    gift = answer.json()
    listed = [(await client.get(f"{BASE}/transfers", headers=each.headers)).json() for each in (org.al, org.bo)]
    single = await client.get(answer.headers["location"], headers=org.bo.headers)

    assert answer.status_code == 202
    assert answer.headers["location"] == f"{BASE}/transfers/{gift['id']}"
    assert gift["state"] == "pending"
    assert gift["from"] == {"member": org.al.id, "name": "Al"}
    assert gift["to"] == {"member": org.bo.id, "name": "Bo"}
    assert (gift["amount"], gift["message"]) == ("100", "thanks for the review")
    assert (gift["created_at"], gift["settles_at"]) == ("2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z")
    assert [(part["source"], part["amount"], part["expires_at"]) for part in gift["lots"]] == [
        ("purchase", "100", None)
    ]
    assert gift["decision"]["outcome"] == "approve"
    assert single.json() == gift
    assert [each["items"] for each in listed] == [[gift], [gift]]


async def test_what_is_given_is_held_and_then_arrives(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """G1, G2."""
    await _give(client, org)
    before = [await _spendable(client, each.headers) for each in (org.al, org.bo)]
    org.clock.advance(PAST_SETTLEMENT)
    await settle_due(org.ledger)
    after = [await _spendable(client, each.headers) for each in (org.al, org.bo)]

    assert before == [("900", "100", "0"), ("0", "0", "100")]
    assert after == [("900", "0", "0"), ("100", "0", "0")]


async def test_the_same_key_answers_the_same_gift_and_other_content_is_a_conflict(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    """L6."""
    first, again = await _give(client, org), await _give(client, org)
    other = await _give(client, org, amount="101")

    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert (await _spendable(client, org.al.headers))[0] == "900"


async def test_many_at_once_with_one_key_are_one_gift(client: httpx.AsyncClient, org: SampleOrg) -> None:
    answers = await asyncio.gather(*(_give(client, org) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert (await _spendable(client, org.al.headers))[0] == "900"


async def test_a_replay_shows_the_present_state(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """L6: the first answer's status and id with the present state."""
    gift = (await _give(client, org)).json()
    await client.post(f"{BASE}/transfers/{gift['id']}/cancel", headers=org.al.headers)
    again = await _give(client, org)

    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, gift["id"], "cancelled")


async def test_a_dry_run_plans_and_books_nothing(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """L6: it neither reads nor stores a key."""
    planned = await _give(client, org, key=None, dry_run=True)
    keyed = await _give(client, org, key="one", dry_run=True)
    real = await _give(client, org, key="one")

    assert (planned.status_code, keyed.status_code, real.status_code) == (200, 200, 202)
    assert planned.json()["id"] is None
    assert planned.json()["lots"][0]["amount"] == "100"
    assert "location" not in planned.headers
    assert "idempotency-replayed" not in real.headers


@pytest.mark.parametrize("key", [None, "", "é", "a\tb", "k" * 256, " ", " a", "a "])
async def test_a_gift_needs_a_proper_key(client: httpx.AsyncClient, org: SampleOrg, key: str | None) -> None:
    given = {"to": {"member": org.bo.id}, "amount": "1"}
    headers = {**org.al.headers, **({} if key is None else {"Idempotency-Key": key.encode("latin-1")})}
    answer = await client.post(f"{BASE}/transfer", json=given, headers=headers)

    assert (answer.status_code, answer.json()["code"]) in {(400, "idempotency_key_required"), (422, "invalid_request")}


BAD_AMOUNTS = (
    *(5, 0.5, True, None, [], {}, "", " 5", "5 ", "-5", "+5", "0", "0.000000", "1e9", "500.0000001", "٥٠٠"),
    *("1,000", "0x10", "5.", ".5", "5\n", "12345678901", "NaN", "1_000", "1000000001"),
)


async def test_an_amount_is_a_plain_string_of_credits_above_zero(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """G7."""
    for amount in BAD_AMOUNTS:
        answer = await _give(client, org, amount=amount)

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), amount
        assert answer.json()["errors"][0]["field"] == "amount"
    assert await _spendable(client, org.al.headers) == ("1000", "0", "0")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"message": "a\0b"}, "message"),
        ({"message": "x" * 501}, "message"),
        ({"message": 5}, "message"),
        ({"prefer": "cheapest"}, "prefer"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"to": {}}, "to"),
        ({"to": "Bo"}, "to"),
        ({"to": {"member": "mem_1", "pool": "team_1"}}, "to"),
        ({"to": {"org": "org_1"}}, "to"),
        ({"to": {"member": "x" * 41}}, "to.member"),
        ({"to": {"member": "mem_1", "name": "Bo"}}, "to.name"),
    ],
)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, org: SampleOrg, changes: dict[str, Any], field: str
) -> None:
    answer = await _give(client, org, **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_who_cannot_receive_is_told_apart(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """G7, and another organization's people are as unknown as anybody."""
    tried = {
        org.al.id: (422, "self_gift"),
        org.stranger.id: (422, "unknown_member"),
        "mem_nobody": (422, "unknown_member"),
        "mem_1": (422, "unknown_member"),
        org.team: (422, "unknown_member"),
        "mem_\0": (422, "invalid_request"),
    }
    for member, expected in tried.items():
        answer = await _give(client, org, to={"member": member})

        assert (answer.status_code, answer.json()["code"]) == expected


async def test_what_the_rules_refuse_names_the_rule(client: httpx.AsyncClient, org: SampleOrg) -> None:
    over_limit = await _give(client, org, amount="500.000001")
    more_than_had = await client.post(
        f"{BASE}/transfer",
        json={"to": {"member": org.al.id}, "amount": "5"},
        headers=org.bo.headers | {"Idempotency-Key": "one"},
    )

    assert (over_limit.status_code, over_limit.json()["code"]) == (403, "policy_refused")
    assert over_limit.json()["rule"] == "credits_per_gift"
    assert (more_than_had.status_code, more_than_had.json()["code"]) == (409, "insufficient_giftable")


@pytest.mark.parametrize(
    ("act", "who", "state"),
    [
        ("cancel", "al", "cancelled"),
        ("decline", "bo", "declined"),
        ("reject", "ada", "rejected"),
        ("settle-early", "ada", "settled"),
    ],
)
async def test_a_decision_is_taken_once_by_whom_it_is_to_take(
    client: httpx.AsyncClient, org: SampleOrg, act: str, who: str, state: str
) -> None:
    """G5."""
    gift = (await _give(client, org)).json()
    path, body = f"{BASE}/transfers/{gift['id']}/{act}", {"json": {"reason": "a slip"}} if act == "reject" else {}
    actor = getattr(org, who)
    others = {"al", "bo"} - {who}
    refused = [await client.post(path, headers=getattr(org, other).headers, **body) for other in sorted(others)]
    decided, again = [await client.post(path, headers=actor.headers, **body) for _ in range(2)]
    late = await client.post(f"{BASE}/transfers/{gift['id']}/cancel", headers=org.al.headers)

    assert {answer.status_code for answer in refused} == {403}
    assert (decided.status_code, decided.json()["state"]) == (200, state)
    assert (again.status_code, again.json()["state"], again.headers["idempotency-replayed"]) == (200, state, "true")
    if act != "cancel":
        assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "gift_not_pending", state)


async def test_a_rejection_needs_its_reason(client: httpx.AsyncClient, org: SampleOrg) -> None:
    gift = (await _give(client, org)).json()
    path = f"{BASE}/transfers/{gift['id']}/reject"
    answers = [
        await client.post(path, json=body, headers=org.ada.headers) for body in ({}, {"reason": ""}, {"reason": " "})
    ]

    assert {answer.status_code for answer in answers} == {422}


async def test_from_its_settlement_on_a_gift_cannot_be_stopped(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """G2: posted or not."""
    gift = (await _give(client, org)).json()
    org.clock.advance(PAST_SETTLEMENT)
    answer = await client.post(f"{BASE}/transfers/{gift['id']}/cancel", headers=org.al.headers)

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "gift_not_pending", "settled")


async def test_an_admin_claws_back_what_is_left_of_a_settled_gift(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """G6."""
    gift = (await _give(client, org)).json()
    path, given = f"{BASE}/transfers/{gift['id']}/reverse", {"reason": "the account was stolen"}
    early = await client.post(path, json=given, headers=org.ada.headers)
    org.clock.advance(PAST_SETTLEMENT)
    await settle_due(org.ledger)
    by_sender = await client.post(path, json=given, headers=org.al.headers)
    reversed_, again = [await client.post(path, json=given, headers=org.ada.headers) for _ in range(2)]

    assert (early.status_code, early.json()["code"], early.json()["state"]) == (409, "gift_not_pending", "pending")
    assert (by_sender.status_code, by_sender.json()["code"]) == (403, "insufficient_scope")
    assert (reversed_.status_code, reversed_.json()["state"]) == (200, "reversed")
    assert (again.status_code, again.json()["state"]) == (200, "reversed")
    assert (await _spendable(client, org.al.headers))[0] == "1000"


async def test_a_list_goes_on_where_the_page_before_ended(client: httpx.AsyncClient, org: SampleOrg) -> None:
    gifts = [(await _give(client, org, key=f"k{n}", to={"pool": org.team})).json() for n in range(2)]
    gifts += [(await _give(client, org, key="k3")).json()]
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{BASE}/transfers", params=params, headers=org.al.headers)).json()
        seen += [gift["id"] for gift in page["items"]]
        cursor = page["next_cursor"]
    pending = await client.get(f"{BASE}/transfers?state=cancelled", headers=org.al.headers)

    assert seen == [gift["id"] for gift in reversed(gifts)]
    assert cursor is None
    assert pending.json() == {"items": [], "next_cursor": None}
