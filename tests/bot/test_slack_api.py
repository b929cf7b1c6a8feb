"""Which failures of Slack pass, which stay, and which addresses are answered at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.messages.blocks import message, section
from bot.slack_api import PermanentError, RetryableError, SlackApi
from tests.support.slack_server import SlackServer, refuses, says

HELLO = message(section("hello"))


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def api(slack: SlackServer) -> AsyncIterator[SlackApi]:
    api = SlackApi(token="xoxb-x", base_url=slack.url, response_hosts=("hooks.slack.com", "127.0.0.1"))
    api.open()
    yield api
    await api.close()


async def test_a_message_is_posted_and_changed_in_place(api: SlackApi, slack: SlackServer) -> None:
    posted = await api.post("U1", HELLO)

    assert await api.update(posted, message(section("bye"))) == posted
    assert [call.arguments["text"] for call in slack.inbox("U1")] == ["bye"]


async def test_slack_says_who_we_are(api: SlackApi) -> None:
    assert (await api.who_am_i()).team_id == "T0TEAM"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ratelimited", RetryableError),
        ("internal_error", RetryableError),
        ("missing_scope", RetryableError),
        ("invalid_auth", RetryableError),
        ("channel_not_found", PermanentError),
        ("invalid_blocks", PermanentError),
        ("something_new", PermanentError),
    ],
)
async def test_an_error_by_name_passes_or_stays(api: SlackApi, slack: SlackServer, error: str, kind: type) -> None:
    slack.script("chat.postMessage", refuses(error))
    with pytest.raises(kind, match=error):
        await api.post("U1", HELLO)


async def test_a_token_that_is_gone_means_disconnected(api: SlackApi, slack: SlackServer) -> None:
    slack.script("chat.postMessage", refuses("token_revoked"))
    with pytest.raises(RetryableError) as caught:
        await api.post("U1", HELLO)

    assert caught.value.is_disconnected


@pytest.mark.parametrize(
    ("reply", "seconds"), [("7", 7.0), ("soon", 30.0), ("-1", 30.0), ("9" * 20, 30.0), ("999999", 3600.0)]
)
async def test_retry_after_is_believed_within_reason(
    api: SlackApi, slack: SlackServer, reply: str, seconds: float
) -> None:
    slack.script("chat.postMessage", says({"ok": False, "error": "ratelimited"}, status=429, Retry_After=reply))
    with pytest.raises(RetryableError) as caught:
        await api.post("U1", HELLO)

    assert caught.value.seconds == seconds


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"null", b'{"ok": true}'])
async def test_an_answer_that_makes_no_sense_may_make_sense_later(
    api: SlackApi, slack: SlackServer, body: bytes
) -> None:
    async def nonsense() -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    slack.script("chat.postMessage", nonsense)
    with pytest.raises(RetryableError):
        await api.post("U1", HELLO)


async def test_silence_and_a_closed_door_are_waited_out(api: SlackApi, slack: SlackServer) -> None:
    slack.script("users.info", says({"ok": True}, after=5.0))
    with pytest.raises(RetryableError):
        await api.user("U1", seconds=0.1)
    nobody = SlackApi(token="xoxb-x", base_url="http://127.0.0.1:9/api/", response_hosts=())
    nobody.open()
    with pytest.raises(RetryableError):
        await nobody.who_am_i()
    await nobody.close()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.slack.com/actions/T/1/x", True),
        ("https://hooks.slack.com:443/actions", False),
        ("http://hooks.slack.com/actions", False),
        ("https://hooks.slack.com.evil.example/", False),
        ("https://evil.example/?https://hooks.slack.com/", False),
        ("https://user:word@hooks.slack.com/", False),
        ("https://user@hooks.slack.com/", False),
        ("https://hooks.slack.com@evil.example/", False),
        ("https://hööks.slack.com/", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("ftp://hooks.slack.com/", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
        ("https://hooks.slack.com:x/", False),
        ("", False),
        ("http://127.0.0.1:8080/respond", True),
        ("http://localhost:8080/respond", False),
    ],
)
async def test_only_slacks_own_addresses_are_answered(api: SlackApi, url: str, allowed: bool) -> None:
    assert api.may_answer(url) is allowed


async def test_an_address_that_is_not_slacks_is_never_called(api: SlackApi) -> None:
    with pytest.raises(PermanentError, match="not_allowed"):
        await api.answer("https://evil.example/", {})


async def test_a_redirect_is_not_followed(api: SlackApi, slack: SlackServer) -> None:
    slack.script("response_url", says({}, status=302, Location="http://127.0.0.1:9/"))
    with pytest.raises(PermanentError, match="response_url"):
        await api.answer(slack.url.replace("/api/", "/respond/1"), {"text": "x"})


async def test_calls_share_one_session_that_closes(slack: SlackServer) -> None:
    api = SlackApi(token="xoxb-x", base_url=slack.url, response_hosts=())
    api.open()
    await asyncio.gather(*(api.post("U1", HELLO) for _ in range(5)))
    session = api.client.session
    await api.close()

    assert session is not None
    assert session.closed
