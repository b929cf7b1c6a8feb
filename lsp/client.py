"""The HTTP client: one method for each thing the sidecar asks of the server, every failure an own error.

Imports httpx, so it is itself imported only after `initialize` was answered.
"""

import json
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_sse import SSEError, aconnect_sse

from lsp.errors import BrokenServerError, RefusalError, SignedOutError, UnreachableError
from lsp.settings import SidecarSettings
from lsp.wire import NotUnderstoodError

CLIENT_ID = "teamcredits-lsp"
SCOPE = "read give"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SILENCE_SECONDS = 35.0  # two keep-alives (15 s) and some: after this a connection is dead
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
GONE_FOR_NOW = {502, 503, 504}
MEMBERS_PAGE = 50


class Client:
    """The server as one person sees it. `token` may change; each request uses the present one."""

    def __init__(self, settings: SidecarSettings, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.token: str | None = None
        self._silence = httpx.Timeout(silence_seconds, connect=5.0)
        self._http = httpx.AsyncClient(
            base_url=settings.url,
            timeout=TIMEOUT,
            # Redirects are not followed, so a plain-http server never needs the certificate store.
            verify=settings.url.startswith("https:"),
            trust_env=not settings.is_loopback,
            headers={"User-Agent": CLIENT_ID},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def status(self) -> dict[str, Any]:
        return await self._json("GET", "/v1/status")

    async def states(self) -> AsyncGenerator[dict[str, Any], None]:
        """Each state the stream sends, the present one first; ends when the server ends it.

        No Last-Event-ID is sent: a fresh state at the start of every connection is what makes a number fresh.
        """
        try:
            async with aconnect_sse(
                self._http, "GET", "/v1/status/stream", headers=self._bearer(), timeout=self._silence
            ) as source:
                if source.response.status_code != 200:
                    await source.response.aread()
                    _raise_for(source.response)
                async for event in source.aiter_sse():
                    if event.event == "status":
                        yield _object(event.data)
        except SSEError as exc:
            raise NotUnderstoodError("The status stream is not a stream.") from exc
        except httpx.ReadTimeout as exc:
            raise UnreachableError("The server went silent.", maybe_sent=True, was_silent=True) from exc
        except httpx.HTTPError as exc:
            raise UnreachableError("The server cannot be reached.", maybe_sent=True) from exc

    async def claim(self, notice_id: str) -> bool:
        """True for the one window that is to show the notice."""
        try:
            await self._json("POST", f"/v1/status/notices/{quote(notice_id, safe='')}/claim")
        except (SignedOutError, UnreachableError, BrokenServerError):
            raise
        except RefusalError:
            return False
        return True

    async def why(self, asked: dict[str, Any]) -> dict[str, Any]:
        return await self._json("GET", "/v1/usage/why", params=asked, is_newer=True)

    async def members(self, query: str) -> list[dict[str, Any]]:
        """People whose name is like `query`; one page."""
        page = await self._json("GET", "/v1/members", params={"query": query, "limit": MEMBERS_PAGE})
        found = page.get("items")
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    async def transfer(self, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        return await self._json("POST", "/v1/billing/credits/transfer", json=body, headers={"Idempotency-Key": key})

    async def request(self, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        return await self._json("POST", "/v1/requests", json=body, headers={"Idempotency-Key": key}, is_newer=True)

    async def authorize_device(self, device: str) -> dict[str, Any]:
        form = {"client_id": CLIENT_ID, "scope": SCOPE, "device": device}
        return await self._json("POST", "/oauth/device_authorization", data=form, signed=False)

    async def device_token(self, device_code: str) -> dict[str, Any]:
        """The token, or a RefusalError whose code is RFC 8628's (`authorization_pending`, `slow_down`, …)."""
        form = {"grant_type": DEVICE_GRANT, "device_code": device_code, "client_id": CLIENT_ID}
        return await self._json("POST", "/oauth/token", data=form, signed=False)

    async def _json(
        self,
        method: str,
        path: str,
        *,
        signed: bool = True,
        is_newer: bool = False,
        headers: dict[str, str] | None = None,
        **send: Any,
    ) -> dict[str, Any]:
        """The answer's object. `is_newer` marks routes that an older server does not have yet."""
        sent = {**(self._bearer() if signed else {}), **(headers or {})}
        try:
            response = await self._http.request(method, path, headers=sent, **send)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise UnreachableError("The server cannot be reached.", maybe_sent=False) from exc
        except httpx.HTTPError as exc:
            raise UnreachableError("The server did not answer.", maybe_sent=True) from exc
        if is_newer and response.status_code in {404, 405}:
            raise RefusalError("not_available", "This server does not offer that yet.")
        _raise_for(response)
        return _object(response.text) if response.content else {}

    def _bearer(self) -> dict[str, str]:
        if self.token is None:
            raise SignedOutError
        return {"Authorization": f"Bearer {self.token}"}


def _raise_for(response: httpx.Response) -> None:
    """Nothing for 2xx, else the error that the answer stands for."""
    if response.is_success:
        return
    problem = _problem(response)
    code = problem.get("code") or problem.get("error")
    words = problem.get("detail") or problem.get("error_description") or problem.get("title")
    wait = response.headers.get("Retry-After", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
    match response.status_code:
        case 401:
            raise SignedOutError
        case status if status in GONE_FOR_NOW and code is None:
            raise UnreachableError("The server is away for a moment.", maybe_sent=True)
        case status if status >= 500 and code in {None, "internal_error"}:
            raise BrokenServerError
        case status:
            raise RefusalError(
                str(code or "refused"), str(words or f"The server refused ({status})."), retry_after=retry_after
            )


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        return _object(response.text)
    except NotUnderstoodError:
        return {}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise NotUnderstoodError("The server's answer is not JSON.") from exc
    if not isinstance(found, dict):
        raise NotUnderstoodError("The server's answer is not an object.")
    return found
