"""The founding case through the door, at a tenth: hundreds apply at once to a real server, and 31 days go by.

The whole number is in ``tests/services/boosts/test_founding_case.py`` and, through HTTP, in the benchmark ``rush``.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from core.services.people import organizations
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.clock import ClockFile
from tests.support.crowd import Newcomer, a_crowd
from tests.support.rush import rush
from tests.support.sample_org import bearer
from tests.support.servers import running_server
from tests.support.waiting import eventually

CAPACITY, APPLICANTS, CONNECTIONS = 800, 950, 64
DAY = timedelta(days=1)


async def test_hundreds_apply_at_once_and_exactly_the_capacity_has_the_boost_until_its_end(
    tmp_path: Path, sqlite_url: str
) -> None:
    clock = ClockFile(tmp_path / "clock")
    people, admin = await _settle(sqlite_url, clock)
    with running_server(tmp_path, sqlite_url, clock_file=str(clock.path)) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            campaign = await _campaign(client, admin, clock)
            applied = await rush(server.port, campaign, people, connections=CONNECTIONS)
            again = await rush(server.port, campaign, people[:25], connections=1)
            seen = (await client.get(f"/v1/boosts/campaigns/{campaign}", headers=admin)).json()

            states = Counter(each.answer["state"] for each in applied)
            assert states == {"admitted": CAPACITY, "waitlisted": APPLICANTS - CAPACITY}
            assert seen["counts"] == dict.fromkeys(("applied", "refused", "withdrawn"), 0) | states
            ids = {each.answer["member"]: each.answer["id"] for each in applied}
            assert len(set(ids.values())) == APPLICANTS
            assert all(ids[each.answer["member"]] == each.answer["id"] for each in again)

            lucky = next(each.person for each in applied if each.answer["state"] == "admitted")
            for days, boost in ((0.5, None), (1, 10), (30, 10), (0.5, None)):
                clock.advance(days * DAY)
                status = await _status(client, lucky)
                assert (status["boost"] or {}).get("factor") == boost
            await eventually(lambda: _told(client, lucky, "has ended"))


async def _settle(url: str, clock: ClockFile) -> tuple[list[Newcomer], dict[str, str]]:
    """Begin an organization with all its people, and close the house again."""
    ledger = open_ledger(some_settings(url), clock=clock)
    try:
        org, _, token = await organizations.create_organization(ledger, name="Acme", admin_name="Ada")
        operator = await organizations.operator(ledger, org=org)
        return a_crowd(ledger, operator.org_id, APPLICANTS), bearer(token)
    finally:
        ledger.close()


async def _campaign(client: httpx.AsyncClient, admin: dict[str, str], clock: ClockFile) -> str:
    opens = clock()
    terms = {
        "name": "Ten",
        "factor": 10,
        "capacity": CAPACITY,
        "closes_at": (opens + DAY).isoformat(),
        "starts_at": (opens + DAY).isoformat(),
        "ends_at": (opens + 32 * DAY).isoformat(),
    }
    made = await client.post("/v1/boosts/campaigns", json=terms, headers=admin | {"Idempotency-Key": "founding"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _status(client: httpx.AsyncClient, person: Newcomer) -> dict[str, Any]:
    status: dict[str, Any] = (await client.get("/v1/status", headers=person.headers)).json()
    return status


async def _told(client: httpx.AsyncClient, person: Newcomer, words: str) -> list[str]:
    return [each["text"] for each in (await _status(client, person))["notices"] if words in each["text"]]
