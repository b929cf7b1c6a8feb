"""What surrounds every request: defects become answers, answers are counted, HEAD is GET without a body. Pure ASGI."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.errors import internal_error
from core.api.metrics import Metrics

_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNLESS_GIVEN: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class RequestMiddleware:
    """The one middleware."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        scope = exchange.scope
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            answer = internal_error(error)
            if exchange.status is None:
                await answer(scope, exchange.receive, exchange.send)
        finally:
            self._count(scope, exchange)

    def _count(self, scope: Scope, exchange: _Exchange) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = exchange.method if exchange.method in _KNOWN_METHODS else "other"
        self._metrics.count(method, route, exchange.status, exchange.seconds)


class _Exchange:
    """One request and its answer, watched as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.status: int | None = None
        self.seconds: float | None = None
        self._clock = asyncio.get_running_loop().time
        self._started_at = self._clock()
        self._receive = receive
        self._send = send
        self._head_answered = asyncio.Event() if self.method == "HEAD" else None
        # The server keeps the scope that it was: it must know of a HEAD that its answer has no body.
        self.scope = scope if self._head_answered is None else {**scope, "method": "GET"}

    async def receive(self) -> Message:
        """Pass on the body; to a HEAD, once it is answered, say that nobody listens any more."""
        if self._head_answered is not None and self._head_answered.is_set():
            return {"type": "http.disconnect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.seconds = self._clock() - self._started_at
            headers: list[tuple[bytes, bytes]] = message.setdefault("headers", [])
            names = {name for name, _ in headers}
            headers += [header for header in _UNLESS_GIVEN if header[0] not in names]
            await self._send(message)
            if self._head_answered is not None:
                self._head_answered.set()
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self._head_answered is None:
            await self._send(message)
