"""Two clicks over HTTP that make a member, a plan or a team have one effect (L6)."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.support.sample_org import SampleOrg

MEMBER = ("/v1/members", {"name": "Twin", "email": "twin@acme.example"}, "member")
PLAN = ("/v1/plans", {"name": "Pro", "weekly": "100"}, "plan")
TEAM = ("/v1/teams", {"name": "Dup"}, "team")
each_of_them = pytest.mark.parametrize(("path", "body", "fact"), [MEMBER, PLAN, TEAM], ids=["member", "plan", "team"])


@each_of_them
async def test_a_double_click_makes_one_and_names_it_to_the_second(
    client: httpx.AsyncClient, org: SampleOrg, path: str, body: dict[str, str], fact: str
) -> None:
    first = await client.post(path, json=body, headers=org.ada.headers)
    listed = (await client.get(path, headers=org.ada.headers)).json()
    second = await client.post(path, json=body, headers=org.ada.headers)
    again = (await client.get(path, headers=org.ada.headers)).json()
    elsewhere = await client.post(path, json=body, headers=org.stranger.headers)

    assert (first.status_code, second.status_code, elsewhere.status_code) == (201, 409, 201)
    assert second.headers["content-type"] == "application/problem+json"
    assert (second.json()["code"], second.json()[fact]) == ("already_exists", first.json()["id"])
    assert first.json()["id"] in second.json()["detail"]
    assert again == listed


@each_of_them
async def test_of_two_clicks_at_one_instant_one_is_made(
    client: httpx.AsyncClient, org: SampleOrg, path: str, body: dict[str, str], fact: str
) -> None:
    clicks = (client.post(path, json=body, headers=org.ada.headers) for _ in range(2))
    made, refused = sorted(await asyncio.gather(*clicks), key=lambda answer: answer.status_code)

    assert (made.status_code, refused.status_code) == (201, 409)
    assert refused.json()[fact] == made.json()["id"]


async def test_after_a_double_click_usage_still_finds_its_member_by_e_mail(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    path, body, _ = MEMBER
    for _ in range(2):
        await client.post(path, json=body, headers=org.ada.headers)
    used = {"model": "gpt-6-sol", "input_tokens": 1, "output_tokens": 1}
    event = {"specversion": "1.0", "type": "com.teamcredits.usage", "source": "gateway", "id": "1", "data": used}
    told = [{**event, "subject": "twin@acme.example"}]
    headers = org.ada.headers | {"Content-Type": "application/cloudevents-batch+json"}
    answer = await client.post("/v1/usage/events", json=told, headers=headers)

    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, [])
