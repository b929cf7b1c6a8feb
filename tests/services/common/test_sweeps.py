"""What sweeps hand in gives way to callers, and is carried out all the same (L7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from core.ledger.commands import Receipt
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.gifts.settlement_commands import Settle
from core.store.journal import queue as queues
from core.store.journal.journal import Journal
from core.store.journal.queue import BESIDE_CALLERS, BESIDE_CALLERS_PER_SECOND, TOGETHER
from tests.support.sample_org import SampleOrg


async def test_a_sweep_takes_small_steps_while_callers_are_near_and_long_ones_when_they_are_not(
    org: SampleOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = [Settle(org.ada.actor.org_id, number) for number in range(1, 3 * BESIDE_CALLERS)]
    journal = org.ledger.journal

    monkeypatch.setattr(queues, "CALLERS_NEAR_SECONDS", 60.0)
    await _give(org)
    with _sizes(journal) as beside:
        begun = time.monotonic()
        await org.ledger.execute_all(swept, in_background=True)
        seconds = time.monotonic() - begun
    monkeypatch.setattr(queues, "CALLERS_NEAR_SECONDS", 0.0)
    with _sizes(journal) as alone:
        await org.ledger.execute_all(swept, in_background=True)

    assert max(beside) <= BESIDE_CALLERS
    assert min(beside[:-1]) >= TOGETHER  # one by one they cost several times as much
    assert seconds >= (len(swept) - BESIDE_CALLERS) / BESIDE_CALLERS_PER_SECOND
    assert max(alone) > BESIDE_CALLERS
    assert sum(beside) == sum(alone) == len(swept)


async def test_a_sweep_goes_on_however_many_callers_wait(org: SampleOrg) -> None:
    own_org, journal = org.ada.actor.org_id, org.ledger.journal
    journal._queue.batch_size = 20
    batches: list[list[int]] = []
    run = journal._run_once

    def noted(commands: Sequence[Any]) -> Any:
        batches.append([command.gift_id for command in commands])
        time.sleep(0.005)  # so that sweeps have a turn by the next
        return run(commands)

    journal._run_once = noted  # type: ignore[method-assign]
    callers = [Settle(own_org, number) for number in range(1, 601)]
    swept = [Settle(own_org, number) for number in range(1_001, 1_021)]
    await asyncio.gather(org.ledger.execute_all(callers), org.ledger.execute_all(swept, in_background=True))

    with_callers = [numbers for numbers in batches if min(numbers) <= 600]
    assert sum(number > 1_000 for numbers in with_callers for number in numbers) == len(swept)
    assert all(sum(number > 1_000 for number in numbers) <= 2 for numbers in with_callers)


async def test_each_command_of_a_sweep_has_its_own_answer(org: SampleOrg) -> None:
    gift = (await _give(org)).item[0]
    org.clock.advance(gift.settles_at - gift.created_at)
    own_org, number = org.ada.actor.org_id, parse_id(Prefix.GIFT, gift.id)

    done, unknown, again = await org.ledger.execute_all(
        [Settle(own_org, number), Settle(own_org, 7), Settle(own_org, number)], in_background=True
    )

    assert isinstance(done, Receipt)
    assert not done.replayed
    assert isinstance(unknown, Refused)
    assert unknown.code is Code.NOT_FOUND
    assert isinstance(again, Receipt)
    assert again.replayed


@contextmanager
def _sizes(journal: Journal) -> Iterator[list[int]]:
    """Note how many commands each batch takes along."""
    sizes: list[int] = []
    run = journal._run_once

    def noted(commands: Sequence[Any]) -> Any:
        sizes.append(len(commands))
        return run(commands)

    journal._run_once = noted  # type: ignore[method-assign]
    yield sizes
    journal._run_once = run  # type: ignore[method-assign]


async def _give(org: SampleOrg) -> Any:
    await org.grant(org.al)
    return await gifts.give(
        org.ledger,
        actor=org.al.actor,
        key="a gift",
        to=[Recipient(member=org.bo.id)],
        amount=Credits.of(10),
        message=None,
    )
