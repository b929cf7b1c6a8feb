"""What goes on with boosts as time passes: people are told of each stage, and what was ended early ends (S6, S7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.book import Book
from core.ledger.commands import SYSTEM, Needs
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.records import Wish
from core.ledger.transfers import TransferKind
from core.metering.boosts import Boost, Stage, next_stage_at, stage_due
from core.metering.campaigns import Campaign, days_of
from core.services.commands.base import digest_of, stamp

NOTICE_OF: Final = {
    Stage.STARTED: "boost_started",
    Stage.SEVEN_DAYS: "boost_ending",
    Stage.THREE_DAYS: "boost_ending",
    Stage.ONE_DAY: "boost_ending",
    Stage.ENDED: "boost_ended",
    Stage.FEEDBACK: "boost_feedback",
}


@dataclass(frozen=True, slots=True)
class Tell:
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
    def needs(self) -> Needs:
        records = (Wish(Boost, "boost_id", self.boost_id), Wish(Campaign, "campaign_id", self.campaign_id))
        return Needs(accounts=(pool_of(self.org_id),), records=records)

    def decide(self, book: Book) -> None:
        boost = next(iter(book.records_of(Boost, "boost_id", self.boost_id)), None)
        if boost is None or boost.told >= self.stage or stage_due(boost, book.now) is not self.stage:
            raise Refused(Code.NOT_FOUND, "There is nothing to tell.")
        campaign = next(iter(book.records_of(Campaign, "campaign_id", self.campaign_id)), None)
        book.post(TransferKind.BOOST, cause_id=self.boost_id)
        book.put(replace(boost, told=self.stage, tell_at=next_stage_at(boost, self.stage)))
        body = {**boost_facts(boost, campaign), "days": max(days_of(boost.ends_at - book.now), 0)}
        for member in self.people:
            book.tell(wallet_of(member), NOTICE_OF[self.stage], body=body, for_editor=True)


@dataclass(frozen=True, slots=True)
class Cut:
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
    def needs(self) -> Needs:
        wishes = (Wish(Boost, "boost_id", number) for number in self.boosts)
        records = (Wish(Campaign, "campaign_id", self.campaign_id), *wishes)
        return Needs(accounts=(pool_of(self.org_id),), records=records)

    def decide(self, book: Book) -> None:
        campaign = next(iter(book.records_of(Campaign, "campaign_id", self.campaign_id)), None)
        if campaign is None or campaign.ended_at is None:
            raise Refused(Code.NOT_FOUND, "There is nothing to end.")
        book.post(TransferKind.BOOST, cause_id=self.campaign_id)
        for number in self.boosts:
            for boost in book.records_of(Boost, "boost_id", number):
                if boost.ends_at > campaign.ended_at and boost.ends_at > boost.starts_at:
                    book.put(boost.ended(campaign.ended_at))


def boost_facts(boost: Boost, campaign: Campaign | None) -> dict[str, Any]:
    """Return what a notice needs to know of a boost."""
    return {
        "factor": str(boost.factor),
        "starts_at": stamp(boost.starts_at),
        "ends_at": stamp(boost.ends_at),
        "campaign": None if campaign is None else campaign.name,
        "campaign_id": None if campaign is None else shown_id(Prefix.CAMPAIGN, campaign.campaign_id),
    }
