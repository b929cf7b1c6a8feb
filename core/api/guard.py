"""What happens to a request before its handler: auth → scope → size → syntax, in this order.

A body is read only for callers who may send it, and never beyond its limit, whatever its headers say.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor, AuthSession, Scope
from core.services.people import tokens

MAX_BODY: Final = 1024 * 1024
MAX_LARGE_BODIES: Final = 4  # beyond MAX_BODY, in hand at once
JSON_BODY: Final = "application/json"
_SINGLE_HEADERS: Final = ("content-type", "content-length", "idempotency-key", "last-event-id")
_UNREAD: Final = (  # by words of what the parser says; the first that fits
    ("not valid UTF-8", "The body is not UTF-8."),
    ("number is infinity", "The body holds a number that is out of range."),
    ("surrogate", "The body holds a lone surrogate, which is no text."),
    ("depth limit", "The body is nested too deep."),
)


class Requires(SecurityBase):
    """The one dependency by which a route says which scope it needs; it gives the handler the actor."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.model = HTTPBearer(description="A token with the scopes it was issued for: read, give, spend, admin.")
        self.scheme_name = "bearer"

    async def __call__(self, request: Request) -> Actor:
        session: AuthSession = request.state.session
        return session.actor

    async def admit(self, request: Request) -> AuthSession:
        """Return who asks. Raises Refused(unauthenticated), then insufficient_scope."""
        session = await tokens.session(request.app.state.ledger, _bearer(request))
        if self.scope not in session.actor.scopes:
            raise Refused(
                Code.INSUFFICIENT_SCOPE, f"This needs a token with the scope {self.scope.value!r}.", scope=self.scope
            )
        return session


class Accepts:
    """The one dependency by which a route says that its body is something else, or larger, than usual JSON.

    It gives the handler the parsed body: JSON where the media types are, bytes otherwise.
    """

    def __init__(self, *media_types: str, most: int = MAX_BODY) -> None:
        self.media_types = media_types
        self.most = most
        self.is_json = all(each.endswith("json") for each in media_types)

    async def __call__(self, request: Request) -> Any:
        return await (request.json() if self.is_json else request.body())


class LargeBodies:
    """How many bodies beyond the usual size are in hand: each costs memory until it is answered."""

    def __init__(self) -> None:
        self._in_hand = 0

    def take(self) -> None:
        """Raises Refused(overloaded) when too many are in hand already."""
        if self._in_hand >= MAX_LARGE_BODIES:
            raise Refused(Code.OVERLOADED, "Too many large requests at once. Try again in a moment.")
        self._in_hand += 1

    def give_back(self) -> None:
        self._in_hand -= 1


_USUAL: Final = Accepts(JSON_BODY)


def _bearer(request: Request) -> str:
    """Return the token of a request. Raises Refused(unauthenticated) when there is none."""
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise Refused(Code.MALFORMED, "The Authorization header was sent more than once.")
    kind, _, token = (given[0] if given else "").strip().partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Refused(Code.UNAUTHENTICATED, "Send a token: Authorization: Bearer tc_…")
    return token.strip()


class BoundedRequest(Request):
    """A request whose body is bounded and read as strict JSON."""

    accepts: Accepts = _USUAL
    _is_large = False

    async def body(self) -> bytes:
        """Return the body. Raises Refused(too_large) as soon as it is known, overloaded with too many large ones."""
        if not hasattr(self, "_body"):
            self._check_declared_size()
            read, is_all = bytearray(), False
            while not is_all:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                read += message.get("body", b"")
                self._check_size(len(read))
                is_all = not message.get("more_body", False)
            self._body = bytes(read)
        return self._body

    def _check_declared_size(self) -> None:
        declared = self.headers.get("content-length", "")
        size = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 20 else 0
        if size > self.accepts.most or len(declared) >= 20:
            raise _too_large(self.accepts.most)

    def _check_size(self, size: int) -> None:
        if size > self.accepts.most:
            raise _too_large(self.accepts.most)
        if size > MAX_BODY and not self._is_large:
            self.app.state.large_bodies.take()
            self._is_large = True

    def let_go(self) -> None:
        """Make room for the next large body once this one is answered."""
        if self._is_large:
            self._is_large = False
            self.app.state.large_bodies.give_back()

    async def json(self) -> Any:
        """Return the body as JSON: no NaN, no lone surrogates, bounded depth. Raises Refused(malformed)."""
        if not hasattr(self, "_parsed"):
            try:
                self._parsed: Any = orjson.loads(await self.body())
            except orjson.JSONDecodeError as wrong:
                raise Refused(Code.MALFORMED, _why_unread(wrong.msg)) from None
        return self._parsed

    async def check_body(self) -> None:
        """Refuse what is too large, of another media type, or no JSON, before anything looks at the fields."""
        body = await self.body()
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in self.accepts.media_types and (body or media_type):
            raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"Send the body as {' or '.join(self.accepts.media_types)}.")
        if body and self.accepts.is_json:
            await self.json()


class RequestGuard:
    """What a route asks of a request before its handler: who may come in, and what they may bring."""

    def __init__(self, dependant: Dependant, *, has_body: bool) -> None:
        calls = [each.call for each in _dependants(dependant)]
        self._requires = next((call for call in calls if isinstance(call, Requires)), None)
        accepts = next((call for call in calls if isinstance(call, Accepts)), None)
        self._accepts = accepts or _USUAL
        self._takes_body = accepts is not None or has_body
        self._query_names = {parameter.alias for each in _dependants(dependant) for parameter in each.query_params}

    async def check(self, request: BoundedRequest) -> None:
        """Raises Refused for the first thing that is wrong, in the documented order."""
        request.accepts = self._accepts
        if self._requires is not None:
            request.state.session = await self._requires.admit(request)
        _check_headers(request)
        if self._takes_body:
            await request.check_body()
        _check_query(request, self._query_names)


class GuardedRoute(APIRoute):
    """A route that checks who asks and what was sent, in the documented order, before FastAPI reads anything."""

    door: RequestGuard

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        self.door = door = RequestGuard(self.dependant, has_body=self.body_field is not None)

        async def handle(received: Request) -> Response:
            request = BoundedRequest(received.scope, received.receive)
            try:
                await door.check(request)
                return await answer(request)
            finally:
                request.let_go()

        return handle


def _check_headers(request: Request) -> None:
    """Refuse a header that counts once and was sent twice. Most requests have none twice, which is soon seen."""
    sent = request.scope["headers"]
    if len(dict(sent)) < len(sent):
        for name in _SINGLE_HEADERS:
            if len(request.headers.getlist(name)) > 1:
                raise Refused(Code.MALFORMED, f"The {name} header was sent more than once.")


def _check_query(request: Request, known: set[str]) -> None:
    """Refuse a parameter that means nothing here, or that was given twice: most often a slip."""
    if not request.scope["query_string"]:
        return
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) > len(set(names)) or not known.issuperset(names):
        wrong = next((name for name in names if name not in known), None) or max(names, key=names.count)
        message = "is given more than once" if wrong in known else "is not a parameter here"
        shown = wrong[:40] if wrong.isprintable() else "?"
        errors = [{"field": shown, "message": message}]
        raise Refused(Code.INVALID_REQUEST, f"{shown}: {message}.", errors=errors)


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _dependants(each)


def _why_unread(said: str) -> str:
    """Return what to tell of a body that was not read: what the syntax of JSON allows is not called wrong syntax."""
    for reason, sentence in _UNREAD:
        if reason in said:
            return sentence
    return "The body cannot be read as JSON."


def _too_large(most: int) -> Refused:
    return Refused(Code.TOO_LARGE, f"The body is larger than {most} bytes.", limit_bytes=most)
