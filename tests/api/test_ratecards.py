"""Rate cards over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.sample_org import SampleOrg

ROW = {"model": "sol", "effective_from": "2026-01-01", "input": "50", "cached_input": "5", "output": "250"}


async def test_rates_are_loaded_by_an_admin_and_seen_by_everybody(client: httpx.AsyncClient, org: SampleOrg) -> None:
    body = {"unit": "credits per 1,000,000 tokens; 25 credits = 1 USD", "note": "ours", "rows": [ROW]}
    tried = await client.post("/v1/ratecards", json={**body, "dry_run": True}, headers=org.ada.headers)
    loaded = await client.post("/v1/ratecards", json=body, headers=org.ada.headers)
    card = (await client.get("/v1/ratecards", headers=org.bo.headers)).json()

    assert (tried.status_code, loaded.status_code) == (200, 200)
    assert {**tried.json(), "dry_run": False} == loaded.json()
    assert card["version"] == loaded.json()["version"]
    assert next(each for each in card["rates"] if each["model"] == "sol") == {
        **ROW,
        "provider": None,
        "cache_write": None,
        "cache_write_1h": None,
        "tiers": {"batch": "0.5", "fast": "2", "flex": "0.5", "priority": "2"},
        "source": None,
        "load": 1,
        "loaded_at": "2026-11-20T12:00:00Z",
    }


async def test_a_moment_and_a_load_can_be_asked_for(client: httpx.AsyncClient, org: SampleOrg) -> None:
    def sol(answer: httpx.Response) -> str | None:
        return next((each["input"] for each in answer.json()["rates"] if each["model"] == "sol"), None)

    await client.post("/v1/ratecards", json={"rows": [ROW]}, headers=org.ada.headers)
    await client.post("/v1/ratecards", json={"rows": [ROW | {"input": "60"}]}, headers=org.ada.headers)
    early = await client.get("/v1/ratecards?at=2025-12-31T23:59:59Z", headers=org.bo.headers)
    first = await client.get("/v1/ratecards?load=1", headers=org.bo.headers)
    last = await client.get("/v1/ratecards", headers=org.bo.headers)

    assert (sol(early), sol(first), sol(last)) == (None, "50", "60")
    assert (await client.get("/v1/ratecards?load=3", headers=org.bo.headers)).status_code == 404
    assert (await client.get("/v1/ratecards?at=2020-01-01T00:00:00Z", headers=org.bo.headers)).status_code == 422


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "an object"),
        ({}, "a list of 1 to 10,000 rows"),
        ({"rows": [ROW | {"input": 50}]}, "row 1 ('sol'): input must be a string, not 50"),
        ({"rows": [ROW | {"model": ""}]}, "row 1 (''): model must not be empty"),
        ({"rows": [ROW, ROW | {"model": "luna", "cach": "5"}]}, "row 2 ('luna'): there is no field 'cach'"),
        ({"rows": [ROW], "dry_run": "yes"}, "dry_run"),
        ({"rows": [ROW], "currency": "USD"}, "there is no field 'currency'"),
    ],
)
async def test_what_is_wrong_is_said(client: httpx.AsyncClient, org: SampleOrg, body: Any, said: str) -> None:
    answer = await client.post("/v1/ratecards", json=body, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert said in answer.json()["detail"]


async def test_a_file_larger_than_usual_bodies_is_taken(client: httpx.AsyncClient, org: SampleOrg) -> None:
    rows = [ROW | {"model": f"model-{number}", "source": "x" * 100} for number in range(10_000)]
    answer = await client.post("/v1/ratecards", json={"rows": rows}, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["added"]) == (200, 10_000)
    assert (await client.post("/v1/ratecards", content=b" " * 4_194_305, headers=org.ada.headers)).status_code == 413
