"""Reported usage over HTTP: CloudEvents in JSON, each event judged by itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from core.services.common.actors import Scope
from tests.support.sample_org import SampleOrg, write_down

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
USED = {"model": "gpt-6-sol", "input_tokens": 72_762, "cached_tokens": 71_168, "output_tokens": 296}


def event(number: int | str = 1, **changes: Any) -> dict[str, Any]:
    told = {"specversion": "1.0", "type": "com.teamcredits.usage", "source": "gateway", "id": str(number), "data": USED}
    return {key: value for key, value in {**told, **changes}.items() if value is not ...}


async def report(client: httpx.AsyncClient, headers: dict[str, str], body: Any, **more: str) -> httpx.Response:
    media_type = {"Content-Type": BATCH if isinstance(body, list) else STRUCTURED}
    return await client.post("/v1/usage/events", content=json.dumps(body), headers=media_type | headers | more)


@pytest.fixture
async def gateway(client: httpx.AsyncClient, org: SampleOrg) -> dict[str, str]:
    """The token of a service that reports for everybody."""
    named = {"name": "gateway", "kind": "service"}
    service = (await client.post("/v1/members", json=named, headers=org.ada.headers)).json()["id"]
    body = {"label": "gateway", "scopes": ["spend"], "member": service}
    token = (await client.post("/v1/tokens", json=body, headers=org.ada.headers)).json()["token"]
    return {"Authorization": f"Bearer {token}"}


async def spendable(client: httpx.AsyncClient, org: SampleOrg) -> str:
    answer = await client.get("/v1/billing/credits/balance", headers=org.bo.headers)
    return str(answer.json()["spendable"])


async def test_a_gateway_reports_what_somebody_used(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """1,594 new tokens at 50, 71,168 cached at 5, 296 written at 250 credits a million: 0.50954 credits."""
    await org.grant(org.bo, "10")
    answer = await report(client, gateway, event(subject=org.bo.id))

    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert await spendable(client, org) == "9.49046"


async def test_the_same_event_again_is_a_duplicate_and_other_content_a_conflict(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S4."""
    await org.grant(org.bo, "10")
    told = [event(1, subject=org.bo.id), event(2, subject=org.bo.id), event(2, subject=org.bo.id)]
    first = (await report(client, gateway, told)).json()
    changed = event(1, subject=org.bo.id, data=USED | {"output_tokens": 297})
    second = (await report(client, gateway, [changed, *told, event(3, subject=org.bo.id)])).json()

    assert first == {"accepted": 2, "duplicates": 1, "rejected": []}
    assert (second["accepted"], second["duplicates"]) == (1, 3)
    assert [(each["index"], each["id"], each["code"]) for each in second["rejected"]] == [
        (0, "1", "idempotency_conflict")
    ]


async def test_what_happened_is_never_refused_for_lack_of_funds(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """S2."""
    answer = await report(client, gateway, event(subject=org.bo.id))

    assert answer.json()["accepted"] == 1


WRONG: list[tuple[dict[str, Any] | object, str, str]] = [
    ("text", "invalid_request", "An event is an object"),
    (event(specversion="0.3"), "invalid_request", 'specversion must be "1.0"'),
    (event(type="com.example.other"), "invalid_request", "type must be"),
    (event(source=""), "invalid_request", "source must be 1 to 900"),
    (event(source=...), "invalid_request", "source must be 1 to 900"),
    (event(id="x" * 901), "invalid_request", "id must be 1 to 900"),
    (event(id=7), "invalid_request", "id must be"),
    (event(id="a\0b"), "invalid_request", "id must be"),
    (event(time="yesterday"), "invalid_request", "time is written like"),
    (event(time="2026-11-20T12:05:01Z"), "invalid_request", "time lies in the future: here it is 2026-11-20T12:00:00Z"),
    (event(time="2026-11-20T11:59:59Z"), "invalid_request", "before the books were opened, at 2026-11-20T12:00:00Z"),
    (event(time="2026-13-41T00:00:00Z"), "invalid_request", "time is written like"),
    (event(subject="mem_zzzz"), "unknown_member", "Member not found"),
    (event(subject="nobody@acme.example"), "unknown_member", "Member not found"),
    (event(subject="Bo"), "unknown_member", "by id or by e-mail"),
    (event(data=...), "invalid_request", "data must be an object"),
    (event(data={"input_tokens": 1}), "invalid_request", "model must be a string"),
    (event(data={"model": "sol"}), "invalid_request", "input_tokens, output_tokens or both"),
    (event(data=USED | {"output_tokens": -1}), "invalid_request", "output_tokens must be between 0"),
    (event(data=USED | {"output_tokens": 10**18}), "invalid_request", "1,000,000,000,000,000,000"),
    (event(data=USED | {"output_tokens": 10**30}), "invalid_request", "between 0 and 1,000,000,000, not 1e+30"),
    (event(data=USED | {"output_tokens": 1.5}), "invalid_request", "whole number"),
    (event(data=USED | {"output_tokens": True}), "invalid_request", "whole number"),
    (event(data=USED | {"output_tokens": "5"}), "invalid_request", "whole number"),
    (event(data=USED | {"cached_tokens": 72_763}), "invalid_request", "input_tokens is the whole prompt"),
    (event(data=USED | {"cache_tokens": 5}), "invalid_request", "data has no field 'cache_tokens'"),
    (event(data=USED | {"tier": "turbo"}), "invalid_request", "it knows: standard, batch, fast"),
    (event(data=USED | {"model": "x" * 201}), "invalid_request", "200 printable"),
    (event(datacontenttype="text/xml"), "invalid_request", "as a JSON object"),
    (event(data_base64="e30="), "invalid_request", "as a JSON object"),
    (event(Subject="bo"), "invalid_request", "'Subject' is no attribute's name"),
]


async def test_each_wrong_event_is_named_and_its_neighbours_are_charged(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    bodies = [body for body, _, _ in WRONG]
    answer = (await report(client, gateway, [event("first"), *bodies, event("last")])).json()

    assert (answer["accepted"], answer["duplicates"], len(answer["rejected"])) == (2, 0, len(WRONG))
    for index, (got, (body, code, said)) in enumerate(zip(answer["rejected"], WRONG, strict=True), start=1):
        assert (got["index"], got["code"]) == (index, code), (got, body)
        assert said in got["detail"], (got, body)


async def test_people_are_known_by_their_e_mail_whatever_its_case(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    cy = {"name": "Cy", "email": "Cy@acme.example"}
    await client.post("/v1/members", json=cy, headers=org.ada.headers)
    for name in ("Di", "Ed"):
        write_down(org, name, "Shared@acme.example")
    told = [event(1, subject="cy@ACME.example"), event(2, subject="shared@acme.example")]
    answer = (await report(client, gateway, told)).json()

    assert answer["accepted"] == 1
    assert "2 members have this e-mail address" in answer["rejected"][0]["detail"]


async def test_people_report_for_themselves_only(client: httpx.AsyncClient, org: SampleOrg) -> None:
    own = await org.token(org.bo, Scope.SPEND)
    told = [event(1), event(2, subject=org.bo.id), event(3, subject=org.al.id)]
    answer = (await report(client, own, told)).json()

    assert answer["accepted"] == 2
    assert [(each["id"], each["code"]) for each in answer["rejected"]] == [("3", "not_allowed")]


async def test_nobody_takes_a_gateways_ids(client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]) -> None:
    """Else a tiny event of one's own would make the gateway's true one a conflict."""
    cheap = event(1, data={"model": "gpt-6-luna", "input_tokens": 1})
    await report(client, await org.token(org.bo, Scope.SPEND), cheap)
    answer = await report(client, gateway, event(1, subject=org.bo.id))

    assert answer.json()["accepted"] == 1


async def test_an_admin_reports_for_others_too_and_a_stranger_is_not_found(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    told = [event(1, subject=org.bo.id), event(2, subject=org.stranger.id)]
    answer = (await report(client, org.ada.headers, told)).json()

    assert (answer["accepted"], answer["rejected"][0]["code"]) == (1, "unknown_member")


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        ("application/json", "{}", 415),
        ("text/csv", "a,b", 415),
        (STRUCTURED, "{", 400),
        (STRUCTURED, "[]", 422),
        (BATCH, "{}", 422),
        (BATCH, "[]", 200),
        (f"{BATCH}; charset=utf-8", "[]", 200),
        (BATCH, " " * (8 * 1024 * 1024 + 1), 413),
        (BATCH, "[" + "1," * 10_000 + "1]", 413),
        (STRUCTURED, "", 400),
    ],
)
async def test_the_body_is_an_event_or_an_array_of_them(
    client: httpx.AsyncClient, org: SampleOrg, media_type: str, body: str, status: int
) -> None:
    headers = org.ada.headers | {"Content-Type": media_type}
    answer = await client.post("/v1/usage/events", content=body, headers=headers)

    assert answer.status_code == status, answer.text


async def test_ten_thousand_events_in_one_request_work(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """Some of them twice, one of them wrong; and again, as after an answer that was lost."""
    people = (org.ada.id, org.al.id, org.bo.id)
    told = [event(min(number, 9_900), subject=people[min(number, 9_900) % 3]) for number in range(9_999)]
    told.append(event("wrong", data=USED | {"cached_tokens": 10**6}))
    first = (await report(client, gateway, told)).json()
    again = (await report(client, gateway, told)).json()

    assert (first["accepted"], first["duplicates"]) == (9_901, 98)
    assert (again["accepted"], again["duplicates"]) == (0, 9_999)
    assert [each["index"] for each in first["rejected"]] == [each["index"] for each in again["rejected"]] == [9_999]


async def test_the_same_report_twice_at_once_charges_once(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    told = [event(number, subject=org.bo.id) for number in range(300)]
    answers = await asyncio.gather(*(report(client, gateway, told) for _ in range(3)))

    assert sum(answer.json()["accepted"] for answer in answers) == 300
    assert sum(answer.json()["duplicates"] for answer in answers) == 600


async def test_a_csv_is_checked_whole_and_charged_once(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    async def send(content: str, query: str = "") -> httpx.Response:
        headers = gateway | {"Content-Type": "text/csv; charset=utf-8"}
        return await client.post(f"/v1/usage/imports{query}", content=content, headers=headers)

    header = "member,time,model,input_tokens,output_tokens\n"
    row = f"{org.bo.id},2026-11-20,gpt-6-sol,1000,100\n"
    wrong = await send(f"{header}{row}{org.bo.id},2026-11-20,gpt-6-sol,-1,100\n")
    tried = await send(header + row, "?dry_run=true&source=cursor")
    done = await send(header + row, "?source=cursor")
    again = await send(header + row, "?source=cursor")

    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "line 3")
    assert tried.json() == {**done.json(), "dry_run": True}
    assert done.json() == {
        "lines": 1, "accepted": 1, "duplicates": 0, "credits": "0.075", "rejected": [], "dry_run": False,
    }  # fmt: skip
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    assert (await client.post("/v1/usage/imports", json={}, headers=gateway)).status_code == 415


async def test_only_a_few_large_reports_are_in_hand_at_once(
    client: httpx.AsyncClient, org: SampleOrg, gateway: dict[str, str]
) -> None:
    """Each takes memory until it is answered; the others are told to try again."""
    told = [event(number, subject=org.bo.id, note="x" * 1_000) for number in range(1_200)]
    answers = await asyncio.gather(*(report(client, gateway, told) for _ in range(6)))
    codes = sorted(answer.status_code for answer in answers)
    later = await report(client, gateway, told)

    assert codes == [200, 200, 200, 200, 503, 503]
    assert next(answer for answer in answers if answer.status_code == 503).headers["Retry-After"]
    assert later.json()["duplicates"] == 1_200
