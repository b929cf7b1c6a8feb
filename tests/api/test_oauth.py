"""Signing in a device (RFC 8628), and the page that tells the person what to do."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from core.services.people import devices
from tests.support.sample_org import SampleOrg, bearer

START, TOKEN = "/oauth/device_authorization", "/oauth/token"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT = {"client_id": "teamcredits-lsp"}


async def _start(client: httpx.AsyncClient, **fields: str) -> dict[str, str]:
    answer = await client.post(START, data={**CLIENT, "scope": "read give", "device": "Neovim on x", **fields})
    assert answer.status_code == 200, answer.text
    started: dict[str, str] = answer.json()
    return started


async def _poll(client: httpx.AsyncClient, started: dict[str, str]) -> httpx.Response:
    return await client.post(TOKEN, data={**CLIENT, "grant_type": GRANT, "device_code": started["device_code"]})


async def test_a_device_gets_its_token_only_after_approval_and_once(client: httpx.AsyncClient, org: SampleOrg) -> None:
    started = await _start(client)
    early = await _poll(client, started)
    seen = await devices.describe_device(org.ledger, actor=org.bo.actor, user_code=started["user_code"])
    await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started["user_code"])
    org.clock.advance(timedelta(seconds=2))
    granted, again = await _poll(client, started), await _poll(client, started)
    status = await client.get("/v1/status", headers=bearer(granted.json()["access_token"]))

    assert started["verification_uri"] == "http://credits.test/link"
    assert started["verification_uri_complete"] == f"http://credits.test/link?code={started['user_code']}"
    assert (started["expires_in"], started["interval"]) == (900, 2)
    assert (early.status_code, early.json()["error"]) == (400, "authorization_pending")
    assert (seen.device, seen.place, set(seen.scopes)) == ("Neovim on x", "127.0.0.1", {"read", "give"})
    assert granted.status_code == 200
    assert granted.json() | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "scope": "give read",
        "expires_in": 7_776_000,
    }
    assert granted.headers["cache-control"] == "no-store"
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert status.json()["member"]["id"] == org.bo.id


async def test_a_hasty_device_is_slowed_down_by_five_seconds_each_time(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    """RFC 8628 section 3.5."""
    started = await _start(client)
    errors = []
    for wait in (0, 1, 6, 12, 13):
        org.clock.advance(timedelta(seconds=wait))
        errors.append((await _poll(client, started)).json()["error"])

    assert errors == [
        "authorization_pending",
        "slow_down",
        "slow_down",
        "authorization_pending",
        "authorization_pending",
    ]


async def test_a_denied_and_a_lapsed_code_lead_nowhere(client: httpx.AsyncClient, org: SampleOrg) -> None:
    denied, lapsed = await _start(client), await _start(client)
    await devices.deny_device(org.ledger, actor=org.bo.actor, user_code=denied["user_code"])
    answered = await _poll(client, denied)
    org.clock.advance(devices.CODE_LIFE)
    late = await _poll(client, lapsed)

    assert (answered.status_code, answered.json()["error"]) == (400, "access_denied")
    assert (late.status_code, late.json()["error"]) == (400, "expired_token")


async def test_of_many_who_redeem_at_once_one_gets_the_token(client: httpx.AsyncClient, org: SampleOrg) -> None:
    started = await _start(client)
    await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started["user_code"])
    answers = await asyncio.gather(*(_poll(client, started) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9


@pytest.mark.parametrize(
    ("path", "fields", "error"),
    [
        (START, {"scope": "read"}, "invalid_request"),
        (START, {"client_id": "somebody"}, "invalid_client"),
        (START, CLIENT | {"scope": "read admin"}, "invalid_scope"),
        (START, CLIENT | {"scope": ""}, "invalid_scope"),
        (START, CLIENT | {"device": "x" * 81}, "invalid_request"),
        (START, CLIENT | {"device": "a\0b"}, "invalid_request"),
        (TOKEN, CLIENT, "unsupported_grant_type"),
        (TOKEN, CLIENT | {"grant_type": "password"}, "unsupported_grant_type"),
        (TOKEN, CLIENT | {"grant_type": GRANT}, "invalid_request"),
        (TOKEN, CLIENT | {"grant_type": GRANT, "device_code": "made up"}, "invalid_grant"),
    ],
)
async def test_a_wrong_form_is_refused_in_the_words_of_rfc_6749(
    client: httpx.AsyncClient, path: str, fields: dict[str, str], error: str
) -> None:
    answer = await client.post(path, data=fields)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error_description"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"client_id=teamcredits-lsp&client_id=teamcredits-lsp", "application/x-www-form-urlencoded", 400),
        (b"client_id=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=b"] * 100), "application/x-www-form-urlencoded", 400),
        (b"x" * (8 * 1024 * 1024), "application/x-www-form-urlencoded", 413),
        (b'{"client_id": "teamcredits-lsp"}', "application/json", 415),
        (b"", "", 415),
    ],
)
async def test_what_is_no_form_is_refused(
    client: httpx.AsyncClient, content: bytes, media_type: str, status: int
) -> None:
    answer = await client.post(START, content=content, headers={"Content-Type": media_type})

    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


async def test_the_page_shows_the_code_and_runs_nothing(client: httpx.AsyncClient) -> None:
    page = await client.get("/link?code=wdjb-mjht")
    forged = await client.get("/link", params={"code": "<script>alert(1)</script>"})

    assert page.status_code == 200
    assert "/credits link WDJB-MJHT" in page.text
    assert '<html lang="en">' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text + forged.text
    assert "/credits link CODE" in forged.text
