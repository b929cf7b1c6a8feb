"""What is checked before a handler runs, in this order: auth → scope → size → syntax → key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.api.guard import MAX_BODY
from core.services.common.actors import Scope
from tests.support.sample_org import SampleOrg, bearer

TRANSFER = "/v1/billing/credits/transfer"
JSON = {"Content-Type": "application/json"}
HUGE = b"x" * (8 * 1024 * 1024)


async def test_each_check_comes_before_the_next(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """One request is wrong in every way; each answer names the first that is left."""
    read_only, give = await org.token(org.al, Scope.READ), org.al.headers
    steps: list[tuple[dict[str, str], Any, int, str]] = [
        ({}, HUGE, 401, "unauthenticated"),
        (bearer("tc_unknown"), HUGE, 401, "unauthenticated"),
        (read_only, HUGE, 403, "insufficient_scope"),
        (give, HUGE, 413, "too_large"),
        (give | {"Content-Type": "text/plain"}, b"{", 415, "unsupported_media_type"),
        (give | JSON, b"{", 400, "malformed"),
        (give | JSON, b'{"amount": 5}', 422, "invalid_request"),
        (give | JSON, b'{"amount": "5", "to": {"member": "mem_nobody"}}', 400, "idempotency_key_required"),
        (
            give | JSON | {"Idempotency-Key": "k"},
            b'{"amount": "5", "to": {"member": "mem_nobody"}}',
            422,
            "unknown_member",
        ),
    ]
    for headers, body, status, code in steps:
        answer = await client.post(TRANSFER, content=body, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_no_made_up_token_opens_the_door(client: httpx.AsyncClient) -> None:
    tokens = ["", "tc_", "tc_" + "x" * 43, "tc_" + "x" * 5000, "xoxb-1", "tc_é"]
    for given in (f"{kind} {token}".strip() for kind in ("Bearer", "bearer", "Basic", "") for token in tokens):
        answer = await client.get("/v1/status", headers={"Authorization": given.encode("latin-1")})

        assert answer.status_code == 401, given
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key", "Content-Type"])
async def test_a_header_that_counts_once_is_refused_twice(client: httpx.AsyncClient, org: SampleOrg, name: str) -> None:
    headers = [*org.al.headers.items(), ("Idempotency-Key", "k"), ("Content-Type", "application/json")]
    twice = [*headers, next(each for each in headers if each[0] == name)]
    answer = await client.post(TRANSFER, content=b"{}", headers=twice)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", None])
async def test_a_body_of_another_kind_is_refused(
    client: httpx.AsyncClient, org: SampleOrg, media_type: str | None
) -> None:
    headers = org.al.headers | ({"Content-Type": media_type} if media_type else {})
    answer = await client.post(TRANSFER, content=b"{}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"\x00",
        b'{"amount": NaN}',
        b'{"message": "\\ud800"}',
        b'{"a": 1} x',
        b"[" * 100_000,
        '{"message": "é"}'.encode("latin-1"),
    ],
)
async def test_what_is_no_json_is_malformed(client: httpx.AsyncClient, org: SampleOrg, body: bytes) -> None:
    answer = await client.post(TRANSFER, content=body, headers=org.al.headers | JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"1" * 401, "holds a number that is out of range"),
        (b'{"amount": 1e999}', "holds a number that is out of range"),
        (b'{"message": "\\ud800"}', "holds a lone surrogate"),
        (b'{"message": "\\udc00 "}', "holds a lone surrogate"),
        (b"[" * 5_000 + b"]" * 5_000, "nested too deep"),
        (b'"\xff"', "is not UTF-8"),
        (b"{", "cannot be read as JSON"),
    ],
)
async def test_a_body_that_is_not_read_is_told_the_true_reason(
    client: httpx.AsyncClient, org: SampleOrg, body: bytes, said: str
) -> None:
    answer = await client.post(TRANSFER, content=body, headers=org.al.headers | JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"text"', b"5", b"{}"])
async def test_json_of_another_shape_names_what_is_missing(
    client: httpx.AsyncClient, org: SampleOrg, body: bytes
) -> None:
    answer = await client.post(TRANSFER, content=body, headers=org.al.headers | JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0].keys() == {"field", "message"}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "cursor=!", "cursor=WzFd", "colour=red", "limit="]
)
async def test_a_wrong_parameter_is_refused_by_name(client: httpx.AsyncClient, org: SampleOrg, query: str) -> None:
    answer = await client.get(f"/v1/members?{query}", headers=org.al.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == query.split("=", 1)[0]


async def test_a_body_that_never_ends_is_not_read_into_memory(app: FastAPI, org: SampleOrg) -> None:
    """No Content-Length to go by: reading stops as soon as the limit is passed."""
    chunk, taken, answers = b"x" * 65_536, 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    await app(_post_scope(org.al.headers | JSON), receive, send)

    assert answers[0]["status"] == 413
    assert (b"connection", b"close") in answers[0]["headers"]
    assert taken <= MAX_BODY + 2 * len(chunk)


async def test_a_declared_size_is_enough_to_be_refused(app: FastAPI, org: SampleOrg) -> None:
    answers = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        answers.append(message)

    await app(_post_scope(org.al.headers | JSON | {"Content-Length": "8388608"}), receive, send)

    assert answers[0]["status"] == 413


async def test_a_large_upload_over_the_wire_is_answered_and_leaves_no_trace_in_the_log(
    remote: httpx.AsyncClient, org: SampleOrg, caplog: pytest.LogCaptureFixture
) -> None:
    async def upload() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield b"secret words " * 5_000
            await asyncio.sleep(0)

    with caplog.at_level(logging.DEBUG):
        try:
            answer = await remote.post(TRANSFER, content=upload(), headers=org.al.headers | JSON)
            assert answer.status_code == 413
        except (httpx.WriteError, httpx.ReadError):
            pass  # the server hung up on a body nobody reads, which is as clear an answer
        after = await remote.get("/v1/status", headers=org.al.headers)

    assert after.status_code == 200
    assert "secret words" not in caplog.text
    assert org.al.token not in caplog.text


def _post_scope(headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": TRANSFER,
        "raw_path": TRANSFER.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("credits.test", 80),
    }
