"""What goes on with boosts as time passes: people are told of each stage, and what was ended early ends (S6, S7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.boosts import Boost, Stage, next_stage_at, stage_due
from core.metering.campaigns import Campaign, days_of
from core.services.common.digests import digest_of, stamp

NOTICE_OF: Final = {
    Stage.STARTED: "boost_started",
    Stage.SEVEN_DAYS: "boost_ending",
    Stage.THREE_DAYS: "boost_ending",
    Stage.ONE_DAY: "boost_ending",
    Stage.ENDED: "boost_ended",
    Stage.FEEDBACK: "boost_feedback",
}


@dataclass(frozen=True, slots=True)
class AnnounceStage:
    """The sweep tells everybody whom a boost concerns of its newest stage, once (S7)."""

    org_id: int
    boost_id: int
    stage: Stage
    ends_at: datetime  # another end makes it another thing to tell
    campaign_id: int
    people: tuple[int, ...]
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"tell-boost:{self.boost_id}:{self.stage.value}:{self.ends_at.isoformat()}"

    @property
    def digest(self) -> bytes:
        return digest_of("tell-boost", self.boost_id)

    @property
    def needs(self) -> ReadSet:
        records = (
            RecordQuery(Boost, "boost_id", self.boost_id),
            RecordQuery(Campaign, "campaign_id", self.campaign_id),
        )
        return ReadSet(accounts=(pool_of(self.org_id),), records=records)

    def decide(self, batch: BatchState) -> None:
        boost = next(iter(batch.records_of(Boost, "boost_id", self.boost_id)), None)
        if boost is None or boost.told >= self.stage or stage_due(boost, batch.now) is not self.stage:
            raise Refused(Code.NOT_FOUND, "There is nothing to tell.")
        campaign = next(iter(batch.records_of(Campaign, "campaign_id", self.campaign_id)), None)
        batch.post(TransferKind.BOOST, cause_id=self.boost_id)
        batch.put(replace(boost, told=self.stage, tell_at=next_stage_at(boost, self.stage)))
        body = {**boost_notice(boost, campaign), "days": max(days_of(boost.ends_at - batch.now), 0)}
        for member in self.people:
            batch.add_notice(wallet_of(member), NOTICE_OF[self.stage], body=body, for_editor=True)


@dataclass(frozen=True, slots=True)
class RevokeBoosts:
    """The boosts of a campaign that was ended early end with it."""

    org_id: int
    campaign_id: int
    boosts: tuple[int, ...]
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"cut-boosts:{self.campaign_id}:{digest_of(*self.boosts).hex()}"

    @property
    def digest(self) -> bytes:
        return digest_of("cut-boosts", self.campaign_id, *self.boosts)

    @property
    def needs(self) -> ReadSet:
        wishes = (RecordQuery(Boost, "boost_id", number) for number in self.boosts)
        records = (RecordQuery(Campaign, "campaign_id", self.campaign_id), *wishes)
        return ReadSet(accounts=(pool_of(self.org_id),), records=records)

    def decide(self, batch: BatchState) -> None:
        campaign = next(iter(batch.records_of(Campaign, "campaign_id", self.campaign_id)), None)
        if campaign is None or campaign.ended_at is None:
            raise Refused(Code.NOT_FOUND, "There is nothing to end.")
        batch.post(TransferKind.BOOST, cause_id=self.campaign_id)
        for number in self.boosts:
            for boost in batch.records_of(Boost, "boost_id", number):
                if boost.ends_at > campaign.ended_at and boost.ends_at > boost.starts_at:
                    batch.put(boost.ended(campaign.ended_at))


def boost_notice(boost: Boost, campaign: Campaign | None) -> dict[str, Any]:
    """Return what a notice needs to know of a boost."""
    return {
        "factor": str(boost.factor),
        "starts_at": stamp(boost.starts_at),
        "ends_at": stamp(boost.ends_at),
        "campaign": None if campaign is None else campaign.name,
        "campaign_id": None if campaign is None else shown_id(Prefix.CAMPAIGN, campaign.campaign_id),
    }
