"""A small Slack for tests: records every Web API call, keeps messages, and fails on demand."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import WSMsgType, web

TEAM = "T0TEAM"
BOT_USER = "U0CREDITS"
PATIENCE = 30.0  # a busy machine; a quiet one needs a tenth of a second

Answer = Callable[[], Awaitable[web.StreamResponse]]


def says(body: dict[str, Any], *, status: int = 200, after: float = 0.0, **headers: str) -> Answer:
    """Return an answer to script: a body, a status, headers (``retry_after="1"``), after some seconds."""

    async def answer() -> web.StreamResponse:
        await asyncio.sleep(after)
        return web.json_response(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def refuses(error: str) -> Answer:
    return says({"ok": False, "error": error})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the Web API, or one post to a response URL (``method`` is then ``response_url``)."""

    method: str
    arguments: dict[str, Any]
    token: str | None = None

    @property
    def text(self) -> str:
        """All that is shown, as one text."""
        return json.dumps([self.arguments.get("text"), self.arguments.get("blocks"), self.arguments.get("view")])


@dataclass(slots=True)
class SlackServer:
    """``async with SlackServer() as slack``; give ``slack.url`` as TEAMCREDITS_SLACK_API_URL."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    messages: dict[tuple[str, str], Call] = field(default_factory=dict)
    envelopes: list[dict[str, Any]] = field(default_factory=list)  # sent to whoever opens the socket
    url: str = ""
    _scripts: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/{method}", self._api)
        app.router.add_get("/api/{method}", self._api)
        app.router.add_post("/respond/{number}", self._respond)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def add_user(self, user_id: str, name: str, **facts: Any) -> None:
        """Put a full member with a confirmed e-mail into the directory; ``facts`` say what is otherwise."""
        whole = {
            "id": user_id,
            "team_id": TEAM,
            "name": name.lower(),
            "real_name": name,
            "deleted": False,
            "is_bot": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "is_email_confirmed": True,
            "tz": "Europe/Berlin",
            "profile": {"display_name": name, "real_name": name, "email": f"{name.lower()}@example.com"},
        }
        self.users[user_id] = whole | facts

    def script(self, method: str, *answers: Answer) -> None:
        """Let the next calls of a method be answered so, one after the other."""
        self._scripts[method].extend(answers)

    def made(self, method: str, **arguments: Any) -> list[Call]:
        """Return the calls of a method with these arguments."""
        return [
            call
            for call in self.calls
            if call.method == method and all(call.arguments.get(name) == value for name, value in arguments.items())
        ]

    def inbox(self, user_id: str) -> list[Call]:
        """Return a person's direct messages as they read now, oldest first."""
        return [call for (channel, _), call in sorted(self.messages.items()) if channel == f"D{user_id}"]

    def forget(self) -> None:
        """Forget what was called and posted so far; what came over the socket stays."""
        self.calls = self.made("socket")
        self.messages.clear()

    async def until(self, what: Callable[[], object]) -> None:
        """Wait until a condition on what was called holds."""
        async with asyncio.timeout(PATIENCE):
            while not what():
                self._called.clear()
                await self._called.wait()

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or None
        scripted = self._scripts[method].popleft() if self._scripts[method] else None
        self.calls.append(Call(method, arguments, token))
        self._called.set()
        return await scripted() if scripted else web.json_response(self._state(method, arguments))

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        scripted = self._scripts["response_url"].popleft() if self._scripts["response_url"] else None
        self.calls.append(Call("response_url", await request.json()))
        self._called.set()
        return await scripted() if scripted else web.Response(text="ok")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """Socket Mode: send the envelopes, record what is answered."""
        peer = web.WebSocketResponse()
        await peer.prepare(request)
        for envelope in [{"type": "hello"}, *self.envelopes]:
            await peer.send_json(envelope)
        async for message in peer:
            if message.type is WSMsgType.TEXT:
                self.calls.append(Call("socket", message.json()))
                self._called.set()
        return peer

    def _state(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {"ok": True, "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B0CREDITS", "team": "Team"}
            case "apps.connections.open":
                return {"ok": True, "url": self.url.replace("http:", "ws:").replace("/api/", "/socket")}
            case "users.info":
                user = self.users.get(arguments.get("user", ""))
                return {"ok": True, "user": user} if user else {"ok": False, "error": "user_not_found"}
            case "chat.postMessage":
                place = (f"D{arguments['channel']}", f"1700000000.{next(self._numbers):06d}")
                self.messages[place] = Call(method, arguments)
                return {"ok": True, "channel": place[0], "ts": place[1]}
            case "chat.update":
                place = (arguments["channel"], arguments["ts"])
                if place not in self.messages:
                    return {"ok": False, "error": "message_not_found"}
                self.messages[place] = Call(method, arguments)
                return {"ok": True, "channel": place[0], "ts": place[1]}
            case _:
                return {"ok": True}


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    fields = {**request.query, **await request.post()}
    return {name: _json(value) if name in {"blocks", "view"} else value for name, value in fields.items()}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
