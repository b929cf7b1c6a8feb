"""What HTTP answers to a refusal: one table from code to status and title, one shape for every error (RFC 9457).

Nothing of a request is ever echoed or logged here: it may hold a token or somebody's words.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from core.ledger.errors import Code, Refused

logger = logging.getLogger(__name__)

PROBLEM: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
MAX_FIELD_ERRORS: Final = 20
MAX_CAUSES: Final = 5
_TYPE: Final = "urn:teamcredits:problem:"


class ErrorMapping(NamedTuple):
    """How a code is answered."""

    status: int
    title: str


ERROR_MAPPINGS: Final[Mapping[Code, ErrorMapping]] = {
    Code.MALFORMED: ErrorMapping(400, "Malformed request"),
    Code.IDEMPOTENCY_KEY_REQUIRED: ErrorMapping(400, "Idempotency-Key header required"),
    Code.UNAUTHENTICATED: ErrorMapping(401, "Authentication required"),
    Code.INSUFFICIENT_CREDITS: ErrorMapping(402, "Not enough credits"),
    Code.INSUFFICIENT_SCOPE: ErrorMapping(403, "Insufficient scope"),
    Code.POLICY_REFUSED: ErrorMapping(403, "Refused by policy"),
    Code.ACCOUNT_FROZEN: ErrorMapping(403, "Account frozen"),
    Code.NOT_VERIFIED: ErrorMapping(403, "Verified identity required"),
    Code.NOT_ALLOWED: ErrorMapping(403, "Forbidden"),
    Code.NOT_FOUND: ErrorMapping(404, "Not found"),
    Code.IDEMPOTENCY_CONFLICT: ErrorMapping(409, "Idempotency key reused with different content"),
    Code.GIFT_NOT_PENDING: ErrorMapping(409, "The gift is no longer pending"),
    Code.INSUFFICIENT_GIFTABLE: ErrorMapping(409, "More than you can give"),
    Code.LOT_EXPIRES_TOO_SOON: ErrorMapping(409, "Credits expire too soon"),
    Code.TOO_MANY_LOTS: ErrorMapping(409, "Too many small lots"),
    Code.INSUFFICIENT_REMAINING: ErrorMapping(409, "Not enough left"),
    Code.NOTHING_TO_RESET: ErrorMapping(409, "Nothing to reset"),
    Code.RESET_NOT_BANKED: ErrorMapping(409, "The reset is no longer banked"),
    Code.PLAN_IN_USE: ErrorMapping(409, "Plan in use"),
    Code.REQUEST_NOT_OPEN: ErrorMapping(409, "The request is no longer open"),
    Code.NOTHING_PLEDGED: ErrorMapping(409, "Nothing is pledged"),
    Code.HOLD_CLOSED: ErrorMapping(409, "The hold is closed"),
    Code.ALREADY_EXISTS: ErrorMapping(409, "Already exists"),
    Code.ALREADY_APPLIED: ErrorMapping(409, "Already applied"),
    Code.APPLICATION_DECIDED: ErrorMapping(409, "Application already decided"),
    Code.CAMPAIGN_CLOSED: ErrorMapping(409, "Campaign closed"),
    Code.CAMPAIGN_FULL: ErrorMapping(409, "Campaign full"),
    Code.TOO_LARGE: ErrorMapping(413, "Request body too large"),
    Code.UNSUPPORTED_MEDIA_TYPE: ErrorMapping(415, "Unsupported media type"),
    Code.INVALID_REQUEST: ErrorMapping(422, "Invalid request"),
    Code.UNKNOWN_MEMBER: ErrorMapping(422, "Unknown member"),
    Code.SELF_GIFT: ErrorMapping(422, "Can't give to yourself"),
    Code.RECIPIENT_IS_BOT: ErrorMapping(422, "The recipient is a bot"),
    Code.RATE_LIMITED: ErrorMapping(429, "Too many requests"),
    Code.OVERLOADED: ErrorMapping(503, "Overloaded"),
    Code.INTERNAL_ERROR: ErrorMapping(500, "Internal error"),
}


def problem(
    status: int,
    *,
    code: str,
    title: str,
    detail: str,
    fields: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in the shape of RFC 9457, with our stable ``code``."""
    body = {
        **(fields or {}),
        "type": f"{_TYPE}{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return Response(orjson.dumps(body, default=str), status, dict(headers or {}), media_type=PROBLEM)


def refusal(refused: Refused) -> Response:
    """Return how a refusal is answered."""
    answer = ERROR_MAPPINGS[refused.code]
    fields = dict(refused.fields)
    if refused.code is Code.INVALID_REQUEST and "field" in fields:
        fields["errors"] = [{"field": fields.pop("field"), "message": refused.detail}]
    return problem(
        answer.status,
        code=refused.code.value,
        title=answer.title,
        detail=refused.detail,
        fields=fields,
        headers=_headers(refused),
    )


def internal_error(error: BaseException) -> Response:
    """Log a defect and return its answer."""
    logger.error("a request failed: %s", trace_of(error))
    sentence = "Something went wrong on our side. Try again; with the same key nothing is booked twice."
    return refusal(Refused(Code.INTERNAL_ERROR, sentence))


def trace_of(error: BaseException) -> str:
    """Return where a defect happened and of which kind it is, never its words: they may quote what was sent."""
    chain: list[str] = []
    current: BaseException | None = error
    while current is not None and len(chain) < MAX_CAUSES:
        frames = "".join(traceback.format_tb(current.__traceback__))
        chain.append(f"{type(current).__module__}.{type(current).__qualname__}\n{frames}")
        current = current.__cause__ or current.__context__
    return "caused by ".join(chain)


def add_error_handlers(app: FastAPI) -> None:
    """Make the app answer every error as a problem."""
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return refusal(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    wrong = [_field_error(each) for each in error.errors()[:MAX_FIELD_ERRORS]]
    sentence = "; ".join(f"{each['field']}: {each['message']}" for each in wrong[:3])
    return refusal(Refused(Code.INVALID_REQUEST, sentence or "A field is wrong.", errors=wrong))


async def _on_http(request: Request, error: Exception) -> Response:
    """Answer what the router says: no such path, or not this method."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return refusal(Refused(Code.NOT_FOUND, "There is nothing at this address."))
    if error.status_code == 405:
        allowed = ", ".join(_methods(request, error))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed})
        return problem(
            405,
            code="method_not_allowed",
            title="Method not allowed",
            detail=f"Method not allowed. Allowed: {allowed}.",
            headers={"Allow": allowed},
        )
    return refusal(Refused(Code.MALFORMED, "The request cannot be read."))


def _methods(request: Request, error: HTTPException) -> Sequence[str]:
    """Return what can be done at a path, over all its routes: the router itself names only the first one's."""
    found = {"OPTIONS", *(error.headers or {}).get("Allow", "").replace(" ", "").split(",")} - {""}
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    place = [str(part) for part in error["loc"] if part not in {"body", "query", "header", "path"}]
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return {"field": ".".join(place) or str(error["loc"][0]), "message": message[:1].lower() + message[1:]}


def _headers(refused: Refused) -> dict[str, str]:
    match refused.code:
        case Code.UNAUTHENTICATED:
            return {"WWW-Authenticate": 'Bearer realm="teamcredits"'}
        case Code.INSUFFICIENT_SCOPE:
            scope = refused.fields.get("scope", "")
            return {"WWW-Authenticate": f'Bearer realm="teamcredits", error="insufficient_scope", scope="{scope}"'}
        case Code.RATE_LIMITED | Code.OVERLOADED:
            return {"Retry-After": str(refused.fields.get("retry_after", RETRY_SECONDS))}
        case Code.TOO_LARGE:
            return {"Connection": "close"}  # what is left of the body is not read
        case _:
            return {}
