"""Authorizations over HTTP: a gateway asks before a request and tells after it (S2)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from core.services.common.actors import Scope
from core.services.people import members
from core.services.usage.hold_sweep import free_due_holds
from core.services.wallet.verify import verify
from tests.support.sample_org import SampleOrg

BASE = "/v1/usage/authorizations"
MODEL = "gpt-6-sol"  # 50 credits for a million tokens read, 250 for a million written


@pytest.fixture
async def gateway(org: SampleOrg) -> dict[str, str]:
    """The token of a service, which spends for everybody."""
    service = await members.add_member(org.ledger, actor=org.ada.actor, name="Gateway", kind="service")
    return await org.token(_named(service.id), Scope.SPEND)


class _named:  # noqa: N801  (a stand-in for a person: only the id is asked for)
    def __init__(self, member_id: str) -> None:
        self.id = member_id


async def _authorize(
    client: httpx.AsyncClient, headers: dict[str, str], org: SampleOrg, *, key: str = "one", **changes: Any
) -> httpx.Response:
    """Ask for 100,000 tokens read and 4,000 written at most: 5 + 1 credits."""
    given = {"model": MODEL, "member": org.al.id, "input_tokens": 100_000, "max_tokens": 4_000} | changes
    return await client.post(BASE, json=given, headers=headers | {"Idempotency-Key": key})


async def _balance(client: httpx.AsyncClient, org: SampleOrg) -> tuple[str, str]:
    shown = (await client.get("/v1/billing/credits/balance", headers=org.al.headers)).json()
    return shown["spendable"], shown["held"]["usage"]


async def test_what_is_authorized_is_held_and_what_was_used_is_charged(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    await org.grant(org.al, "10")
    opened = await _authorize(client, gateway, org)
    while_held = await _balance(client, org)
    used = {"input_tokens": 100_000, "cached_tokens": 90_000, "output_tokens": 1_000}
    captured = await client.post(f"{opened.headers['location']}/capture", json=used, headers=gateway)
    again = await client.post(f"{opened.headers['location']}/capture", json=used, headers=gateway)

    assert (opened.status_code, opened.json()["state"], opened.json()["amount"]) == (201, "open", "6")
    assert while_held == ("4", "6")
    assert [captured.json()[name] for name in ("state", "charged", "overage")] == ["captured", "1.2", "0"]
    assert again.json() == captured.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await _balance(client, org) == ("8.8", "0")
    assert (await verify(org.ledger)).clean


async def test_a_model_that_the_card_does_not_know_is_flagged(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S3: never zero, and never in silence; also after a load that knows the model."""
    await org.grant(org.al, "1000")
    known = await _authorize(client, gateway, org)
    unknown = await _authorize(client, gateway, org, key="two", model="nobody-knows")
    org.clock.advance(timedelta(seconds=2))
    row = {"model": "nobody-knows", "effective_from": "2026-01-01", "input": "1", "cached_input": "1", "output": "1"}
    loaded = await client.post("/v1/ratecards", json={"rows": [row]}, headers=org.ada.headers)
    org.clock.advance(timedelta(seconds=2))
    by_now = await _authorize(client, gateway, org, key="three", model="nobody-knows")
    again = await _authorize(client, gateway, org, key="two", model="nobody-knows")
    captured = await client.post(f"{unknown.headers['location']}/capture", json={"input_tokens": 100}, headers=gateway)
    listed = (await client.get(f"{BASE}?member={org.al.id}", headers=gateway)).json()["items"]

    assert loaded.status_code == 200
    shown = (known, unknown, by_now, again, captured)
    assert [each.json()["fallback"] for each in shown] == [False, True, False, True, True]
    assert [each["fallback"] for each in listed] == [False, True, False]


async def test_without_funds_the_answer_is_402_with_every_limit_and_what_would_help(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S1: the trace comes with the refusal, and nothing is held."""
    await org.grant(org.al, "2.5")
    answer = await _authorize(client, gateway, org)
    problem = answer.json()

    assert (answer.status_code, problem["code"]) == (402, "insufficient_credits")
    assert (problem["needed"], problem["spendable"], problem["ask_for"]) == ("6", "2.5", "3.5")
    assert problem["trace"][0] == {"limit": "wallet", "headroom": "2.5", "blocks": True, "until": None}
    assert "Ask for 3.5 cr more" in problem["detail"]
    assert await _balance(client, org) == ("2.5", "0")


async def test_a_hundred_at_once_against_funds_for_ten_grant_exactly_ten(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S2, L2."""
    await org.grant(org.al, "60")
    answers = await asyncio.gather(*(_authorize(client, gateway, org, key=str(n)) for n in range(100)))

    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [402] * 90
    assert await _balance(client, org) == ("0", "60")


async def test_a_late_capture_charges_what_there_is_and_the_rest_is_owed(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S2: at its deadline a hold is freed; what is captured later is marked as late, and nothing is refused."""
    await org.grant(org.al, "7")
    opened = await _authorize(client, gateway, org, seconds=60)
    org.clock.advance(timedelta(seconds=60))
    used = {"input_tokens": 200_000, "output_tokens": 0}
    late = (await client.post(f"{opened.headers['location']}/capture", json=used, headers=gateway)).json()

    assert (late["state"], late["late"], late["charged"], late["overage"]) == ("captured", True, "10", "3")
    assert await _balance(client, org) == ("0", "0")
    await org.grant(org.al, "5", key="later")
    assert await _balance(client, org) == ("2", "0")
    assert (await verify(org.ledger)).clean


async def test_a_gateway_names_people_by_their_addresses_too(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """As reported usage does."""
    cy = await members.add_member(org.ledger, actor=org.ada.actor, name="Cy", email="cy@acme.example")
    small = {"input_tokens": 0, "max_tokens": 0}
    opened = await _authorize(client, gateway, org, member="CY@acme.example", **small)
    unknown = await _authorize(client, gateway, org, key="two", member="nobody@acme.example")
    nonsense = await _authorize(client, gateway, org, key="three", member="Cy")

    assert (opened.status_code, opened.json()["member"]) == (201, cy.id)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_member")
    assert "by e-mail address" in unknown.json()["detail"]
    assert (nonsense.status_code, nonsense.json()["field"]) == (422, "member")


async def test_a_capture_is_of_the_tier_that_was_authorized_unless_it_says_another(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S3: what was held at twice the rate is not charged at once of it because the gateway did not say so again."""
    await org.grant(org.al, "100")
    used = {"input_tokens": 100_000}
    says = [{}, {"tier": "standard"}, {"tier": "batch"}, {"model": "gpt-6-luna"}]
    charged = []
    for number, said in enumerate(says):
        opened = await _authorize(client, gateway, org, key=str(number), tier="fast")
        captured = await client.post(f"{opened.headers['location']}/capture", json=used | said, headers=gateway)
        charged.append(captured.json()["charged"])

    assert (opened.json()["tier"], opened.json()["amount"]) == ("fast", "12")
    assert charged == ["10", "5", "2.5", "0.25"]
    assert (await verify(org.ledger)).clean


async def test_what_nothing_covered_stands_in_the_statement_too(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S2: late captures and overage are seen by whose they are, also where the wallet gave nothing."""
    await org.grant(org.al, "6")
    opened = await _authorize(client, gateway, org, seconds=60)
    org.clock.advance(timedelta(seconds=60))
    await free_due_holds(org.ledger)
    await client.post("/v1/billing/credits/transfer", json=_all_to_bo(org), headers=_keyed(org, "all of it"))
    await client.post(f"{opened.headers['location']}/capture", json={"input_tokens": 20_000}, headers=gateway)
    lines = (await client.get("/v1/billing/credits/statement", headers=org.al.headers)).json()["items"]
    text = (await client.get("/v1/billing/credits/statement?format=csv", headers=org.al.headers)).text

    balance = (await client.get("/v1/billing/credits/balance", headers=org.al.headers)).json()

    rated = {"card": opened.json()["card"], "fallback": False, "happened_at": None}
    owed = {"model": MODEL, **rated, "cost": "1", "allowance": "0", "overage": "1", "late": True}
    charged = [line for line in lines if line["usage"]]
    assert [(line["kind"], line["amount"], line["usage"]) for line in charged] == [("capture", "0", owed)]
    assert balance["owed"] == "1"
    assert {line["kind"] for line in lines} >= {"hold", "hold_expire", "capture"}
    assert f"capture,0,,,gpt-6-sol,,{rated['card']},,1,0,1,late" in text


def _all_to_bo(org: SampleOrg) -> dict[str, Any]:
    return {"to": {"member": org.bo.id}, "amount": "6"}


def _keyed(org: SampleOrg, key: str) -> dict[str, str]:
    return org.al.headers | {"Idempotency-Key": key}


async def test_a_hold_is_freed_once(client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]) -> None:
    await org.grant(org.al, "6")
    path = (await _authorize(client, gateway, org)).headers["location"]
    freed = await client.post(f"{path}/release", headers=gateway)
    captured = await client.post(f"{path}/capture", json={"input_tokens": 1}, headers=gateway)

    assert freed.json()["state"] == "released"
    assert (captured.status_code, captured.json()["code"], captured.json()["state"]) == (409, "hold_closed", "released")
    assert await _balance(client, org) == ("6", "0")


async def test_somebody_elses_hold_is_not_found(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    await org.grant(org.al, "6")
    path = (await _authorize(client, gateway, org)).headers["location"]
    bo = await org.token(org.bo, Scope.SPEND)
    tried = [
        await client.post(f"{path}/capture", json={"input_tokens": 1}, headers=bo),
        await client.post(f"{path}/release", headers=bo),
        await client.get(path, headers=bo),
    ]
    foreign = await _authorize(client, bo, org, key="theirs")

    assert [answer.status_code for answer in tried] == [404] * 3
    assert (foreign.status_code, foreign.json()["code"]) == (403, "not_allowed")
    assert await _balance(client, org) == ("0", "6")


async def test_a_member_closes_only_what_they_opened(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S2: else they could close a gateway's hold for nothing, before it tells what was used."""
    await org.grant(org.al, "12")
    al = await org.token(org.al, Scope.SPEND)
    theirs = (await _authorize(client, gateway, org)).headers["location"]
    tried = [
        await client.post(f"{theirs}/capture", json={"input_tokens": 0}, headers=al),
        await client.post(f"{theirs}/release", headers=al),
    ]
    captured = await client.post(f"{theirs}/capture", json={"input_tokens": 20_000}, headers=gateway)
    own = (await _authorize(client, al, org, key="own")).headers["location"]
    freed = await client.post(f"{own}/release", headers=al)

    assert [(answer.status_code, answer.json()["code"]) for answer in tried] == [(403, "not_allowed")] * 2
    assert (captured.status_code, captured.json()["charged"]) == (200, "1")
    assert (freed.status_code, freed.json()["state"]) == (200, "released")


@pytest.mark.parametrize("said", [{}, {"cached_tokens": 0}, {"model": "gpt-6-sol"}])
async def test_a_capture_that_says_nothing_of_what_was_used_charges_nothing(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str], said: dict[str, Any]
) -> None:
    await org.grant(org.al, "6")
    path = (await _authorize(client, gateway, org)).headers["location"]
    empty = await client.post(f"{path}/capture", json=said, headers=gateway)
    still = await client.get(path, headers=gateway)
    nothing = await client.post(f"{path}/capture", json={"input_tokens": 0}, headers=gateway)

    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "input_tokens")
    assert still.json()["state"] == "open"
    assert (nothing.json()["state"], nothing.json()["charged"]) == ("captured", "0")


@pytest.mark.parametrize("member", ["nobody", "mem_2000000zz", "team_20000001"])
async def test_somebody_who_is_not_here_is_told_as_such(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str], member: str
) -> None:
    answer = await _authorize(client, gateway, org, member=member)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_member")


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_tokens": -1},
        {"input_tokens": 10**18},
        {"input_tokens": 10, "cached_tokens": 11},
        {"model": ""},
        {"seconds": 0},
        {"tier": "warp"},
        {"max_tokens": "many"},
    ],
)
async def test_what_cannot_be_is_refused_and_holds_nothing(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str], wrong: dict[str, Any]
) -> None:
    await org.grant(org.al, "100")
    answer = await _authorize(client, gateway, org, **wrong)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert await _balance(client, org) == ("100", "0")


async def test_holds_are_listed_newest_first(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    await org.grant(org.al, "100")
    opened = [(await _authorize(client, gateway, org, key=str(n))).json()["id"] for n in range(3)]
    await client.post(f"{BASE}/{opened[1]}/release", headers=gateway)
    first = (await client.get(f"{BASE}?member={org.al.id}&limit=2", headers=gateway)).json()
    path = f"{BASE}?member={org.al.id}&limit=2&cursor={first['next_cursor']}"
    rest = (await client.get(path, headers=gateway)).json()
    still = (await client.get(f"{BASE}?member={org.al.id}&state=open", headers=gateway)).json()

    assert [each["id"] for each in (*first["items"], *rest["items"])] == opened[::-1]
    assert [each["id"] for each in still["items"]] == [opened[2], opened[0]]
