"""People apply for a campaign, take it back, and say afterwards what it was worth (S7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import orjson

from core.ledger.accounts import pool_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.boosts import Boost
from core.metering.campaigns import WAITING, Application, ApplicationState, Campaign, Method, rank_in_lottery
from core.services.boosts.admission_commands import admit, settle_as
from core.services.boosts.campaign_commands import campaign_in, refuse_over
from core.services.boosts.forms import checked_answers
from core.services.common.digests import digest_of, stamp

FEEDBACK_FOR: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class SubmitApplication:
    """Somebody applies. By arrival it is decided at once; nobody passes those who wait already."""

    org_id: int
    actor_id: int
    key: str
    campaign_id: int
    answers: dict[str, Any]
    count: int = 1

    @property
    def digest(self) -> bytes:
        answers = orjson.dumps(self.answers, option=orjson.OPT_SORT_KEYS).decode()
        return digest_of("apply", self.campaign_id, answers)

    @property
    def needs(self) -> ReadSet:
        me = self.actor_id
        records = (RecordQuery(Campaign, "campaign_id", self.campaign_id), RecordQuery(Application, "member_id", me))
        return ReadSet(members=(me,), accounts=(pool_of(self.org_id),), seats_of=(me,), records=records)

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        own = _own(batch, campaign, self.actor_id)
        if own is not None:
            sentence = f"You have applied already: {own.state.value}."
            shown = shown_id(Prefix.APPLICATION, own.application_id)
            raise Refused(Code.ALREADY_APPLIED, sentence, state=own.state.value, application=shown)
        _check_open(batch, campaign)
        _check_applicant(batch, campaign, self.actor_id)
        answers = checked_answers(campaign.form, self.answers)
        number = batch.post(TransferKind.APPLY, cause_id=self.campaign_id)
        order = campaign.applications + 1 if campaign.seed is None else rank_in_lottery(campaign.seed, number)
        state = ApplicationState.APPLIED
        application = Application(
            self.org_id, number, self.campaign_id, self.actor_id, state, order, answers, batch.now
        )
        counted = campaign.moved(None, state)
        if campaign.method is not Method.ARRIVAL:
            batch.put(application)
            batch.put(counted)
        elif campaign.places_left > 0 and not campaign.waitlisted:
            admit(batch, counted, application)
        else:
            settle_as(batch, counted, application, ApplicationState.WAITLISTED)


@dataclass(frozen=True, slots=True)
class WithdrawApplication:
    """Somebody takes their application back, or the sweep that of somebody who has left.

    A place that this frees is given to the next who waits.
    """

    org_id: int
    actor_id: int
    campaign_id: int
    member_id: int
    count: int = 1

    @property
    def key(self) -> str:
        return f"withdraw:{self.campaign_id}:{self.member_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("withdraw", self.campaign_id, self.member_id)

    @property
    def needs(self) -> ReadSet:
        me = self.member_id
        records = (
            RecordQuery(Campaign, "campaign_id", self.campaign_id),
            RecordQuery(Application, "member_id", me),
            RecordQuery(Boost, "subject_id", me),
        )
        return ReadSet(accounts=(pool_of(self.org_id),), records=records)

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        own = _applied(batch, campaign, self.member_id)
        refuse_over(campaign, batch.now)
        if own.state not in {*WAITING, ApplicationState.ADMITTED}:
            raise Refused(Code.APPLICATION_DECIDED, f"This application is {own.state.value}.", state=own.state.value)
        batch.post(TransferKind.WITHDRAW, cause_id=own.application_id)
        batch.put(replace(own, state=ApplicationState.WITHDRAWN, decided_at=batch.now))
        batch.put(campaign.moved(own.state, ApplicationState.WITHDRAWN))
        for boost in batch.records_of(Boost, "subject_id", self.member_id):
            if boost.campaign_id == self.campaign_id and boost.ends_at > batch.now:
                batch.put(replace(boost.ended(batch.now), tell_at=None))


@dataclass(frozen=True, slots=True)
class RateCampaign:
    """Somebody who was admitted says what it was worth, 1 to 5, with words; the last answer counts."""

    org_id: int
    actor_id: int
    key: str
    campaign_id: int
    rating: int
    words: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("judge", self.campaign_id, self.rating, self.words)

    @property
    def needs(self) -> ReadSet:
        records = (
            RecordQuery(Campaign, "campaign_id", self.campaign_id),
            RecordQuery(Application, "member_id", self.actor_id),
        )
        return ReadSet(accounts=(pool_of(self.org_id),), records=records)

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        own = _applied(batch, campaign, self.actor_id)
        if own.state is not ApplicationState.ADMITTED:
            raise Refused(Code.NOT_ALLOWED, "Only who was admitted can say what the boost was worth.")
        if batch.now < campaign.starts_at:
            raise Refused(Code.CAMPAIGN_CLOSED, "The boost has not begun yet.", state="not_begun")
        if batch.now >= campaign.ends_at + FEEDBACK_FOR:
            raise Refused(Code.CAMPAIGN_CLOSED, "It is too long ago.", state="ended")
        batch.post(TransferKind.APPLY, cause_id=own.application_id)
        batch.put(replace(own, rating=self.rating, words=self.words))


def _own(batch: BatchState, campaign: Campaign, member_id: int) -> Application | None:
    applications = batch.records_of(Application, "member_id", member_id)
    return next((each for each in applications if each.campaign_id == campaign.campaign_id), None)


def _applied(batch: BatchState, campaign: Campaign, member_id: int) -> Application:
    own = _own(batch, campaign, member_id)
    if own is None:
        raise Refused(Code.NOT_FOUND, "You have not applied for this campaign.")
    return own


def _check_open(batch: BatchState, campaign: Campaign) -> None:
    refuse_over(campaign, batch.now)
    if batch.now < campaign.opens_at:
        sentence = "Applications are not open yet."
        raise Refused(Code.CAMPAIGN_CLOSED, sentence, state="not_open_yet", opens_at=stamp(campaign.opens_at))
    if batch.now >= campaign.closes_at:
        sentence = "Applications are closed."
        raise Refused(Code.CAMPAIGN_CLOSED, sentence, state="closed", closes_at=stamp(campaign.closes_at))


def _check_applicant(batch: BatchState, campaign: Campaign, member_id: int) -> None:
    member = batch.member(member_id)
    if member is None or member.has_left or member.kind == "bot":
        raise Refused(Code.NOT_ALLOWED, "Only active members and services can apply.")
    if member.is_frozen:
        raise Refused(Code.ACCOUNT_FROZEN, "Your wallet is frozen.")
    seats = {seat.team_id for seat in batch.seats_of(member_id)}
    if campaign.team_ids and not seats & set(campaign.team_ids):
        raise Refused(Code.NOT_ALLOWED, "This campaign is for members of other teams.")
