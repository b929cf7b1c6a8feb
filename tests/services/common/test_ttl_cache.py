"""What is asked all the time is kept for a second, renewed before it is over, and never outlives a change."""

from __future__ import annotations

import asyncio

import pytest

from core.services.common.ttl_cache import FRESH_SECONDS, RENEWED_AFTER_SECONDS, RefreshingCache

TOPIC = 7


class Source:
    """Something to read: it counts how often it was, and may have to be waited for."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.is_gone = False
        self.kept: RefreshingCache[str, int] = RefreshingCache(topic=lambda _key, _value: TOPIC, clock=lambda: self.now)

    async def read(self) -> int:
        self.reads += 1
        number = self.reads
        await self.answers.wait()
        if self.is_gone:
            raise LookupError
        return number

    async def asked(self, *, after: float = 0.0) -> int:
        self.now += after
        return await self.kept.get("key", self.read)


async def _renewed() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_value_is_read_once_and_again_when_its_time_is_over() -> None:
    source = Source()

    assert [await source.asked(), await source.asked(after=RENEWED_AFTER_SECONDS / 2)] == [1, 1]
    assert await source.asked(after=FRESH_SECONDS) == 2


async def test_past_half_its_time_it_is_read_anew_once_while_nobody_waits() -> None:
    source = Source()
    await source.asked()
    source.answers.clear()
    while_it_is_read = [await source.asked(after=RENEWED_AFTER_SECONDS), await source.asked(), await source.asked()]
    await _renewed()
    source.answers.set()
    await _renewed()

    assert while_it_is_read == [1, 1, 1]
    assert source.reads == 2
    assert await source.asked(after=RENEWED_AFTER_SECONDS - 0.01) == 2


async def test_what_is_there_no_more_is_kept_no_longer_and_the_next_to_ask_is_told() -> None:
    source = Source()
    await source.asked()
    source.is_gone = True
    await source.asked(after=RENEWED_AFTER_SECONDS)
    await _renewed()

    with pytest.raises(LookupError):
        await source.asked()


async def test_what_has_changed_while_it_was_read_is_not_kept() -> None:
    source = Source()
    source.answers.clear()
    reading = asyncio.ensure_future(source.asked())
    await _renewed()
    source.now += 0.1
    source.kept.forget([TOPIC])
    source.answers.set()

    assert await reading == 1
    assert await source.asked() == 2
