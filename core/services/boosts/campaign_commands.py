"""Campaigns are made, drawn and ended early (S7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from core.ledger.accounts import pool_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.boosts import MAX_LASTS, Factor
from core.metering.campaigns import Campaign, Method
from core.services.common.digests import digest_of, stamp

MAX_AHEAD: Final = timedelta(days=2 * 366)


@dataclass(frozen=True, slots=True)
class OpenCampaign:
    """An admin makes a campaign. ``seed`` is no part of its content: the same key finds the first one's seed."""

    org_id: int
    actor_id: int
    key: str
    name: str
    factor: Factor
    method: Method
    capacity: int
    team_ids: tuple[int, ...]
    form: tuple[dict[str, Any], ...]
    opens_at: datetime | None  # None is now
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime
    seed: str
    count: int = 1

    @property
    def digest(self) -> bytes:
        moments = (None if self.opens_at is None else self.opens_at.isoformat(), *map(str, self._instants[1:]))
        form = orjson.dumps(self.form).decode()
        facts = (self.name, self.factor.thousandths, self.method.value, self.capacity, form, *self.team_ids)
        return digest_of("campaign", *facts, *moments)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(accounts=(pool_of(self.org_id), *map(pool_of, self.team_ids)))

    @property
    def _instants(self) -> tuple[datetime | None, datetime, datetime, datetime]:
        return self.opens_at, self.closes_at, self.starts_at, self.ends_at

    def decide(self, batch: BatchState) -> None:
        for team in self.team_ids:
            if not batch.is_locked(pool_of(team)):
                raise Refused(Code.INVALID_REQUEST, "Team not found.", field="teams")
        opens_at = batch.now if self.opens_at is None else self.opens_at
        self._check_instants(opens_at, batch.now)
        number = batch.post(TransferKind.BOOST)
        campaign = Campaign(
            self.org_id,
            number,
            self.name,
            self.factor,
            self.method,
            self.capacity,
            self.team_ids,
            self.form,
            opens_at,
            self.closes_at,
            self.starts_at,
            self.ends_at,
            self.actor_id,
            batch.now,
            self.seed if self.method is Method.LOTTERY else None,
        )
        batch.put(campaign)

    def _check_instants(self, opens_at: datetime, now: datetime) -> None:
        problems = (
            (self.ends_at <= self.starts_at, "ends_at", "The campaign ends before it starts."),
            (self.ends_at <= now, "ends_at", "The campaign would be over already."),
            (self.ends_at - self.starts_at > MAX_LASTS, "ends_at", f"A boost lasts at most {MAX_LASTS.days} days."),
            (self.ends_at > now + MAX_AHEAD, "ends_at", "The end is more than two years away."),
            (self.closes_at <= opens_at, "closes_at", "Applications close before they open."),
            (self.closes_at <= now, "closes_at", "Applications would be closed already."),
            (self.closes_at > self.ends_at, "closes_at", "Applications close after the boost has ended."),
        )
        for is_wrong, field, sentence in problems:
            if is_wrong:
                raise Refused(Code.INVALID_REQUEST, sentence, field=field)


@dataclass(frozen=True, slots=True)
class DrawLottery:
    """A lottery's seed is published: from now on its applications are decided in the order it gives them."""

    org_id: int
    actor_id: int
    campaign_id: int
    count: int = 1

    @property
    def key(self) -> str:
        return f"draw:{self.campaign_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("draw", self.campaign_id)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.org_id, self.campaign_id)

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        if campaign.method is not Method.LOTTERY:
            raise Refused(
                Code.INVALID_REQUEST, f"This campaign is decided by {campaign.method.value}; nothing is drawn."
            )
        if campaign.drawn_at is not None:
            raise Refused(Code.CAMPAIGN_CLOSED, "The lottery is drawn already.", state="drawn")
        if batch.now < campaign.closes_at:
            sentence = "The lottery is drawn when applications have closed."
            raise Refused(Code.CAMPAIGN_CLOSED, sentence, state="open", closes_at=stamp(campaign.closes_at))
        refuse_over(campaign, batch.now)
        batch.post(TransferKind.ADMIT, cause_id=self.campaign_id, note=f"seed {campaign.seed}")
        batch.put(replace(campaign, drawn_at=batch.now))


@dataclass(frozen=True, slots=True)
class EndCampaign:
    """An admin ends a campaign early: nothing is decided any more, and its boosts end (by ``Cut``)."""

    org_id: int
    actor_id: int
    campaign_id: int
    reason: str | None
    count: int = 1

    @property
    def key(self) -> str:
        return f"end-campaign:{self.campaign_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("end-campaign", self.campaign_id)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.org_id, self.campaign_id)

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        refuse_over(campaign, batch.now)
        batch.post(TransferKind.BOOST, cause_id=self.campaign_id, note=self.reason)
        batch.put(replace(campaign, ended_at=batch.now))


def campaign_in(batch: BatchState, campaign_id: int) -> Campaign:
    """Return a campaign of the command's organization. Raises Refused(not_found)."""
    for campaign in batch.records_of(Campaign, "campaign_id", campaign_id):
        return campaign
    raise Refused(Code.NOT_FOUND, "Campaign not found.")


def refuse_over(campaign: Campaign, now: datetime) -> None:
    """Raise Refused(campaign_closed) for a campaign whose boost has ended."""
    if campaign.is_over(now):
        raise Refused(Code.CAMPAIGN_CLOSED, "This campaign is over.", state="ended")


def _needs(org_id: int, campaign_id: int) -> ReadSet:
    return ReadSet(accounts=(pool_of(org_id),), records=(RecordQuery(Campaign, "campaign_id", campaign_id),))
