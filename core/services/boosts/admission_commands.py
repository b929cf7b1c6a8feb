"""Applications are decided: by an admin, by a draw, and as places become free (S7). The capacity is never exceeded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.boosts import Boost, Stage, next_stage_at, stage_due
from core.metering.campaigns import WAITING, Application, ApplicationState, Campaign, Method
from core.services.boosts.campaign_commands import campaign_in, refuse_over
from core.services.common.digests import digest_of, stamp

_NOTICES: Final = {
    ApplicationState.ADMITTED: "boost_admitted",
    ApplicationState.WAITLISTED: "boost_waitlisted",
    ApplicationState.REFUSED: "boost_refused",
}


@dataclass(frozen=True, slots=True)
class DecideApplication:
    """An admin admits or refuses an application that is not decided, with a reason if they like."""

    org_id: int
    actor_id: int
    campaign_id: int
    application_id: int
    verdict: ApplicationState
    reason: str | None
    count: int = 1

    @property
    def key(self) -> str:
        return f"{self.verdict.value}:{self.application_id}"

    @property
    def digest(self) -> bytes:
        return digest_of(self.verdict.value, self.application_id)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.org_id, self.campaign_id, (self.application_id,))

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        found = batch.records_of(Application, "application_id", self.application_id)
        if not found or found[0].campaign_id != self.campaign_id:
            raise Refused(Code.NOT_FOUND, "Application not found.")
        application = found[0]
        refuse_over(campaign, batch.now)
        if application.state not in WAITING:
            sentence = f"This application is {application.state.value}."
            raise Refused(Code.APPLICATION_DECIDED, sentence, state=application.state.value)
        if campaign.method is Method.LOTTERY and campaign.drawn_at is None:
            sentence = "This campaign is decided by lottery; it is drawn when applications have closed."
            raise Refused(Code.CAMPAIGN_CLOSED, sentence, state="not_drawn")
        if self.verdict is ApplicationState.ADMITTED and campaign.places_left <= 0:
            sentence = f"All {campaign.capacity:,} places are taken."
            raise Refused(Code.CAMPAIGN_FULL, sentence, capacity=campaign.capacity)
        batch.post(TransferKind.ADMIT, cause_id=self.application_id, note=self.reason)
        decided = replace(application, decided_by=self.actor_id)
        if self.verdict is ApplicationState.ADMITTED:
            admit(batch, campaign, decided)
        else:
            settle_as(batch, campaign, decided, self.verdict, reason=self.reason)


@dataclass(frozen=True, slots=True)
class FillPlace:
    """The next applications in the order of their ranks get the places there are; the others of a draw wait.

    They are those with the lowest ranks of one state; what has changed meanwhile is passed over.
    """

    org_id: int
    campaign_id: int
    state: ApplicationState  # applied: of a draw; waitlisted: as places become free
    applications: tuple[int, ...]
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"place:{self.campaign_id}:{self.state.value}:{digest_of(*self.applications).hex()}"

    @property
    def digest(self) -> bytes:
        return digest_of("place", self.campaign_id, *self.applications)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.org_id, self.campaign_id, self.applications)

    def decide(self, batch: BatchState) -> None:
        campaign = campaign_in(batch, self.campaign_id)
        refuse_over(campaign, batch.now)
        if self.state is ApplicationState.APPLIED and campaign.drawn_at is None:
            raise Refused(Code.CAMPAIGN_CLOSED, "The lottery is not drawn yet.", state="not_drawn")
        found = [batch.records_of(Application, "application_id", number) for number in self.applications]
        waiting = [each[0] for each in found if each and each[0].state is self.state]
        if self.state is ApplicationState.WAITLISTED:
            waiting = waiting[: campaign.places_left]
        if not waiting:
            raise Refused(Code.APPLICATION_DECIDED, "There is nobody to be placed.")
        batch.post(TransferKind.ADMIT, cause_id=self.campaign_id)
        for application in waiting:
            if campaign.places_left > 0:
                campaign = admit(batch, campaign, application)
            else:
                campaign = settle_as(batch, campaign, application, ApplicationState.WAITLISTED)


def admit(batch: BatchState, campaign: Campaign, application: Application) -> Campaign:
    """Give a place, and the boost with it, from the campaign's start to its end; return the campaign after it.

    Beginning and ending need no job. What has been said by the notice of admission is not told a second time.
    """
    assert campaign.places_left > 0, "a campaign never admits more than its capacity"
    boost = Boost(
        campaign.org_id,
        batch.next_id(),
        application.member_id,
        campaign.factor,
        campaign.starts_at,
        campaign.ends_at,
        campaign.campaign_id,
        application.decided_by or campaign.actor_id,
        batch.now,
        Stage.NOTHING,
        campaign.starts_at,
    )
    told = stage_due(boost, batch.now)
    batch.put(replace(boost, told=told, tell_at=next_stage_at(boost, told)))
    return settle_as(batch, campaign, application, ApplicationState.ADMITTED)


def settle_as(
    batch: BatchState,
    campaign: Campaign,
    application: Application,
    state: ApplicationState,
    *,
    reason: str | None = None,
) -> Campaign:
    """Write what became of an application, tell who applied, and return the campaign after it."""
    batch.put(replace(application, state=state, decided_at=batch.now))
    after = campaign.moved(application.state, state)
    batch.put(after)
    body = {
        "campaign": campaign.name,
        "factor": str(campaign.factor),
        "starts_at": stamp(campaign.starts_at),
        "ends_at": stamp(campaign.ends_at),
        "reason": reason,
    }
    batch.add_notice(wallet_of(application.member_id), _NOTICES[state], body=body, for_editor=True)
    return after


def _needs(org_id: int, campaign_id: int, applications: tuple[int, ...]) -> ReadSet:
    wishes = (RecordQuery(Application, "application_id", number) for number in applications)
    return ReadSet(accounts=(pool_of(org_id),), records=(RecordQuery(Campaign, "campaign_id", campaign_id), *wishes))
