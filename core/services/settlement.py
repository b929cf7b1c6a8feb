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
from core.services.commands.expiring import Expire
from core.services.commands.holding import HoldTimeout
from core.services.commands.settling import Settle
from core.services.ledger import Ledger
from core.store import gifts, holds, lots

PAGE: Final = 1_000
MAX_PAGES: Final = 1_000
_ROUNDS: Final = 100
_PASSED_OVER: Final = frozenset({Code.GIFT_NOT_PENDING, Code.HOLD_CLOSED, Code.REQUEST_NOT_OPEN, Code.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Swept:
    """How many a sweep dealt with, and how many it has to leave for the next one."""

    done: int = 0
    left: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(self.done + other.done, self.left + other.left)


async def settle_due(ledger: Ledger) -> Swept:
    """Post every gift whose settlement period is over, or give it back where a rule says so (G2, G4, G8)."""
    return await _pages(ledger, lambda limit: ledger.read(lambda c: gifts.due(c, ledger.clock(), limit)), Settle)


async def return_stranded(ledger: Ledger) -> Swept:
    """Give back open gifts of people who left or were frozen, should a stop have come between (G4, G8)."""
    return await _pages(ledger, lambda limit: ledger.read(lambda c: gifts.stranded(c, limit)), Settle)


async def free_due_holds(ledger: Ledger) -> Swept:
    """Free every hold whose deadline has passed (S2); a late capture is still accepted."""
    return await _pages(ledger, lambda limit: ledger.read(lambda c: holds.due(c, ledger.clock(), limit)), HoldTimeout)


async def expire_due(ledger: Ledger) -> Swept:
    """Book what has lapsed to breakage; what lies in escrow goes back with its gift first (G4, L5).

    Every page lies beyond the one before, so that what has to stay as it is for now stands in nobody's way.
    """
    swept, place = Swept(), lots.BEGINNING
    for _ in range(MAX_PAGES):
        lapsed = await _lapsed(ledger, place)
        commands: list[Command] = []
        for _, org_id, account, lot_id in lapsed:
            commands.extend(await _for_lapsed(ledger, org_id, account, lot_id))
        swept += await submit_all(ledger, commands)
        if len(lapsed) < PAGE:
            break
        place = lapsed[-1]
    return swept


async def return_open_gifts(ledger: Ledger, org_id: int, member_id: int) -> Swept:
    """Give back the open gifts of somebody who was frozen or has left; the others are passed over."""
    open_gifts = await ledger.read(lambda connection: gifts.open_of(connection, org_id, member_id))
    return await submit_all(ledger, (Settle(org_id, gift_id) for gift_id in open_gifts))


async def _pages(
    ledger: Ledger,
    find: Callable[[int], Awaitable[list[tuple[int, int]]]],
    command_for: Callable[[int, int], Command],
) -> Swept:
    swept = Swept()
    for _ in range(MAX_PAGES):
        found = await find(PAGE)
        step = await submit_all(ledger, (command_for(org_id, number) for org_id, number in found))
        swept += step
        if len(found) < PAGE or not step.done:
            break
    return swept


async def _lapsed(ledger: Ledger, place: lots.Lapsed) -> list[lots.Lapsed]:
    return await ledger.read(lambda connection: lots.lapsed(connection, ledger.clock(), PAGE, after=place))


async def _for_lapsed(ledger: Ledger, org_id: int, account: int, lot_id: int) -> list[Command]:
    if not lots.is_escrow(account):
        return [Expire(org_id, account, lot_id)]
    holding = await ledger.read(lambda connection: gifts.with_lapsed_slices(connection, org_id, account, lot_id))
    return [Settle(org_id, gift_id) for gift_id in holding]


async def submit_all(ledger: Ledger, commands: Iterable[Command]) -> Swept:
    """Carry out commands of a sweep in the background, side by side, and count them."""
    swept, waiting = Swept(), list(commands)
    while waiting:
        answers = await ledger.execute_all(waiting, in_background=True)
        swept += sum(map(_counted, answers), Swept())
        pairs = zip(waiting, answers, strict=True)
        waiting = [again for command, answer in pairs if (again := _once_more(command, answer)) is not None]
    return swept


def _counted(answer: Receipt | Refused) -> Swept:
    """Somebody was faster, or it is no longer due: passed over. Everything else is tried at the next sweep."""
    if isinstance(answer, Refused):
        return Swept() if answer.code in _PASSED_OVER else Swept(left=1)
    return Swept(done=0 if answer.replayed else 1)


def _once_more(command: Command, answer: Receipt | Refused) -> Command | None:
    """What has lapsed can come back to an account and lapse there again: under the next key."""
    if isinstance(command, Expire) and isinstance(answer, Receipt) and answer.replayed and command.round < _ROUNDS:
        return Expire(command.org_id, command.account, command.lot_id, command.round + 1)
    return None
