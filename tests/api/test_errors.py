"""Every error is a problem (RFC 9457) with a stable code, and says nothing it should not."""

from __future__ import annotations

import logging

import httpx
import pytest
from fastapi import FastAPI

from core.api.errors import ERROR_MAPPINGS, PROBLEM, refusal
from core.ledger.errors import Code, Refused
from tests.support.sample_org import SampleOrg

TRANSFER = "/v1/billing/credits/transfer"
STATUSES = {
    Code.MALFORMED: 400,
    Code.UNAUTHENTICATED: 401,
    Code.INSUFFICIENT_CREDITS: 402,
    Code.INSUFFICIENT_SCOPE: 403,
    Code.ACCOUNT_FROZEN: 403,
    Code.NOT_FOUND: 404,
    Code.GIFT_NOT_PENDING: 409,
    Code.RESET_NOT_BANKED: 409,
    Code.PLAN_IN_USE: 409,
    Code.ALREADY_EXISTS: 409,
    Code.ALREADY_APPLIED: 409,
    Code.APPLICATION_DECIDED: 409,
    Code.CAMPAIGN_CLOSED: 409,
    Code.CAMPAIGN_FULL: 409,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.UNKNOWN_MEMBER: 422,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL_ERROR: 500,
    Code.OVERLOADED: 503,
}


def test_the_table_covers_every_code() -> None:
    assert set(ERROR_MAPPINGS) == set(Code)


@pytest.mark.parametrize(("code", "status"), STATUSES.items())
def test_a_code_has_the_status_of_the_contract(code: Code, status: int) -> None:
    assert ERROR_MAPPINGS[code].status == status


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.OVERLOADED])
def test_who_should_come_again_is_told_when(code: Code) -> None:
    assert refusal(Refused(code, "Later.")).headers["retry-after"] == "1"


def test_facts_of_a_refusal_never_replace_its_own_members() -> None:
    answer = refusal(Refused(Code.GIFT_NOT_PENDING, "Too late.", state="settled", status="mine"))

    assert b'"state":"settled"' in answer.body
    assert b'"code":"gift_not_pending"' in answer.body
    assert b'"status":409' in answer.body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/members/", 404, "not_found"),
        ("DELETE", "/v1/members", 405, "method_not_allowed"),
        ("PUT", TRANSFER, 405, "method_not_allowed"),
        ("BREW", "/v1/status", 405, "method_not_allowed"),
        ("GET", "/v1/status", 401, "unauthenticated"),
    ],
)
async def test_every_error_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:teamcredits:problem:{code}")
    assert body["title"]
    assert body["detail"]


async def test_what_can_be_done_at_an_address_is_named_over_all_its_routes(client: httpx.AsyncClient) -> None:
    refused, asked = await client.delete("/v1/members"), await client.options("/v1/members")

    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert asked.status_code == 204
    assert asked.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert "access-control-allow-origin" not in asked.headers


async def test_head_answers_as_get_without_a_body(client: httpx.AsyncClient, org: SampleOrg) -> None:
    answer = await client.head("/v1/orgs", headers=org.bo.headers)
    refused = await client.head(TRANSFER)

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    assert (refused.status_code, refused.content) == (405, b"")


async def test_a_defect_is_answered_and_logged_without_what_was_sent(
    app: FastAPI, client: httpx.AsyncClient, org: SampleOrg, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        secret = org.bo.token
        raise ValueError(f"the words of {secret}")

    app.add_api_route("/broken", broken)
    with caplog.at_level(logging.DEBUG):
        answer = await client.get("/broken", headers=org.bo.headers)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["code"] == "internal_error"
    assert org.bo.token not in answer.text
    assert "builtins.ValueError" in caplog.text
    assert "in broken" in caplog.text
    assert org.bo.token not in caplog.text


async def test_a_full_queue_is_told_with_the_time_to_come_again(client: httpx.AsyncClient, org: SampleOrg) -> None:
    org.ledger.journal.close()
    given = {"to": {"member": org.bo.id}, "amount": "1"}
    answer = await client.post(TRANSFER, json=given, headers=org.al.headers | {"Idempotency-Key": "one"})

    assert answer.status_code == 503
    assert answer.json()["code"] == "overloaded"
    assert answer.headers["retry-after"] == "1"
