"""What sweeps share: they read candidates without locks and submit ordinary commands, page by page.

Whatever has changed meanwhile is decided under the locks (G2), so a sweep is idempotent and several may run at once.
After downtime it catches up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Code, Refused
from core.services.common.ledger_service import LedgerService

PAGE: Final = 1_000
MAX_PAGES: Final = 1_000
_PASSED_OVER: Final = frozenset({Code.GIFT_NOT_PENDING, Code.HOLD_CLOSED, Code.REQUEST_NOT_OPEN, Code.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many a sweep dealt with, and how many it has to leave for the next one."""

    done: int = 0
    left: int = 0

    def __add__(self, other: SweepResult) -> SweepResult:
        return SweepResult(self.done + other.done, self.left + other.left)


async def submit_pages(
    ledger: LedgerService,
    find: Callable[[int], Awaitable[list[tuple[int, int]]]],
    command_for: Callable[[int, int], Command],
) -> SweepResult:
    """Submit a command for each candidate, (organization, id), until there are none or nothing moves any more."""
    swept = SweepResult()
    for _ in range(MAX_PAGES):
        found = await find(PAGE)
        step = await submit_all(ledger, (command_for(org_id, number) for org_id, number in found))
        swept += step
        if len(found) < PAGE or not step.done:
            break
    return swept


async def submit_all(
    ledger: LedgerService,
    commands: Iterable[Command],
    *,
    follow_up: Callable[[Command, Receipt | Refused], Command | None] = lambda _command, _answer: None,
) -> SweepResult:
    """Submit commands in the background, side by side, and count them; ``follow_up`` may name another for an answer."""
    swept, waiting = SweepResult(), list(commands)
    while waiting:
        answers = await ledger.execute_all(waiting, in_background=True)
        swept += sum(map(_counted, answers), SweepResult())
        pairs = zip(waiting, answers, strict=True)
        waiting = [after for command, answer in pairs if (after := follow_up(command, answer)) is not None]
    return swept


def _counted(answer: Receipt | Refused) -> SweepResult:
    """Somebody was faster, or it is no longer due: passed over. Everything else is tried at the next sweep."""
    if isinstance(answer, Refused):
        return SweepResult() if answer.code in _PASSED_OVER else SweepResult(left=1)
    return SweepResult(done=0 if answer.replayed else 1)
