"""Following the stream: reconnecting, dead lines, refusals. In process, against a real server on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lsp.client import Client
from lsp.errors import SignedOutError
from lsp.follower import Follower
from lsp.payload import Connection, Payload, Threshold
from lsp.settings import SidecarSettings
from lsp.status_store import StatusStore
from tests.support.editor_window import until
from tests.support.fake_api import FakeApi


class Following:
    """A follower at work, and every payload it led to."""

    def __init__(self, client: Client) -> None:
        self.payloads: list[Payload] = []
        self.store = StatusStore(threshold=Threshold(), on_change=self.payloads.append)
        self.follower = Follower(client, self.store, lambda _: None)

    async def becomes(self, link: Connection) -> None:
        await until(lambda: self.store.seen.link is link, otherwise=lambda: f"is {self.store.seen.link}")


@asynccontextmanager
async def following(url: str, token: str, *, silence: float = 35.0) -> AsyncIterator[Following]:
    async with Client(SidecarSettings(url=url, state_dir=Path("unused")), silence_seconds=silence) as client:
        client.token = token
        one = Following(client)
        task = asyncio.create_task(one.follower.run())
        yield one
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_line_that_says_nothing_is_dead(api: FakeApi, token: str) -> None:
    """No byte, not even a keep-alive: the number must not stand as if it were fresh."""
    async with following(api.url, token, silence=0.3) as one:
        await one.becomes(Connection.LIVE)
        api.is_mute = True
        await one.becomes(Connection.OFFLINE)

        assert one.payloads[-1]["text"].startswith("4,210 cr · as of ")
        api.is_mute = False
        await one.becomes(Connection.LIVE)


async def test_a_stream_that_ends_and_is_back_at_once_does_not_flicker(api: FakeApi, token: str) -> None:
    async with following(api.url, token) as one:
        await one.becomes(Connection.LIVE)
        await api.stop()
        await api.start()
        await until(lambda: api.streams_opened == 2, otherwise=lambda: "never came back")
        await asyncio.sleep(0.6)

        assert {payload["kind"] for payload in one.payloads} == {"ok"}


async def test_a_token_that_is_not_known_ends_the_following(api: FakeApi) -> None:
    async with Client(SidecarSettings(url=api.url, state_dir=Path("unused"))) as client:
        client.token = "tct_unknown"
        with pytest.raises(SignedOutError):
            await asyncio.wait_for(Following(client).follower.run(), 5)


async def test_an_answer_that_is_no_stream_is_an_error_and_is_tried_again(api: FakeApi, token: str) -> None:
    api.stream_type = "text/html"
    async with following(api.url, token) as one:
        await one.becomes(Connection.ERROR)
        shown = one.payloads[-1]
        api.stream_type = "text/event-stream"
        await one.becomes(Connection.LIVE)

        assert (shown["kind"], shown["text"]) == ("error", "Credits: error")


async def test_hurrying_does_not_wait_for_the_next_try(api: FakeApi, token: str) -> None:
    await api.stop()
    async with following(api.url, token) as one:
        await one.becomes(Connection.OFFLINE)
        await asyncio.sleep(2.0)
        await api.start()
        one.follower.hurry()
        await until(lambda: one.store.seen.link is Connection.LIVE, otherwise=lambda: "still offline", patience=1.0)


@pytest.mark.parametrize("body", [b"event: status\ndata: [1]\n\n", b'event: status\ndata: {"version":9}\n\n'])
async def test_a_state_of_another_kind_changes_no_number(api: FakeApi, token: str, body: bytes) -> None:
    async with following(api.url, token) as one:
        await one.becomes(Connection.LIVE)
        api.stream_body = body
        api.change(spendable="1")
        await one.becomes(Connection.ERROR)

        assert one.payloads[-1]["spendable"] == "4210"


async def test_events_of_other_names_are_passed_over(api: FakeApi, token: str) -> None:
    async with following(api.url, token) as one:
        await one.becomes(Connection.LIVE)
        api.stream_body = b"event: weather\ndata: rain\n\n"
        api.change(spendable="1")
        await asyncio.sleep(0.2)
        api.stream_body = None
        api.change(spendable="2")
        await until(lambda: one.payloads[-1]["text"] == "2 cr", otherwise=lambda: str(one.payloads[-1]))

        assert {payload["kind"] for payload in one.payloads} <= {"ok", "low"}
