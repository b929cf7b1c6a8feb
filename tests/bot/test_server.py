"""The whole server as a process, with Slack: killed while messages are on their way, started again, stopped."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx

from core.services.people import organizations, tokens
from core.wiring import open_ledger
from tests.support import slack_requests
from tests.support.builders import some_settings
from tests.support.clock import ClockFile
from tests.support.servers import Server
from tests.support.slack_requests import SECRET, signed
from tests.support.slack_server import SlackServer, says
from tests.support.slack_world import AL, BO, FORM, TOKEN, people_with_credits
from tests.support.waiting import eventually


async def test_a_killed_server_loses_no_message_and_gives_nothing_twice(tmp_path: Path, sqlite_url: str) -> None:
    clock = ClockFile(tmp_path / "clock")
    ledger = open_ledger(some_settings(sqlite_url), clock=clock)
    _, _, token = await organizations.create_organization(ledger, name="Team", admin_name="Ada")
    await people_with_credits(ledger, await tokens.authenticate(ledger, token))
    ledger.close()
    async with SlackServer() as slack, httpx.AsyncClient() as http:
        settings = {
            "slack_signing_secret": SECRET,
            "slack_bot_token": TOKEN,
            "slack_api_url": slack.url,
            "slack_response_hosts": "127.0.0.1",
            "clock_file": str(clock.path),
        }
        server = await asyncio.to_thread(lambda: Server(tmp_path, sqlite_url, **settings))
        try:
            await slack.until(lambda: len(slack.messages) == 3)  # of their grants
            slack.forget()
            slack.script("chat.postMessage", *[says({"ok": False}, after=60.0)] * 2)
            body = slack_requests.command(AL, "/gift-credits", f"<@{BO}> 500 sesame")
            before = await http.post(f"{server.url}/slack/events", content=body, headers=signed(body, FORM)[1])
            await slack.until(lambda: len(slack.made("chat.postMessage")) == 2)  # both hang at Slack
            server.kill()
            await asyncio.to_thread(server.start)
            after = await http.post(f"{server.url}/slack/events", content=body, headers=signed(body, FORM)[1])
            clock.advance(timedelta(minutes=5))  # past the lease of the dead one
            await slack.until(lambda: len(slack.messages) == 2)

            assert before.json() == after.json()
            assert "500 cr" in slack.inbox(BO)[0].text
            assert await asyncio.to_thread(server.stop) == 0
        finally:
            await asyncio.to_thread(server.kill)

    log = server.log()
    assert "Slack is connected" in log
    assert not [secret for secret in (SECRET, TOKEN, "sesame") if secret in log]
    assert "Traceback" not in log


async def test_a_server_starts_serves_and_stops_without_slack_answering(tmp_path: Path, sqlite_url: str) -> None:
    settings = {"slack_signing_secret": SECRET, "slack_bot_token": TOKEN, "slack_api_url": "http://127.0.0.1:9/api/"}
    server = await asyncio.to_thread(lambda: Server(tmp_path, sqlite_url, **settings))
    try:
        await eventually(lambda: "Slack is not connected" in server.log())

        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{server.url}/healthz")).status_code == 200
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        await asyncio.to_thread(server.kill)
    assert TOKEN not in server.log()
