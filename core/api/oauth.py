"""How the OAuth routes read and refuse: forms going in, the errors of RFC 6749 and RFC 8628 coming out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from fastapi import Request, Response

from core.api.errors import RETRY_SECONDS
from core.api.guard import GuardedRoute
from core.ledger.errors import Code, Refused
from core.services.common.text import is_storable
from core.services.people.devices import DeviceError, DeviceProblem

MAX_FIELDS: Final = 20


class OAuthError(Exception):
    """A request that OAuth refuses; ``error`` is a word of RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


class OAuthRoute(GuardedRoute):
    """A route whose errors are those that OAuth clients know."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await answer(request)
            except OAuthError as error:
                return _problem(error.error, error.description)
            except DeviceError as error:
                return _problem(error.code.value, DEVICE_SENTENCES[error.code])
            except Refused as refused:
                return _refused(refused)

        return handle


async def form_of(request: Request) -> dict[str, str]:
    """Read a form strictly, each field once (RFC 6749 section 3.2). Raises Refused or OAuthError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if media_type != "application/x-www-form-urlencoded":
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "Send a form: application/x-www-form-urlencoded.")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise OAuthError("invalid_request", "The form cannot be read.") from None
    form = dict(fields)
    if len(form) < len(fields):
        raise OAuthError("invalid_request", "A field is given more than once.")
    if not all(is_storable(value) for value in form.values()):
        raise OAuthError("invalid_request", "A field is no plain text.")
    return form


DEVICE_SENTENCES: Final = {
    DeviceProblem.PENDING: "Nobody has approved the code yet.",
    DeviceProblem.SLOW_DOWN: "Ask less often: wait 5 seconds longer from now on.",
    DeviceProblem.DENIED: "The person denied it.",
    DeviceProblem.EXPIRED: "The code has lapsed; start again.",
    DeviceProblem.INVALID: "This device code is unknown or was used already.",
}


def _refused(refused: Refused) -> Response:
    """Say a refusal in the words of RFC 6749; what it has no word for is answered as everywhere else."""
    match refused.code:
        case Code.TOO_LARGE:
            return _problem("invalid_request", refused.detail, status=413, headers={"Connection": "close"})
        case Code.UNSUPPORTED_MEDIA_TYPE:
            return _problem("invalid_request", refused.detail, status=415)
        case Code.OVERLOADED:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            return _problem("temporarily_unavailable", refused.detail, status=503, headers=retry)
        case Code.INVALID_REQUEST | Code.MALFORMED:
            return _problem("invalid_request", refused.detail)
        case _:
            raise refused


def _problem(error: str, description: str, *, status: int = 400, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps({"error": error, "error_description": description})
    return Response(body, status, headers, media_type="application/json")
