"""One of several processes that write to one database; see writers.py, which starts them.

It reads a job a line from standard input, carries it out as fast as it can, and prints what came of it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field

from core.ledger.accounts import wallet_of
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.ledger.lots import GiftOrder
from core.services.common.ledger_service import LedgerService
from core.services.gifts.gift_commands import Give
from core.wiring import open_ledger
from tests.support.builders import some_settings


@dataclass(frozen=True, slots=True)
class Job:
    """Give one micro-credit after another, between ``people`` at random, for so long.

    Every tenth gift is one that each writer gives, under the same key; the others are this writer's own.
    """

    name: str
    writer: int
    org: int
    people: tuple[int, ...]
    callers: int
    seconds: float


@dataclass(slots=True)
class Done:
    """What came of a job: how many gifts were given, and how."""

    first_time: int = 0
    replayed: int = 0  # another writer had given this one
    refused: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of this process

    @property
    def gifts(self) -> int:
        return self.first_time + self.replayed


def main() -> None:
    ledger = open_ledger(some_settings(sys.argv[1]))
    try:
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(asdict(asyncio.run(_carry_out(ledger, Job(**json.loads(line)))))), flush=True)
    finally:
        ledger.close()


async def _carry_out(ledger: LedgerService, job: Job) -> Done:
    done, numbers = Done(), itertools.count()
    began, cpu = time.monotonic(), time.process_time()

    async def caller() -> None:
        while time.monotonic() - began < job.seconds:
            await _give(ledger, job, next(numbers), done)

    await asyncio.gather(*(caller() for _ in range(job.callers)))
    done.seconds, done.cpu_seconds = time.monotonic() - began, time.process_time() - cpu
    return done


async def _give(ledger: LedgerService, job: Job, number: int, done: Done) -> None:
    whose = "everybody" if number % 10 == 0 else job.writer
    key = f"{job.name} {number} of {whose}"
    giver, receiver = random.Random(key).sample(job.people, 2)
    gift = Give(job.org, giver, key, (wallet_of(receiver),), Credits(1), None, GiftOrder.SOONEST)
    try:
        receipt = await ledger.execute(gift)
    except Refused as refused:
        done.refused[refused.code.value] = done.refused.get(refused.code.value, 0) + 1
    else:
        done.replayed += receipt.replayed
        done.first_time += not receipt.replayed


if __name__ == "__main__":
    main()
