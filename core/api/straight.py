"""The straight way to a handler, for routes that a gateway asks with every request.

FastAPI documents them like all others and answers whatever is out of the ordinary. A request with which all is well
meets no more than the door, its handler and its answer: what each argument is, is found out once, when the route is
made, and neither dependencies nor exit stacks nor media types are looked into for each request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, ValidationError
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from core.api.dependencies import ledger_of
from core.api.guard import BoundedRequest, GuardedRoute, Requires

Argument = Callable[[BoundedRequest], object]


class StraightRoute(GuardedRoute):
    """A route whose handler takes a body, ids of its path, the key, the ledger and who asks, and makes its own answer.

    One that takes or gives anything else, and a body that is wrong, go FastAPI's way: it answers the same on either.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        answers_itself = get_type_hints(endpoint)["return"] is Response
        self._arguments = _arguments_of(self.dependant) if answers_itself else None
        self._body = _body_of(self.dependant)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._arguments is None or scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        request = BoundedRequest(scope, receive)
        await self.door.check(request)
        arguments = {name: find(request) for name, find in self._arguments.items()}
        if self._body is not None:
            name, model = self._body
            body = await request.body()
            try:
                arguments[name] = model.model_validate(await request.json() if body else None)
            except ValidationError:  # FastAPI has the words for it
                await super().handle(scope, _again(body, receive), send)
                return
        response = await self.endpoint(**arguments)
        await response(scope, receive, send)


def _arguments_of(dependant: Dependant) -> dict[str, Argument] | None:
    """Return how each argument but the body is found in a request; None where it takes FastAPI to know."""
    special = (name for name in dependant.__slots__ if name.endswith("_param_name"))
    if dependant.query_params or dependant.cookie_params or any(getattr(dependant, name) for name in special):
        return None
    found: dict[str, Argument] = {}
    for each in dependant.dependencies:
        if isinstance(each.call, Requires):
            found[str(each.name)] = lambda request: request.state.session.actor
        elif each.call is ledger_of:
            found[str(each.name)] = lambda request: request.app.state.ledger
        else:
            return None
    found |= {each.name: _part_of_path(each.alias) for each in dependant.path_params}
    return found | {each.name: _header(each.alias) for each in dependant.header_params}


def _body_of(dependant: Dependant) -> tuple[str, type[BaseModel]] | None:
    """Return the name and model of the argument that is the body."""
    for each in dependant.body_params:
        model = each.field_info.annotation
        assert isinstance(model, type), "a body is of one model"
        assert issubclass(model, BaseModel), "a body is of one model"
        return each.name, model
    return None


def _part_of_path(name: str) -> Argument:
    return lambda request: request.path_params[name]


def _header(name: str) -> Argument:
    return lambda request: request.headers.get(name)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read to who reads it next, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
