"""The whole thread: a gift from Slack, told to both, settled after a day, seen in both editors, accounted for.

Real processes throughout: the server, the terminal, the sidecars. Only Slack itself is a small server of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.clock import ClockFile
from tests.support.editor_window import EditorWindow
from tests.support.servers import Server
from tests.support.slack_requests import SECRET, command, signed
from tests.support.slack_server import SlackServer
from tests.support.slack_world import AL, BO, FORM, TOKEN
from tests.support.terminal import Terminal
from tests.support.waiting import eventually

MESSAGE = "thanks for the payload fix"
TICK_SECONDS = 1.5  # the worker looks every second


async def test_a_gift_goes_from_slack_through_settlement_into_both_editors(database_url: str, tmp_path: Path) -> None:
    """G1, G2, L3, L11: set aside at once, settled at the instant, shown to both, proven at the end."""
    clock = ClockFile(tmp_path / "clock")
    terminal = Terminal(tmp_path, database_url, clock_file=str(clock.path))
    async with _slack() as slack, _house(terminal, slack) as org:
        al_token, bo_token = await org.joins(AL, "Al", "1000"), await org.joins(BO, "Bo", "100")
        async with (
            EditorWindow(org.url, tmp_path / "al", token=al_token) as al,
            EditorWindow(org.url, tmp_path / "bo", token=bo_token) as bo,
        ):
            await asyncio.gather(al.shows("1,000 cr"), bo.shows("100 cr"))
            answer = await org.hears(command(AL, "/gift-credits", f"<@{BO}|bo> 500 {MESSAGE}"))
            await slack.until(lambda: MESSAGE in slack.inbox(BO)[-1].text and "gift_cancel" in slack.inbox(AL)[-1].text)
            during = await asyncio.gather(al.shows("500 cr"), bo.shows("100 cr · +500 incoming"))

            assert answer["response_type"] == "ephemeral"
            assert "500 cr" in answer["text"]
            assert "gift_decline" in slack.inbox(BO)[-1].text
            assert [each["held"]["gifts"] for each in during] == ["500", "0"]

            clock.advance(timedelta(hours=24, seconds=-1))
            await asyncio.sleep(TICK_SECONDS)

            assert await org.states_of_gifts(al_token) == ["pending"]

            clock.advance(timedelta(seconds=1))
            await bo.shows("600 cr")
            await eventually(lambda: al.payloads[-1]["held"]["gifts"] == "0")
            await slack.until(lambda: "600 cr now" in slack.inbox(BO)[-1].text)
            await slack.until(lambda: "button" not in "".join(each.text for each in slack.inbox(AL) + slack.inbox(BO)))

            assert await org.states_of_gifts(al_token) == ["settled"]
            assert al.payloads[-1]["text"] == "500 cr"
            assert (await asyncio.to_thread(terminal.prints, "verify")).startswith("clean: ")

        assert await asyncio.to_thread(org.server.stop) == 0
        assert not [secret for secret in (SECRET, TOKEN, al_token, bo_token, MESSAGE) if secret in org.server.log()]


class RunningProduct:
    """The running server, and what an admin does by its API."""

    def __init__(self, server: Server, http: httpx.AsyncClient) -> None:
        self.server = server
        self.url = server.url
        self._http = http

    async def hears(self, body: bytes) -> dict[str, Any]:
        """Send what Slack sends, signed as Slack signs, and return the answer in the acknowledgement."""
        content, headers = signed(body, FORM)
        answer = await self._http.post("/slack/events", content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def joins(self, user_id: str, name: str, amount: str) -> str:
        """Let somebody come in by their first command in Slack; grant them credits and return a token of theirs."""
        await self.hears(command(user_id, "/credits"))
        found = await self._http.get("/v1/members", params={"query": name})
        [member] = (each["id"] for each in found.json()["items"])
        lot = {"to": {"member": member}, "amount": amount, "source": "purchase"}
        granted = await self._http.post("/v1/billing/credits/grants", json=lot, headers={"Idempotency-Key": name})
        assert granted.status_code == 201, granted.text
        wanted = {"member": member, "scopes": ["read", "give"], "label": f"{name}'s editor"}
        issued = await self._http.post("/v1/tokens", json=wanted)
        assert issued.status_code == 201, issued.text
        token: str = issued.json()["token"]
        return token

    async def states_of_gifts(self, token: str) -> list[str]:
        """Return the states of all gifts that the owner of a token sees."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._http.get("/v1/billing/credits/transfers", headers=headers)
        return [gift["state"] for gift in answer.json()["items"]]


@contextlib.asynccontextmanager
async def _slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        for user_id, name in ((AL, "Al"), (BO, "Bo")):
            slack.add_user(user_id, name)
        yield slack


@contextlib.asynccontextmanager
async def _house(terminal: Terminal, slack: SlackServer) -> AsyncIterator[RunningProduct]:
    """Begin an organization in the terminal, then start the server, connected to Slack."""
    begun = await asyncio.to_thread(terminal.json, "init", "--name", "Acme", "--admin", "Ada")
    server = await asyncio.to_thread(
        terminal.serves, slack_signing_secret=SECRET, slack_bot_token=TOKEN, slack_api_url=slack.url
    )
    try:
        headers = {"Authorization": f"Bearer {begun['admin_token']}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=20) as http:
            yield RunningProduct(server, http)
    finally:
        if server.process.poll() is None:
            await asyncio.to_thread(server.stop)
