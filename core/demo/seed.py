"""Seeds the demo: runs the scenario through the real use cases, each step at its own time.

The ledger is opened with a clock that moves through the past, so that every row has the right time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.demo import scenario
from core.demo.scenario import DemoCampaign, DemoGift, DemoGrant, Person
from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.ledger.transfers import TransferKind
from core.metering.boosts import Factor
from core.metering.ratecards import RateCards
from core.metering.usage import Usage
from core.services.allowances import plans
from core.services.boosts import applications, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.sweeps import boosts_due
from core.services.common.actors import Actor, Role, Scope
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.gifts.settlement import settle_due
from core.services.grants import grants
from core.services.grants.expiry import expire_due
from core.services.people import members, organizations
from core.services.usage import charges
from core.services.usage.ratecards import published_rate_cards
from core.services.wallet import balances

Step = tuple[datetime, Callable[[], Awaitable[object]]]
_SOURCE = "demo"
_CLAIMED_BEFORE = timedelta(days=1)  # older notices have been seen


@dataclass(slots=True)
class MovableClock:
    """A clock that the seed sets."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


async def seed(ledger: LedgerService, clock: MovableClock) -> None:
    """Run the scenario up to the clock's present. The ledger must be empty and use this clock."""
    present = clock.now
    clock.now = present - timedelta(days=scenario.STARTED_DAYS_AGO)
    timeline = await _create_organization(ledger, present)
    for at, act in sorted(timeline.steps(), key=lambda step: step[0]):
        clock.now = max(clock.now, at)
        await act()
    clock.now = present


async def _create_organization(ledger: LedgerService, present: datetime) -> _Timeline:
    """Create the organization, its teams and its people."""
    org_id, admin, _ = await organizations.create_organization(
        ledger, name=scenario.ORGANISATION, admin_name=scenario.ADMIN
    )
    operator = await organizations.operator(ledger, org=org_id)
    ids = {scenario.ORGANISATION: org_id, scenario.ADMIN: admin.id}
    for name in scenario.TEAMS:
        ids[name] = (await organizations.create_team(ledger, actor=operator, name=name)).id
    for person in scenario.PEOPLE:
        if person.name not in ids:
            added = await members.add_member(
                ledger, actor=operator, name=person.name, email=person.email, verified=True
            )
            ids[person.name] = added.id
        await organizations.add_to_team(
            ledger, actor=operator, team_id=ids[person.team], member_id=ids[person.name], is_lead=person.leads
        )
    return _Timeline(ledger, present, operator, ids, published_rate_cards())


@dataclass(frozen=True, slots=True)
class _Timeline:
    """The new organization and everything that happens in it; ``ids`` maps names to ids."""

    ledger: LedgerService
    present: datetime
    operator: Actor
    ids: dict[str, str]
    cards: RateCards

    def steps(self) -> Iterator[Step]:
        """Yield every step with its time, in no particular order."""
        for granted in scenario.GRANTS:
            yield from self._grant_steps(granted)
        for given in scenario.GIFTS:
            yield from self._gift_steps(given)
        yield from self._campaign_steps(scenario.CAMPAIGN)
        for person in scenario.PEOPLE:
            for at, event, used in scenario.requests_of(person, self.present):
                yield at, self._usage(person, event, used, at)
            yield self.present - _CLAIMED_BEFORE, self._notices_read(person.name)

    def _campaign_steps(self, campaign: DemoCampaign) -> Iterator[Step]:
        """Yield a plan for everybody, the campaign, its applications and its start."""
        opens_at, starts_at, ends_at = (
            self.present + timedelta(days=days)
            for days in (-campaign.opened_days_ago, -campaign.starts_days_ago, campaign.ends_in_days)
        )
        factor, created = Factor.parse(campaign.factor), list[str]()

        async def begin() -> None:
            weekly = Credits.of(scenario.PLAN_A_WEEK)
            plan = await plans.create_plan(self.ledger, actor=self.operator, name=scenario.PLAN, weekly=weekly)
            await plans.give_plan(
                self.ledger, actor=self.operator, subject=self.ids[scenario.ORGANISATION], plan_id=plan.id
            )
            terms = CampaignTerms(campaign.name, factor, campaign.capacity, starts_at, starts_at, ends_at)
            answer = await campaigns.open_campaign(self.ledger, actor=self.operator, key="demo:boost", terms=terms)
            created.append(answer.item.id)

        yield opens_at, begin
        for hour, name in enumerate(campaign.applicants, 1):
            yield opens_at + timedelta(hours=hour), self._application(name, created)
        yield starts_at, lambda: boosts_due(self.ledger)

    def _application(self, name: str, created: list[str]) -> Callable[[], Awaitable[object]]:
        return lambda: applications.apply(
            self.ledger, actor=self._actor(name), key="demo:apply", campaign_id=created[0]
        )

    def _grant_steps(self, granted: DemoGrant) -> Iterator[Step]:
        at = self.present - timedelta(days=granted.days_ago)
        expires_at = None if granted.expires_in_days is None else self._midnight(granted.expires_in_days)

        async def grant() -> None:
            to = self.ids[granted.to]
            is_member = to.startswith(Prefix.MEMBER.value)
            await grants.grant(
                self.ledger,
                actor=self.operator,
                key=f"demo:{granted.to}:{granted.reason}",
                to=Recipient(member=to) if is_member else Recipient(pool=to),
                amount=Credits.of(granted.amount),
                source=granted.source,
                expires_at=expires_at,
                reason=granted.reason,
            )

        yield at, grant
        if expires_at is not None and expires_at <= self.present:
            yield expires_at, lambda: expire_due(self.ledger)

    def _midnight(self, in_days: float) -> datetime:
        return (self.present + timedelta(days=in_days)).replace(hour=0, minute=0, second=0, microsecond=0)

    def _gift_steps(self, given: DemoGift) -> Iterator[Step]:
        """Yield the gift, and its end if that is in the past."""
        at = self.present - timedelta(hours=given.hours_ago)
        sender, recipient = self._actor(given.sender), self._actor(given.recipient)
        created: list[str] = []

        async def give() -> None:
            answer = await gifts.give(
                self.ledger,
                actor=sender,
                key=f"demo:{at.isoformat()}",
                to=[Recipient(member=self.ids[given.recipient])],
                amount=Credits.of(given.amount),
                message=given.message,
            )
            created.extend(str(gift.id) for gift in answer.item)

        yield at, give
        match given.ending:
            case TransferKind.GIFT_CANCEL:
                yield at + timedelta(minutes=4), lambda: gifts.cancel(self.ledger, actor=sender, gift_id=created[0])
            case TransferKind.GIFT_DECLINE:
                yield at + timedelta(hours=2), lambda: gifts.decline(self.ledger, actor=recipient, gift_id=created[0])
            case _:
                settles_at = at + timedelta(hours=self.ledger.default_settlement_hours)
                if settles_at <= self.present:
                    yield settles_at, lambda: settle_due(self.ledger)

    def _usage(self, person: Person, event: str, used: Usage, at: datetime) -> Callable[[], Awaitable[object]]:
        return lambda: charges.charge(
            self.ledger,
            org_id=self.operator.org_id,
            member_id=parse_id(Prefix.MEMBER, self.ids[person.name]),
            source=_SOURCE,
            event_id=event,
            subject=person.email,
            usage=used,
            card=self.cards.at(at),
        )

    def _notices_read(self, name: str) -> Callable[[], Awaitable[object]]:
        async def read() -> None:
            """Mark every notice as seen."""
            actor = self._actor(name)
            for notice in (await balances.status(self.ledger, actor=actor)).notices:
                await balances.claim_notice(self.ledger, actor=actor, notice_id=notice.id)

        return read

    def _actor(self, name: str) -> Actor:
        number = parse_id(Prefix.MEMBER, self.ids[name])
        return Actor(self.operator.org_id, number, Role.MEMBER, frozenset({Scope.READ, Scope.GIVE}))
