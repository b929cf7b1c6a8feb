"""The far side of the network for the sidecar's tests: a real HTTP server that keeps to the contract.

Implements status, stream, notices, device flow, members, gifts; nothing behind them but dictionaries.
"""

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEEP_ALIVE_SECONDS = 15.0
NAMES = {"mem_al": "Al", "mem_bo": "Bo", "mem_cy1": "Cy Young", "mem_cy2": "Cy Twombly"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def full_state(member_id: str = "mem_al", **changes: Any) -> dict[str, Any]:
    """A whole valid `GET /v1/status` body."""
    state = {
        "version": 1,
        "member": {"id": member_id, "name": NAMES.get(member_id, member_id)},
        "as_of": "2026-11-20T13:02:00Z",
        "valid_until": None,
        "spendable": "4210",
        "available": "4000",
        "pool": "210",
        "held": {"gifts": "0", "usage": "0"},
        "incoming": "0",
        "giftable": "4000",
        "gift_limit_left": "500",
        "gift_limit_rule": "credits_per_gift",
        "giftable_until": None,
        "capacity": "5000",
        "allowance": [],
        "boost": None,
        "resets_at": None,
        "blocked": None,
        "notices": [],
        **changes,
    }
    told = {name: value for name, value in state.items() if name not in {"as_of", "state_id"}}
    state["state_id"] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return state


@dataclass
class FakeApi:
    """One server of one small team. What a test may want to see or break is an attribute."""

    url: str = ""
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    gifts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    gift_requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    interval: float = 0.1
    is_mute: bool = False  # streams are accepted and then say nothing
    answers_lost: int = 0  # so many gifts take effect and their answer never arrives
    stream_body: bytes | None = None  # sent instead of a state
    stream_type: str = "text/event-stream"
    streams_opened: int = 0

    def __post_init__(self) -> None:
        self._changed: set[asyncio.Event] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen; after a stop on the same port again."""
        app = web.Application(middlewares=[_problems])
        app.add_routes(
            [
                web.get("/v1/status", self._status),
                web.get("/v1/status/stream", self._stream),
                web.post("/v1/status/notices/{id}/claim", self._claim),
                web.get("/v1/members", self._members),
                web.post("/v1/billing/credits/transfer", self._transfer),
                web.post("/oauth/device_authorization", self._authorize_device),
                web.post("/oauth/token", self._device_token),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Stop listening and break every open stream."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def token(self, member: str = "mem_al") -> str:
        """A new token of that member."""
        token = "tct_" + secrets.token_hex(12)
        self.tokens[token] = member
        self.states.setdefault(member, full_state(member))
        return token

    def change(self, member_id: str = "mem_al", **changes: Any) -> None:
        """Something was committed: every open stream of the member hears it."""
        self.states[member_id] = full_state(member_id, **{**self.states.get(member_id, {}), **changes})
        self._wake()

    def revoke(self, token: str) -> None:
        """The token is good no longer; its streams end."""
        del self.tokens[token]
        self._wake()

    def approve(self, user_code: str, member: str = "mem_al") -> None:
        """Somebody typed `/credits link CODE` and pressed Approve."""
        self._device(user_code)["token"] = self.token(member)

    def deny(self, user_code: str) -> None:
        """Somebody pressed Deny."""
        self._device(user_code)["error"] = "access_denied"

    def _device(self, user_code: str) -> dict[str, Any]:
        return next(device for device in self.devices.values() if device["user_code"] == user_code)

    def _wake(self) -> None:
        for changed in self._changed:
            changed.set()

    def _member(self, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise _ProblemError(401, "invalid_token", "This token is not known.")
        return self.tokens[token]

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(self.states[self._member(request)])

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        member = self._member(request)
        self.streams_opened += 1
        response = web.StreamResponse(headers={"Content-Type": self.stream_type})
        await response.prepare(request)
        told, changed = request.headers.get("Last-Event-ID"), asyncio.Event()
        self._changed.add(changed)
        with contextlib.suppress(ConnectionResetError):
            while request.headers["Authorization"].partition(" ")[2] in self.tokens:
                changed.clear()
                state = self.states[member]
                if state["state_id"] != told and not self.is_mute:
                    told = state["state_id"]
                    text = f"event: status\nid: {told}\ndata: {json.dumps(state)}\n\n"
                    await response.write(self.stream_body or text.encode())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), KEEP_ALIVE_SECONDS)
                    continue
                await response.write(b": keep-alive\n\n")
        self._changed.discard(changed)
        return response

    async def _claim(self, request: web.Request) -> web.Response:
        self._member(request)
        notice = request.match_info["id"]
        if notice in self.claimed:
            raise _ProblemError(409, "notice_claimed", "Another window shows it.")
        self.claimed.add(notice)
        return web.json_response({"id": notice})

    async def _members(self, request: web.Request) -> web.Response:
        self._member(request)
        wanted = request.query.get("query", "").casefold()
        items = [{"id": id_, "name": name} for id_, name in NAMES.items() if wanted in name.casefold()]
        return web.json_response({"items": items, "next_cursor": None})

    async def _transfer(self, request: web.Request) -> web.Response:
        sender = self._member(request)
        key, body = request.headers.get("Idempotency-Key", ""), await request.json()
        if not key:
            raise _ProblemError(400, "idempotency_key_required", "Send an Idempotency-Key.")
        self.gift_requests.append((key, body))
        to = body["to"]["member"]
        if to == sender:
            raise _ProblemError(422, "self_gift", "You can't give credits to yourself.")
        gift = self.gifts.setdefault(
            (sender, key),
            {
                "id": f"gift_{len(self.gifts)}",
                "state": "pending",
                "from": {"member": sender, "name": NAMES[sender]},
                "to": {"member": to, "name": NAMES[to]},
                "amount": body["amount"],
                "message": body.get("message"),
                "created_at": "2026-11-20T13:02:00Z",
                "settles_at": "2026-11-21T13:02:00Z",
                "lots": [],
                "decision": {"outcome": "approve", "findings": []},
            },
        )
        if self.answers_lost:
            self.answers_lost -= 1
            request.transport.close()
        return web.json_response(gift, status=202)

    async def _authorize_device(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("client_id") != "teamcredits-lsp" or form.get("scope") != "read give":
            return web.json_response({"error": "invalid_client"}, status=400)
        code, user_code = secrets.token_hex(16), f"WDJB-{len(self.devices):04d}"
        self.devices[code] = {"user_code": user_code, "device": form.get("device")}
        return web.json_response(
            {
                "device_code": code,
                "user_code": user_code,
                "verification_uri": f"{self.url}/link",
                "verification_uri_complete": f"{self.url}/link?code={user_code}",
                "expires_in": 900,
                "interval": self.interval,
            }
        )

    async def _device_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        device = self.devices.get(str(form.get("device_code")))
        if device is None or form.get("client_id") != "teamcredits-lsp":
            return web.json_response({"error": "invalid_grant"}, status=400)
        if "token" not in device:
            return web.json_response({"error": device.get("error", "authorization_pending")}, status=400)
        return web.json_response(
            {"access_token": device["token"], "token_type": "Bearer", "scope": "read give", "expires_in": 86400}
        )


class _ProblemError(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status = status
        self.body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except _ProblemError as problem:
        return web.json_response(problem.body, status=problem.status, content_type="application/problem+json")
