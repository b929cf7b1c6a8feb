"""The straight way to a handler: what a gateway is answered does not depend on which way its request took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from core.api.guard import GuardedRoute
from core.api.schemas.holds import hold_json, hold_shown
from core.api.straight import StraightRoute
from core.ledger.credits import ZERO, Credits
from core.services.common.actors import Scope
from core.services.usage.holds import HoldState, HoldView
from tests.support.sample_org import SampleOrg

BASE = "/v1/usage/authorizations"
RIGHT = {"model": "gpt-6-sol", "input_tokens": 100_000, "max_tokens": 4_000}
JSON = {"Content-Type": "application/json"}
CHANGING = ("id", "created_at", "deadline_at")


async def _answers(client: httpx.AsyncClient, org: SampleOrg, key: str) -> list[tuple[int, Any, dict[str, str]]]:
    """Ask in every way that can go right or wrong, using up nothing; return status, body and headers of each answer."""
    spends = await org.token(org.al, Scope.SPEND)
    keyed = spends | {"Idempotency-Key": key}
    opened = await client.post(BASE, json=RIGHT, headers=keyed)
    place = opened.headers["location"]
    asked = [
        opened,
        await client.post(BASE, json=RIGHT, headers=keyed),
        await client.post(BASE, json=RIGHT | {"input_tokens": 5}, headers=keyed),
        await client.post(BASE, json=RIGHT, headers=spends),
        await client.post(BASE, json=RIGHT, headers=keyed | {"Idempotency-Key": " "}),
        await client.post(BASE, json=RIGHT | {"input_tokens": 10**9}, headers=keyed | {"Idempotency-Key": f"{key}2"}),
        await client.post(BASE, json=RIGHT | {"input_tokens": "5", "models": 1}, headers=keyed),
        await client.post(BASE, json=RIGHT | {"member": org.bo.id}, headers=keyed),
        await client.post(BASE, json=[RIGHT], headers=keyed),
        await client.post(BASE, content=b"null", headers=keyed | JSON),
        await client.post(BASE, content=b"{", headers=keyed | JSON),
        await client.post(BASE, headers=keyed),
        await client.post(BASE, content=b"model=1", headers=keyed | {"Content-Type": "text/plain"}),
        await client.post(f"{BASE}?dry_run=1", json=RIGHT, headers=keyed),
        await client.post(BASE, json=RIGHT),
        await client.put(BASE, json=RIGHT, headers=keyed),
        await client.post(f"{place}/capture", json={"output_tokens": -1}, headers=keyed),
        await client.post(f"{BASE}/hold_nobodys/capture", json={"output_tokens": 1}, headers=keyed),
        await client.post(f"{place}/capture", json={}, headers=keyed),
        await client.post(f"{place}/capture", json={"output_tokens": 0}, headers=keyed),
        await client.post(f"{place}/capture", json={"output_tokens": 0}, headers=keyed),
        await client.post(f"{place}/release", headers=keyed),
        await client.head(place, headers=keyed),
    ]
    return [(each.status_code, _lasting(each), _headers(each)) for each in asked]


def _lasting(answer: httpx.Response) -> Any:
    body = answer.json() if answer.content else None
    return {name: value for name, value in body.items() if name not in CHANGING} if isinstance(body, dict) else body


def _headers(answer: httpx.Response) -> dict[str, str]:
    kept = {name: value for name, value in answer.headers.items() if name not in {"location", "content-length"}}
    return kept | {"location": str("location" in answer.headers)}


async def test_either_way_gives_the_same_answers(
    client: httpx.AsyncClient, org: SampleOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    await org.grant(org.al, "50")
    straight = await _answers(client, org, "straight")
    monkeypatch.setattr(StraightRoute, "handle", GuardedRoute.handle)
    usual = await _answers(client, org, "usual")

    assert [status for status, _, _ in straight[:6]] == [201, 201, 409, 400, 422, 402]
    assert straight == usual


@pytest.mark.parametrize("micros", [0, 1, 250_000])
def test_a_hold_is_written_as_its_schema_shows_it(micros: int) -> None:
    opened = datetime(2026, 11, 20, 12, 0, 0, micros, tzinfo=UTC)
    hold = HoldView(
        "hold_1",
        HoldState.CAPTURED,
        "mem_1",
        'gpt "é" \u2028',
        Credits(micros),
        ZERO,
        opened,
        opened + timedelta(minutes=15),
        "2026-09-29-5b1c9a04",
        Credits(1_500_000),
        ZERO,
        is_late=bool(micros),
        closed_at=opened if micros else None,
        tier="fast" if micros else None,
    )

    assert hold_json(hold) == hold_shown(hold).model_dump_json().encode()
