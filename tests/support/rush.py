"""Many people apply at once, each by one plain request: a client that costs little beside the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tests.support.crowd import Newcomer


@dataclass(frozen=True, slots=True)
class Applied:
    """What somebody was answered, and after how many seconds."""

    person: Newcomer
    answer: dict[str, Any]
    seconds: float


async def rush(port: int, campaign: str, people: Sequence[Newcomer], *, connections: int) -> list[Applied]:
    """Let each connection send the next person's application as soon as its last was answered with 201."""
    waiting, applied = iter(people), list[Applied]()

    async def connect() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for person in waiting:  # shared by all: each takes the next
            began = time.perf_counter()
            answer = await _apply(reader, writer, campaign, person)
            applied.append(Applied(person, answer, time.perf_counter() - began))
        writer.close()

    await asyncio.gather(*(connect() for _ in range(connections)))
    return applied


async def _apply(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, campaign: str, person: Newcomer
) -> dict[str, Any]:
    writer.write(
        (
            f"POST /v1/boosts/campaigns/{campaign}/apply HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {person.token}\r\nIdempotency-Key: mine\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        ).encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 201"), (head, body)
    answer: dict[str, Any] = orjson.loads(body)
    return answer
