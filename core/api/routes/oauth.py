"""Signing in a device over HTTP (RFC 8628)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from core.api.dependencies import LedgerDep
from core.api.oauth import OAuthError, OAuthRoute, form_of
from core.api.schemas.base import Shown
from core.services.common.actors import Scope
from core.services.people import devices
from core.services.people.tokens import scope_text

CLIENT_ID: Final = "teamcredits-lsp"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"

router = APIRouter(route_class=OAuthRoute, tags=["sign in"])


class DeviceStarted(Shown):
    """What a device is told (RFC 8628 section 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class TokenGranted(Shown):
    """A token (RFC 6749 section 5.1)."""

    access_token: str
    token_type: str
    scope: str
    expires_in: int


class OAuthProblem(Shown):
    """An error (RFC 6749 section 5.2)."""

    error: str
    error_description: str


def _form_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    return {
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}},
    }


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": OAuthProblem, "description": description}
    for status, description in {
        400: "`error` says what is wrong, in the words of RFC 6749 and RFC 8628.",
        413: "The body is too large.",
        415: "The body is no form.",
        503: "Too busy; `Retry-After` says how long to wait.",
    }.items()
}
_CLIENT = {"type": "string", "enum": [CLIENT_ID]}


@router.post(
    "/oauth/device_authorization",
    summary="Start signing in a device",
    response_model=DeviceStarted,
    responses=_ERRORS,
    openapi_extra=_form_of(
        {
            "client_id": _CLIENT,
            "scope": {"type": "string", "examples": ["read give"]},
            "device": {"type": "string", "maxLength": 80, "examples": ["Neovim on thinkpad"]},
        },
        ["client_id"],
    ),
)
async def device_authorization(request: Request, ledger: LedgerDep) -> Response:
    """Return a code for the person to type where they are known, and one for the device to ask with."""
    form = await form_of(request)
    _check_client(form)
    started = await devices.start_device(
        ledger,
        scopes=_scopes(form.get("scope", Scope.READ.value)),
        device=form.get("device") or "An editor",
        place=request.client.host if request.client else "",
    )
    link = f"{request.app.state.settings.address}/link"
    return _answer(
        DeviceStarted(
            device_code=started.device_code,
            user_code=started.user_code,
            verification_uri=link,
            verification_uri_complete=f"{link}?code={quote(started.user_code)}",
            expires_in=started.expires_in,
            interval=started.interval,
        )
    )


@router.post(
    "/oauth/token",
    summary="Ask for the device's token",
    response_model=TokenGranted,
    responses=_ERRORS,
    openapi_extra=_form_of(
        {
            "grant_type": {"type": "string", "enum": [DEVICE_GRANT]},
            "device_code": {"type": "string"},
            "client_id": _CLIENT,
        },
        ["grant_type", "device_code", "client_id"],
    ),
)
async def token(request: Request, ledger: LedgerDep) -> Response:
    """Return the token once the person has approved; until then, say why there is none."""
    form = await form_of(request)
    _check_client(form)
    if form.get("grant_type") != DEVICE_GRANT:
        raise OAuthError("unsupported_grant_type", f"The only grant type here is {DEVICE_GRANT}.")
    if not form.get("device_code"):
        raise OAuthError("invalid_request", "device_code is missing.")
    granted = await devices.poll_device(ledger, device_code=form["device_code"])
    return _answer(
        TokenGranted(
            access_token=granted.access_token,
            token_type="Bearer",  # noqa: S106  (a kind, not a secret)
            scope=scope_text(granted.scopes),
            expires_in=granted.expires_in,
        )
    )


def _check_client(form: dict[str, str]) -> None:
    if "client_id" not in form:
        raise OAuthError("invalid_request", "client_id is missing.")
    if form["client_id"] != CLIENT_ID:
        raise OAuthError("invalid_client", f"The only client here is {CLIENT_ID}.")


def _scopes(text: str) -> set[Scope]:
    known = {scope.value: scope for scope in devices.DEVICE_SCOPES}
    wanted = text.split(" ")
    if not all(scope in known for scope in wanted):
        raise OAuthError("invalid_scope", f"A device may ask for: {scope_text(devices.DEVICE_SCOPES)}.")
    return {known[scope] for scope in wanted}


def _answer(shown: Shown) -> Response:
    return Response(shown.model_dump_json(), media_type="application/json")
