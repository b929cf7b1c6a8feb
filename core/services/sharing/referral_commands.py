"""Referrals: who came by whom is written once, and rewarded once the invited person has really used credits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Lot, Source
from core.ledger.members import Member
from core.ledger.records import RecordQuery
from core.ledger.referrals import CAP_WINDOW, MAX_CHAIN, Referral
from core.ledger.transfers import TransferKind
from core.policy.limits import Policy
from core.services.common.digests import digest_of
from core.services.grants.grant_commands import issue

PRIORITY: Final = 100


@dataclass(frozen=True, slots=True)
class RecordReferral:
    """Somebody says by whom they came. ``chain`` is the inviter and whoever invited them, as it was read before.

    All of them are locked, so that no ring can close elsewhere meanwhile; should the chain have grown since, the
    command finds a link that it has not locked and asks to be tried again.
    """

    org_id: int
    actor_id: int
    chain: tuple[int, ...]
    count: int = 1

    @property
    def inviter_id(self) -> int:
        return self.chain[0]

    @property
    def key(self) -> str:
        return f"refer:{self.actor_id}:{self.inviter_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("refer", self.actor_id, self.inviter_id)

    @property
    def needs(self) -> ReadSet:
        people = tuple(dict.fromkeys((self.actor_id, *self.chain)))
        links = tuple(RecordQuery(Referral, "invited_id", each) for each in people)
        return ReadSet(members=people, records=(*links, RecordQuery(Referral, "inviter_id", self.inviter_id)))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_allowed, not_verified, policy_refused (a ring, the inviter's cap, no newcomer)."""
        policy = Policy.of(batch.policies.get(self.org_id))
        invited, inviter = _people(batch, self.actor_id, self.inviter_id)
        if batch.records_of(Referral, "invited_id", self.actor_id):
            raise Refused(Code.NOT_ALLOWED, "You have said by whom you came; that cannot be changed.")
        _check_newcomer(batch, invited, policy)
        _check_ring(batch, self.actor_id, self.inviter_id)
        _check_cap(batch, inviter, policy)
        batch.post(TransferKind.REFER, cause_id=self.inviter_id)
        batch.put(Referral(self.org_id, self.actor_id, self.inviter_id, batch.now))
        batch.add_notice(wallet_of(self.inviter_id), "referral_used", body={"by": invited.name})


@dataclass(frozen=True, slots=True)
class RewardReferral:
    """Both sides get a referral lot. That the invited has used enough was read before, and only grows."""

    org_id: int
    invited_id: int
    inviter_id: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"referral:{self.invited_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("referral", self.invited_id, self.inviter_id)

    @property
    def needs(self) -> ReadSet:
        people = (self.invited_id, self.inviter_id)
        link = RecordQuery(Referral, "invited_id", self.invited_id)
        return ReadSet(members=people, debts_of=tuple(map(wallet_of, people)), records=(link,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused(not_found) for one that is rewarded already, too old, or whose invited is not verified."""
        invited, inviter = batch.member(self.invited_id), batch.member(self.inviter_id)
        for referral in batch.records_of(Referral, "invited_id", self.invited_id):
            if invited is not None and _is_worth_it(invited) and referral.is_open(batch.now):
                batch.post(TransferKind.REFER, cause_id=self.inviter_id)
                batch.put(replace(referral, rewarded_at=batch.now))
                policy = Policy.of(batch.policies.get(self.org_id))
                _reward(batch, invited, policy.referral_invited, policy, because_of=inviter)
                if inviter is not None and _is_worth_it(inviter):
                    _reward(batch, inviter, policy.referral_inviter, policy, because_of=invited)
                return
        raise Refused(Code.NOT_FOUND, "There is nothing to reward.")


def _people(batch: BatchState, invited_id: int, inviter_id: int) -> tuple[Member, Member]:
    invited, inviter = batch.member(invited_id), batch.member(inviter_id)
    if invited_id == inviter_id:
        raise Refused(Code.NOT_ALLOWED, "That is your own code. Give it to somebody who is new here.")
    if invited is None or invited.has_left or invited.kind != "person":
        raise Refused(Code.NOT_ALLOWED, "Only people who are here can use a code.")
    if inviter is None or inviter.has_left or inviter.is_frozen:
        raise Refused(Code.NOT_ALLOWED, "The owner of this code cannot invite anybody at present.")
    if inviter.verified_at is None:
        raise Refused(Code.NOT_VERIFIED, "The owner of this code is not verified.")
    return invited, inviter


def _check_newcomer(batch: BatchState, invited: Member, policy: Policy) -> None:
    days = policy.referral_newcomer_days
    if days is not None and invited.joined_at + timedelta(days=days) <= batch.now:
        sentence = f"A code is for people who came within the last {days} days."
        raise Refused(Code.POLICY_REFUSED, sentence, rule="referral_newcomer_days", limit=str(days))


def _check_ring(batch: BatchState, invited: int, inviter: int) -> None:
    """Follow who invited the inviter, up to MAX_CHAIN: a longer ring is worth nobody's while."""
    above = inviter
    for _ in range(MAX_CHAIN - 1):
        links = batch.records_of(Referral, "invited_id", above)
        if not links:
            return
        above = links[0].inviter_id
        if above == invited:
            raise Refused(Code.POLICY_REFUSED, "They came by you, or by somebody who did: not in a ring.", rule="ring")


def _check_cap(batch: BatchState, inviter: Member, policy: Policy) -> None:
    limit, since = policy.referrals_per_month, batch.now - CAP_WINDOW
    referrals = batch.records_of(Referral, "inviter_id", inviter.member_id)
    if limit is not None and sum(each.created_at > since for each in referrals) >= limit:
        sentence = f"{inviter.name} has invited {limit} people in the last 30 days; no more are possible for now."
        raise Refused(Code.POLICY_REFUSED, sentence, rule="referrals_per_month", limit=str(limit))


def _is_worth_it(member: Member) -> bool:
    return member.verified_at is not None and not member.has_left


def _reward(
    batch: BatchState, member: Member, amount: Credits | None, policy: Policy, *, because_of: Member | None
) -> None:
    if not amount:
        return
    expires_at = batch.now + timedelta(days=policy.referral_lasts_days)
    wallet, number = wallet_of(member.member_id), batch.next_id()
    lot = Lot(
        number,
        Source.REFERRAL,
        expires_at,
        giftable=False,
        priority=PRIORITY,
        granted_at=batch.now,
        amount=amount,
        account_id=wallet,
    )
    name = "somebody" if because_of is None else because_of.name
    issue(batch, batch.org_id, lot, notice="referral_rewarded", by=name)
