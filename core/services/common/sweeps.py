"""The sweeps: gifts are posted and holds freed in time, what lapsed is booked. Idempotent, safe several times at once.

They read candidates without locks and submit ordinary commands, so whatever has changed meanwhile is decided
under the locks (G2). After downtime they catch up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Code, Refused
from core.services.common.ledger_service import LedgerService
from core.services.grants.expiry_commands import Expire

PAGE: Final = 1_000
MAX_PAGES: Final = 1_000
_ROUNDS: Final = 100
_PASSED_OVER: Final = frozenset({Code.GIFT_NOT_PENDING, Code.HOLD_CLOSED, Code.REQUEST_NOT_OPEN, Code.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many a sweep dealt with, and how many it has to leave for the next one."""

    done: int = 0
    left: int = 0

    def __add__(self, other: SweepResult) -> SweepResult:
        return SweepResult(self.done + other.done, self.left + other.left)


async def _pages(
    ledger: LedgerService,
    find: Callable[[int], Awaitable[list[tuple[int, int]]]],
    command_for: Callable[[int, int], Command],
) -> SweepResult:
    swept = SweepResult()
    for _ in range(MAX_PAGES):
        found = await find(PAGE)
        step = await submit_all(ledger, (command_for(org_id, number) for org_id, number in found))
        swept += step
        if len(found) < PAGE or not step.done:
            break
    return swept


async def submit_all(ledger: LedgerService, commands: Iterable[Command]) -> SweepResult:
    """Carry out commands of a sweep in the background, side by side, and count them."""
    swept, waiting = SweepResult(), list(commands)
    while waiting:
        answers = await ledger.execute_all(waiting, in_background=True)
        swept += sum(map(_counted, answers), SweepResult())
        pairs = zip(waiting, answers, strict=True)
        waiting = [again for command, answer in pairs if (again := _once_more(command, answer)) is not None]
    return swept


def _counted(answer: Receipt | Refused) -> SweepResult:
    """Somebody was faster, or it is no longer due: passed over. Everything else is tried at the next sweep."""
    if isinstance(answer, Refused):
        return SweepResult() if answer.code in _PASSED_OVER else SweepResult(left=1)
    return SweepResult(done=0 if answer.replayed else 1)


def _once_more(command: Command, answer: Receipt | Refused) -> Command | None:
    """What has lapsed can come back to an account and lapse there again: under the next key."""
    if isinstance(command, Expire) and isinstance(answer, Receipt) and answer.replayed and command.round < _ROUNDS:
        return Expire(command.org_id, command.account, command.lot_id, command.round + 1)
    return None
