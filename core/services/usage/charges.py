"""Charging what was used: rate it, then pay it from lots through the journal."""

from __future__ import annotations

from typing import Final

from core.ledger.errors import Code, Refused
from core.metering.ratecards import RateCard
from core.metering.usage import Rating, Usage, rate
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.common.text import is_storable
from core.services.usage.charge_commands import Charge

MAX_TEXT: Final = 1_000  # characters of a source, an event's id or its subject


async def charge(
    ledger: LedgerService,
    *,
    org_id: int,
    member_id: int,
    source: str,
    event_id: str,
    subject: str,
    usage: Usage,
    card: RateCard,
) -> CommandResult[Rating]:
    """Charge one usage event to a member and return its rating by the card given (S3).

    ``subject`` is whom the event itself names. The same event again is ``replayed``: it stays at the price it
    was charged at, although the card or the member be another by now. Other content under its (source, id) is
    refused with idempotency_conflict (S4). Never refused for lack of funds: what nothing covers is owed (S2).
    Raises Refused as ``Charge`` does.
    """
    for field, text in (("source", source), ("id", event_id), ("subject", subject)):
        if not 0 < len(text) <= MAX_TEXT or not is_storable(text):
            sentence = f"The event's {field} needs 1 to {MAX_TEXT:,} characters of plain text."
            raise Refused(Code.INVALID_REQUEST, sentence, field=field)
    rating = rated(usage, card)
    receipt = await ledger.execute(Charge(org_id, member_id, source, event_id, subject, usage, rating))
    return CommandResult(rating, receipt.replayed)


def rated(usage: Usage, card: RateCard) -> Rating:
    try:
        return rate(usage, card)
    except OverflowError:
        sentence = "So many tokens at such a rate cost more than any amount can hold."
        raise Refused(Code.INVALID_REQUEST, sentence, field="usage") from None
