"""What the server asks of the sidecar is done: to wait so long, and to show a notice in one window only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lsp.errors import RefusalError
from lsp.follower import LONGEST_REQUESTED_WAIT, Follower
from lsp.notice_claims import NoticeClaims
from lsp.payload import Connection, Threshold
from lsp.status_store import StatusStore
from lsp.wire import WireNotice

NOTICE = (WireNotice("ntc_1", "Bo gave you 5 cr."),)


class Busy:
    """A server that refuses every stream and says when to come back."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after

    async def states(self) -> AsyncIterator[object]:
        raise RefusalError("overloaded", "Too busy right now.", retry_after=self.retry_after)
        yield


class Waiting(Follower):
    """A follower that ends at its first wait and remembers how long that would have been."""

    waited = -1.0

    async def _pause(self, seconds: float) -> None:
        self.waited = seconds
        raise asyncio.CancelledError


@pytest.mark.parametrize(("asked", "waited"), [(47.0, 47.0), (LONGEST_REQUESTED_WAIT + 1000, LONGEST_REQUESTED_WAIT)])
async def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(asked: float, waited: float) -> None:
    """Within reason: no server keeps the number away for hours."""
    store = StatusStore(threshold=Threshold(), on_change=lambda _: None)
    client: Any = Busy(asked)
    follower = Waiting(client, store, lambda _: None)
    with pytest.raises(asyncio.CancelledError):
        await follower.run()

    assert follower.waited == waited
    assert store.seen.link is Connection.OFFLINE


class Claims:
    """A server that answers claims one by one: granted, refused to this window, or not to be had."""

    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def claim(self, notice_id: str) -> bool:
        self.asked.append(notice_id)
        answer = self.answers.pop(0)
        if answer is None:
            raise RefusalError("overloaded", "Too busy right now.", retry_after=1.0)
        return answer


async def offered(server: Any, times: int) -> list[str]:
    """Offer the same notice again and again, as each new state does; return what was shown."""
    shown: list[str] = []
    claims = NoticeClaims(server, shown.append)
    for _ in range(times):
        claims.offer(NOTICE)
        while claims._tasks:
            await asyncio.sleep(0)
    return shown


async def test_a_notice_that_another_window_shows_is_not_claimed_again() -> None:
    server = Claims(False, True)

    assert await offered(server, 3) == []
    assert server.asked == ["ntc_1"]


async def test_a_notice_that_was_shown_is_not_claimed_again() -> None:
    server = Claims(True, True)

    assert await offered(server, 3) == ["Bo gave you 5 cr."]
    assert server.asked == ["ntc_1"]


async def test_a_notice_that_could_not_be_claimed_is_claimed_with_the_next_state() -> None:
    server = Claims(None, True)

    assert await offered(server, 3) == ["Bo gave you 5 cr."]
    assert server.asked == ["ntc_1", "ntc_1"]
