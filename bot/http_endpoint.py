"""``POST /slack/events``: everything Slack sends over HTTP. Size, signature, shape, in this order; then Bolt.

Bolt's own reading loses commands that contain the word "payload" and answers 500 to unsigned garbage, so that
it only ever sees dictionaries that were signed and fit. Nothing of what is refused is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from starlette.requests import ClientDisconnect

from bot.payloads import InvalidPayload, Payload, is_certificate_check, is_greeting, read_payload
from bot.signature import is_from_slack
from core.ledger.errors import Code

PATH: Final = "/slack/events"
MAX_BYTES: Final = 1 << 20

RealNow = Callable[[], float]


def slack_router(app: AsyncApp, *, secret: SecretStr, now: RealNow) -> APIRouter:
    """Return the route. ``now`` is the real present in seconds, never a clock that was set."""
    router = APIRouter()

    @router.post(PATH, include_in_schema=False)
    async def slack_events(request: Request) -> Response:
        try:
            body = await _read(request)
        except ClientDisconnect:
            return _problem(400, Code.MALFORMED, "The body ended early.")
        if body is None:
            return _problem(413, Code.TOO_LARGE, f"A request has at most {MAX_BYTES} bytes.")
        headers = request.headers
        if not is_from_slack(
            body,
            timestamp=headers.get("x-slack-request-timestamp"),
            signature=headers.get("x-slack-signature"),
            secret=secret.get_secret_value(),
            now=now(),
        ):
            return _problem(401, Code.UNAUTHENTICATED, "This request was not signed by Slack, or too long ago.")
        try:
            payload = read_payload(body, headers.get("content-type", ""))
        except InvalidPayload:
            return _problem(400, Code.MALFORMED, "This is signed, but nothing that Slack sends.")
        return await _dispatched(app, payload)

    return router


async def _read(request: Request) -> bytes | None:
    """Return the body, or None as soon as it is too large; no more than the limit is ever held."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:12]) > MAX_BYTES:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


async def _dispatched(app: AsyncApp, payload: Payload) -> Response:
    if is_greeting(payload):
        return JSONResponse({"challenge": payload["challenge"]})
    if is_certificate_check(payload):
        return Response(status_code=200)
    answer = await app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=payload))
    # What nobody listens to is acknowledged too: Slack would send it again, and in the end stop sending.
    if answer.status == 404:
        return Response(status_code=200)
    return Response(answer.body, status_code=answer.status, media_type=answer.first_headers()["content-type"])


def _problem(status: int, code: Code, detail: str) -> Response:
    content = {"type": "about:blank", "title": code.value, "status": status, "code": code.value, "detail": detail}
    return JSONResponse(content, status_code=status, media_type="application/problem+json")
