"""What time does with boosts and campaigns: lotteries are drawn, waitlists move up, people are told (S7).

Like every sweep it reads candidates without locks and submits ordinary commands, so it is idempotent, safe with
several schedulers, and catches up after downtime. Boosts themselves begin and end without it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy import Connection

from core.ledger.commands import SYSTEM, Command
from core.ledger.errors import Code, Refused
from core.metering.boosts import Boost, stage_due
from core.metering.campaigns import ApplicationState, Campaign, Method
from core.services.boosts.admission_commands import FillPlace
from core.services.boosts.application_commands import WithdrawApplication
from core.services.boosts.campaign_commands import DrawLottery
from core.services.boosts.stage_commands import AnnounceStage, RevokeBoosts
from core.services.common.ledger_service import LedgerService
from core.services.common.sweeps import SweepResult
from core.store.queries import boosts as stored

CHUNK: Final = 250  # decided by one command, so that others get their turn between
MAX_CHUNKS: Final = 10_000
PAGE: Final = 500
MAX_PAGES: Final = 1_000
_PASSED_OVER: Final = frozenset({Code.APPLICATION_DECIDED, Code.CAMPAIGN_CLOSED, Code.NOT_FOUND})


async def boosts_due(ledger: LedgerService) -> SweepResult:
    """Do everything with boosts and campaigns whose time has come."""
    swept = SweepResult()
    for campaign in await ledger.read(lambda connection: stored.campaigns_at_work(connection, ledger.clock())):
        swept += await _carry_on(ledger, campaign)
    return swept + await announce_due(ledger)


async def announce_due(ledger: LedgerService) -> SweepResult:
    """Tell the people of each boost of its newest stage; of several that were missed only the newest."""
    swept = SweepResult()
    for _ in range(MAX_PAGES):
        due = await ledger.read(lambda connection: stored.boosts_to_announce(connection, ledger.clock(), PAGE))
        tells = [await _announce(ledger, boost) for boost in due]
        step = sum(await asyncio.gather(*(_submit(ledger, tell) for tell in tells)), SweepResult())
        swept += step
        if len(due) < PAGE or not step.done:
            break
    return swept


async def withdraw_leavers(ledger: LedgerService) -> SweepResult:
    """Take back the applications of people who have left, so that their places go to those who wait."""
    found = await ledger.read(lambda connection: stored.applications_of_leavers(connection, ledger.clock(), PAGE))
    withdrawals = (WithdrawApplication(org, SYSTEM, campaign, member) for org, campaign, member in found)
    return sum(await asyncio.gather(*(_submit(ledger, each) for each in withdrawals)), SweepResult())


async def place_drawn(ledger: LedgerService, campaign: Campaign) -> SweepResult:
    """Place the applications of a drawn lottery, always those with the lowest ranks of what is left."""
    return await _place(ledger, campaign, ApplicationState.APPLIED)


async def move_up(ledger: LedgerService, campaign: Campaign) -> SweepResult:
    """Give free places to those who wait, in their order."""
    if campaign.places_left <= 0 or not campaign.waitlisted:
        return SweepResult()
    return await _place(ledger, campaign, ApplicationState.WAITLISTED)


async def revoke_boosts(ledger: LedgerService, campaign: Campaign) -> SweepResult:
    """End the boosts of a campaign that was ended early."""
    swept = SweepResult()
    for _ in range(MAX_CHUNKS):
        found = await ledger.read(lambda connection: stored.unrevoked_boosts(connection, campaign, CHUNK))
        if not found:
            break
        step = await _submit(ledger, RevokeBoosts(campaign.org_id, campaign.campaign_id, tuple(found)))
        swept += step
        if not step.done:
            break
    return swept


async def _carry_on(ledger: LedgerService, campaign: Campaign) -> SweepResult:
    if campaign.ended_at is not None:
        return await revoke_boosts(ledger, campaign)
    if campaign.method is not Method.LOTTERY or campaign.closes_at > ledger.clock():
        return await move_up(ledger, campaign)
    drawn = SweepResult()
    if campaign.drawn_at is None:
        drawn = await _submit(ledger, DrawLottery(campaign.org_id, SYSTEM, campaign.campaign_id))
    return drawn + await place_drawn(ledger, campaign) + await move_up(ledger, campaign)


async def _place(ledger: LedgerService, campaign: Campaign, state: ApplicationState) -> SweepResult:
    """Submit one chunk after the other: each is the head of the line as it is when the one before is decided."""
    swept = SweepResult()
    for _ in range(MAX_CHUNKS):
        line = await _line(ledger, campaign, state)
        if not line:
            break
        step = await _submit(ledger, FillPlace(campaign.org_id, campaign.campaign_id, state, tuple(line)))
        swept += step
        if not step.done:
            break
    return swept


async def _line(ledger: LedgerService, campaign: Campaign, state: ApplicationState) -> list[int]:
    """Return who is placed next: of a draw as many as a chunk takes, of a waitlist as many as there are places."""

    def find(connection: Connection) -> list[int]:
        now = stored.campaign(connection, campaign.org_id, campaign.campaign_id)
        places = 0 if now is None else now.places_left
        most = CHUNK if state is ApplicationState.APPLIED else min(CHUNK, places)
        return stored.next_in_line(connection, campaign, state, most) if most > 0 else []

    return await ledger.read(find)


async def _announce(ledger: LedgerService, boost: Boost) -> AnnounceStage:
    people: tuple[int, ...] = (boost.subject_id,)
    if boost.campaign_id is None:  # a team's or everybody's, perhaps
        found = await ledger.read(lambda connection: stored.people_of(connection, boost.org_id, boost.subject_id))
        people = tuple(found)
    stage = stage_due(boost, ledger.clock())
    return AnnounceStage(boost.org_id, boost.boost_id, stage, boost.ends_at, boost.campaign_id or 0, people)


async def _submit(ledger: LedgerService, command: Command) -> SweepResult:
    try:
        receipt = await ledger.execute(command, in_background=True)
    except Refused as refused:
        # Somebody was faster, or it is no longer due: passed over. Everything else is tried at the next sweep.
        return SweepResult() if refused.code in _PASSED_OVER else SweepResult(left=1)
    return SweepResult(done=0 if receipt.replayed else 1)
