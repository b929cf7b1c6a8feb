"""The sweep that books expired credits to breakage (L5)."""

from __future__ import annotations

from typing import Final

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Refused
from core.services.common.ledger_service import LedgerService
from core.services.common.sweeps import MAX_PAGES, PAGE, SweepResult, submit_all
from core.services.gifts.settlement_commands import Settle
from core.services.grants.expiry_commands import Expire
from core.store.queries import gifts, lots

_ROUNDS: Final = 100


async def expire_due(ledger: LedgerService) -> SweepResult:
    """Book what has lapsed to breakage; what lies in escrow goes back with its gift first (G4, L5).

    Every page lies beyond the one before, so that what has to stay as it is for now stands in nobody's way.
    """
    swept, place = SweepResult(), lots.BEGINNING
    for _ in range(MAX_PAGES):
        lapsed = await _lapsed(ledger, place)
        commands: list[Command] = []
        for _, org_id, account, lot_id in lapsed:
            commands.extend(await _for_lapsed(ledger, org_id, account, lot_id))
        swept += await submit_all(ledger, commands, follow_up=_next_round)
        if len(lapsed) < PAGE:
            break
        place = lapsed[-1]
    return swept


async def _lapsed(ledger: LedgerService, place: lots.ExpiredPosition) -> list[lots.ExpiredPosition]:
    return await ledger.read(lambda connection: lots.expired_positions(connection, ledger.clock(), PAGE, after=place))


async def _for_lapsed(ledger: LedgerService, org_id: int, account: int, lot_id: int) -> list[Command]:
    if not lots.is_escrow(account):
        return [Expire(org_id, account, lot_id)]
    holding = await ledger.read(lambda connection: gifts.with_lapsed_slices(connection, org_id, account, lot_id))
    return [Settle(org_id, gift_id) for gift_id in holding]


def _next_round(command: Command, answer: Receipt | Refused) -> Command | None:
    """Credits can come back to an account after their lot expired there once: the next key books them too."""
    if isinstance(command, Expire) and isinstance(answer, Receipt) and answer.replayed and command.round < _ROUNDS:
        return Expire(command.org_id, command.account, command.lot_id, command.round + 1)
    return None
