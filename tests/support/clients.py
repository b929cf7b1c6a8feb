"""Clients that grant, give, cancel and decline over HTTP, all at once, and never give up on a request they sent.

What was not answered is sent again under the same key. Each answer that an honest server cannot give is an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from tests.support.population import Population
from tests.support.record import Answer, Ask, Kind, Record
from tests.support.sample_org import bearer

BASE = "/v1/billing/credits"
CLIENTS = 12
PATIENCE_SECONDS = 15.0  # for one answer
PAUSE_SECONDS = 0.05  # before a request is sent again
MICROS = 1_000_000
_MEANT = {  # refusals that a race among honest clients explains
    "grant": frozenset[str](),
    "give": frozenset({"insufficient_giftable"}),
    "cancel": frozenset({"gift_not_pending"}),
    "decline": frozenset({"gift_not_pending"}),
}


class Clients:
    """Everybody in a population, busy with their credits until told to stop."""

    def __init__(self, population: Population, urls: Sequence[str], record: Record, dice: random.Random) -> None:
        self._population = population
        self._urls = urls
        self._record = record
        self._dice = dice
        self._numbers = itertools.count(len(record.asks))
        self._open: list[tuple[Kind, str, str]] = []  # who may yet cancel or decline which gift, once each
        self._stopping = False
        self.took_effect: dict[int, bool] = {}  # of unanswered asks, as the ledger has it: their retry must tell
        self.failures: Counter[str] = Counter()  # what kept answers away, by its name

    async def run(self) -> None:
        """Send again what was not answered, then ever new requests, until ``stop``. Raises what should not be."""
        self._stopping = False
        left = self._record.unanswered
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            doors = [await stack.enter_async_context(door(url)) for url in self._urls]
            for number in range(CLIENTS):
                group.create_task(self._one(doors[number % len(doors)], left))

    def stop(self) -> None:
        """Let every client end; what is not answered by then stays so."""
        self._stopping = True

    async def _one(self, door: httpx.AsyncClient, left: list[Ask]) -> None:
        while left and not self._stopping:
            await self._until_answered(door, left.pop())
        while not self._stopping:
            ask = self._next()
            self._record.ask(ask)
            await self._until_answered(door, ask)

    async def _until_answered(self, door: httpx.AsyncClient, ask: Ask) -> None:
        while not self._stopping:
            try:
                response = await door.post(**_request(ask), headers=self._headers(ask))
            except httpx.TransportError as error:
                self.failures[type(error).__name__] += 1
            else:
                if response.status_code != 503:
                    self._take(ask, response)
                    return
                self._check_overloaded(response)
            await asyncio.sleep(PAUSE_SECONDS)

    def _take(self, ask: Ask, response: httpx.Response) -> None:
        body = response.json()
        if response.status_code >= 300:
            assert body.get("code") in _MEANT[ask.kind], (ask, response.status_code, body)
            answer = Answer(ask.number, refused=body["code"])
        else:
            identity = body["lot" if ask.kind == "grant" else "id"]
            answer = Answer(ask.number, identity, response.headers.get("Idempotency-Replayed") == "true")
        self._record.answer(answer)
        self._check_told(ask, answer)
        if ask.kind == "give" and not answer.refused:
            self._open += [("cancel", ask.actor, answer.id), ("decline", ask.member, answer.id)]

    def _check_told(self, ask: Ask, answer: Answer) -> None:
        """L6: the retry of what was not answered tells whether it had taken effect."""
        expected = self.took_effect.pop(ask.number, None)
        assert expected in {None, answer.replayed}, (ask, answer, f"had taken effect: {expected}")

    def _check_overloaded(self, response: httpx.Response) -> None:
        """A server that cannot reach its database says so clearly, and when to come again."""
        self.failures["503"] += 1
        assert response.json()["code"] == "overloaded", response.text
        assert int(response.headers["Retry-After"]) > 0

    def _headers(self, ask: Ask) -> dict[str, str]:
        return bearer(self._population.tokens[ask.actor]) | ({"Idempotency-Key": ask.key} if ask.key else {})

    def _next(self) -> Ask:
        number, dice, people = next(self._numbers), self._dice, self._population.people
        if self._open and dice.random() < 0.3:
            kind, actor, gift = self._open.pop(dice.randrange(len(self._open)))
            return Ask(number, kind, actor, "", gift=gift)
        if dice.random() < 0.3:
            micros = dice.randrange(1, 50 * MICROS)
            return Ask(number, "grant", self._population.admin, f"key {number}", dice.choice(people), micros)
        sender, recipient = dice.sample(people, 2)
        return Ask(number, "give", sender, f"key {number}", recipient, dice.randrange(1, 10 * MICROS))


def door(url: str) -> httpx.AsyncClient:
    """Return a client of a server."""
    return httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, verify=False)  # noqa: S501  (nothing to load)


def _request(ask: Ask) -> dict[str, Any]:
    if ask.kind in {"cancel", "decline"}:
        return {"url": f"{BASE}/transfers/{ask.gift}/{ask.kind}"}
    content = {"to": {"member": ask.member}, "amount": _amount(ask.micros)}
    if ask.kind == "grant":
        return {"url": f"{BASE}/grants", "json": content | {"source": "purchase"}}
    return {"url": f"{BASE}/transfer", "json": content | {"message": f"number {ask.number}"}}


def _amount(micros: int) -> str:
    whole, rest = divmod(micros, MICROS)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")
