"""A Slack Web API that nobody here wrote: npm ``emulate`` under Node 24, both from npm, kept in ``.cache/``."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.waiting import eventually

CACHE = Path(__file__).parents[2] / ".cache" / "slack-emulator"
PACKAGES = ("node@24", "emulate@0.12.2")
INSTALL_SECONDS = 150
START_SECONDS = 30.0
TOKEN = "xoxb-of-the-app"
READER = "xoxp-that-reads-all"
_SCOPES = ["chat:write", "commands", "users:read", "users:read.email"]
_READING = [*_SCOPES, "im:read", "im:write", "im:history"]


@dataclass(frozen=True, slots=True)
class SlackEmulator:
    """A running emulator: its API, its workspace, and its people by name."""

    url: str
    team_id: str
    people: dict[str, str]

    async def messages_to(self, name: str) -> list[dict[str, Any]]:
        """Return the direct messages somebody got, oldest first."""
        opened = await self._call("conversations.open", users=self.people[name])
        told = await self._call("conversations.history", channel=opened["channel"]["id"])
        return list(reversed(told["messages"]))

    async def _call(self, method: str, **arguments: str) -> dict[str, Any]:
        return await _call(self.url, method, READER, **arguments)


@contextlib.asynccontextmanager
async def slack_emulator() -> AsyncIterator[SlackEmulator]:
    """Run the emulator with Al and Bo in it; the test is skipped, and says so, where Node 24 cannot be had."""
    node = await asyncio.to_thread(_installed)
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        seed = Path(folder, "seed.json")
        await asyncio.to_thread(seed.write_text, json.dumps(_seed()), encoding="utf-8")
        script = CACHE / "node_modules/emulate/dist/index.js"
        process = await asyncio.create_subprocess_exec(
            node, script, "start", "--service", "slack", "--port", str(port), "--seed", seed,
            stdout=asyncio.subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        try:
            yield await _ready(f"http://127.0.0.1:{port}/api/")
        finally:
            process.terminate()
            await process.wait()


def _installed() -> Path:
    """Return Node 24, installed once for all processes."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so Node 24 and the Slack emulator cannot be had")
    node = CACHE / "node_modules/.bin/node"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / "complete").exists():
            command = [npm, "install", "--prefix", str(CACHE), "--no-save", "--no-fund", "--no-audit", *PACKAGES]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=False)
            if not _version_of(node).startswith("v24."):
                pytest.skip(f"Node 24 could not be installed from npm ({' '.join(PACKAGES)}): no test against emulate")
            (CACHE / "complete").touch()
    return node


def _version_of(node: Path) -> str:
    if not node.exists():
        return "none"
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout


def _seed() -> dict[str, Any]:
    return {
        "slack": {
            "team": {"name": "Team", "domain": "team"},
            "users": [{"name": "al", "real_name": "Al"}, {"name": "bo", "real_name": "Bo"}],
            "tokens": [
                {"token": TOKEN, "type": "bot", "user": "admin", "scopes": _SCOPES},
                {"token": READER, "type": "user", "user": "admin", "scopes": _READING},
            ],
        }
    }


async def _ready(url: str) -> SlackEmulator:
    async def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return bool(await _call(url, "auth.test", READER))
        return False

    await eventually(answers, seconds=START_SECONDS)
    who = await _call(url, "auth.test", READER)
    listed = await _call(url, "users.list", READER)
    return SlackEmulator(url, who["team_id"], {user["name"]: user["id"] for user in listed["members"]})


async def _call(url: str, method: str, token: str, **arguments: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        answer = await client.post(url + method, headers={"Authorization": f"Bearer {token}"}, data=arguments)
    data: dict[str, Any] = answer.json()
    assert data["ok"], (method, data)
    return data
