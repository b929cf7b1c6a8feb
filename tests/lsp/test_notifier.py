"""How often the editor is told, and how often the server is asked (at most 4 a second; back within 2 s)."""

import asyncio
import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lsp import backoff
from lsp.notifier import INTERVAL_SECONDS, Notifier


def told(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "asOf": "2026-11-20T13:02:00Z", **more}


async def test_a_burst_becomes_the_first_and_the_last() -> None:
    sent: list[str] = []
    notifier = Notifier(lambda payload: sent.append(payload["text"]))
    for number in range(100):
        notifier.offer(told(str(number)))
    await asyncio.sleep(INTERVAL_SECONDS * 1.6)

    assert sent == ["0", "99"]


async def test_never_more_than_four_a_second() -> None:
    sent: list[float] = []
    loop = asyncio.get_running_loop()
    notifier = Notifier(lambda _: sent.append(loop.time()))
    for number in range(40):
        notifier.offer(told(str(number)))
        await asyncio.sleep(0.02)
    await asyncio.sleep(INTERVAL_SECONDS * 1.2)

    assert all(later - earlier > INTERVAL_SECONDS * 0.95 for earlier, later in itertools.pairwise(sent))
    assert len(sent) >= 3


async def test_the_same_again_is_no_news() -> None:
    sent: list[dict[str, Any]] = []
    notifier = Notifier(sent.append)
    notifier.offer(told("a"))
    notifier.offer(told("b"))
    notifier.offer({**told("a"), "asOf": "2026-11-20T13:03:00Z"})
    await asyncio.sleep(INTERVAL_SECONDS * 1.2)

    assert [payload["text"] for payload in sent] == ["a"]


async def test_after_closing_nothing_more_is_sent() -> None:
    sent: list[dict[str, Any]] = []
    notifier = Notifier(sent.append)
    notifier.offer(told("a"))
    notifier.offer(told("b"))
    notifier.close()
    await asyncio.sleep(INTERVAL_SECONDS * 1.2)

    assert len(sent) == 1


@given(
    attempt=st.integers(min_value=1, max_value=10**6),
    outage=st.floats(min_value=0, max_value=60),
    jitter=st.floats(min_value=0, max_value=1),
)
def test_after_a_short_stop_the_next_try_is_never_far(attempt: int, outage: float, jitter: float) -> None:
    assert 0.1 <= backoff.delay(attempt, outage_seconds=outage, jitter=jitter) <= 1.4


def test_after_a_long_stop_the_server_is_left_alone() -> None:
    delays = [backoff.delay(50, outage_seconds=outage, jitter=1.0) for outage in (60, 600, 6000, 60000)]

    assert delays == sorted(delays)
    assert delays[-1] == backoff.LONGEST_DELAY
