"""Replay: let an organization's members make a file of requests, as a gateway would see them.

Every request is authorized and then captured, many at a time, so that the journal commits them in groups. Doing it
again, whole or after a stop halfway, charges nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from core.ledger.errors import Code, Refused
from core.metering.holds import Hold
from core.metering.ratecards import RateCard
from core.services.common.actors import Actor
from core.services.common.digests import digest_of
from core.services.common.ledger_service import LedgerService
from core.services.common.retry import retry_while_overloaded
from core.services.people.members import require_admin
from core.services.people.organizations import operator
from core.services.usage.charges import rated
from core.services.usage.hold_commands import Authorize, Capture
from core.services.usage.holds import estimate_of
from core.services.usage.ratecards import card_at
from core.services.usage.replay_tally import Tally
from core.services.usage.request_file import Request, RequestFile
from core.store.queries import people

IN_FLIGHT: Final = 1_024  # commands waiting for their answer
MAX_ATTEMPTS: Final = 600  # while the journal's queue is full
HELD_FOR: Final = timedelta(minutes=15)
MAX_MEMBERS: Final = 10_000
_FAILURES: Final = frozenset({Code.INTERNAL_ERROR, Code.OVERLOADED})  # they stop a replay; refusals are counted


async def replay(
    ledger: LedgerService,
    requests: RequestFile,
    *,
    actor: Actor,
    card: RateCard,
    tally: Tally,
    on_answer: Callable[[], None] = lambda: None,
) -> None:
    """Authorize and capture every request for the actor's organization, by an admin, and count into ``tally``.

    Sessions go to the members in turn, in the order in which sessions appear and members came. A request is
    known by (content of the file, session/agent/seq), so a second replay finds duplicates only (S4). Raises
    Refused when there is nobody to charge, or when the journal fails; what was charged until then stays.
    """
    require_admin(actor)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assigned = _assigned(requests, await _payers(ledger, actor.org_id))

    async def submit() -> None:
        for member_id, request in assigned:  # shared by all: each takes the next
            await _spend(ledger, request, (actor, member_id), requests.source, card, tally)
            on_answer()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(IN_FLIGHT, requests.count)):
                group.create_task(submit())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        tally.seconds = loop.time() - started


async def replaying(ledger: LedgerService, *, org: str | None, at: datetime | None) -> tuple[Actor, RateCard]:
    """Return who replays, and the card that rates: their organization's, in force at an instant (default: now).

    Raises Refused: not_found, invalid_request before the first card.
    """
    actor = await operator(ledger, org=org)
    return actor, await card_at(ledger, org_id=actor.org_id, at=at or ledger.clock())


async def _payers(ledger: LedgerService, org_id: int) -> Sequence[int]:
    """Return who can be charged, in the order they came."""
    found = await ledger.read(
        lambda connection: people.find_members(connection, org_id=org_id, text=None, after=None, limit=MAX_MEMBERS)
    )
    payers = sorted(each.member_id for each in found if each.kind != "bot")
    if not payers:
        raise Refused(Code.INVALID_REQUEST, "There is nobody to charge; add a member first.")
    return payers


def _assigned(requests: Iterable[Request], payers: Sequence[int]) -> Iterator[tuple[int, Request]]:
    """Yield each request with who pays it: each new session goes to the next member in turn."""
    by_session: dict[str, int] = {}
    for request in requests:
        turn = len(by_session) % len(payers)
        yield by_session.setdefault(request.session, payers[turn]), request


async def _spend(
    ledger: LedgerService, request: Request, payer: tuple[Actor, int], source: str, card: RateCard, tally: Tally
) -> None:
    """Authorize a request for (admin, member), capture it, and count what became of it."""
    actor, member_id = payer
    usage, rating = request.usage, rated(request.usage, card)
    try:
        wanted = estimate_of(usage)
        key = f"replay:{digest_of(source, request.event_id).hex()}"
        estimated = rated(wanted, card)
        authorize = Authorize(
            actor.org_id, actor.member_id, key, member_id, wanted, estimated, HELD_FOR, subject=request.session
        )
        hold = (await retry_while_overloaded(lambda: ledger.execute(authorize), attempts=MAX_ATTEMPTS)).first_id
        capture = Capture(
            actor.org_id, actor.member_id, hold, usage, rating, for_anybody=True, event=(source, request.event_id)
        )
        receipt = await retry_while_overloaded(lambda: ledger.execute(capture), attempts=MAX_ATTEMPTS)
    except Refused as refused:
        if refused.code in _FAILURES:
            raise
        tally.count_refusal(usage.model, refused.code, is_fallback=rating.is_fallback)
    else:
        tally.count_charge(usage.model, rating, replayed=receipt.replayed)
        if isinstance(receipt.result, Hold):
            tally.overage += receipt.result.overage
