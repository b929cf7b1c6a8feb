"""Health, readiness and numbers."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from core.api.app import create_app
from tests.support.builders import some_settings
from tests.support.sample_org import SampleOrg


async def test_a_server_lives_and_is_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ok"}


async def test_without_its_database_it_lives_but_is_not_ready(client: httpx.AsyncClient, org: SampleOrg) -> None:
    org.ledger.close()
    ready = await client.get("/readyz")

    assert (await client.get("/healthz")).status_code == 200
    assert (ready.status_code, ready.json()["code"], ready.headers["retry-after"]) == (503, "overloaded", "1")


async def test_numbers_name_routes_never_ids(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await client.get(f"/v1/members/{org.bo.id}", headers=org.bo.headers)
    await client.get("/wp-login.php")
    numbers = (await client.get("/metrics")).text

    assert 'teamcredits_http_requests_total{method="GET",route="/v1/members/{member_id}",status="200"} 1.0' in numbers
    assert 'teamcredits_http_requests_total{method="GET",route="unknown",status="404"} 1.0' in numbers
    assert "teamcredits_journal_waiting 0.0" in numbers
    assert org.bo.id not in numbers
    assert "wp-login" not in numbers


def test_two_apps_count_apart(app: FastAPI, org: SampleOrg) -> None:
    other = create_app(org.ledger, some_settings())

    assert other.state.metrics.registry is not app.state.metrics.registry
