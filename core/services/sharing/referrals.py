"""Referrals: a code, who came by it, and a sweep that rewards both sides once the invited has used credits.

Used is what was paid and what somebody else reported: nobody earns a reward with usage of their own invention.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.accounts import wallet_of
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.referrals import Referral
from core.policy.limits import Policy
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.parties import party
from core.services.common.results import CommandResult
from core.services.common.sweeps import MAX_PAGES, PAGE, SweepResult, submit_all
from core.services.common.views import PartyView
from core.services.sharing.referral_commands import RecordReferral, RewardReferral
from core.store.queries import gifts as stored
from core.store.queries import organizations, people
from core.store.queries import referrals as store
from core.store.queries.people import MemberRecord
from core.store.timestamps import to_micros

MAX_SHOWN: Final = 200
MAX_CODE: Final = 40
_TRIES: Final = 5  # codes that may already be somebody's
_LETTERS: Final = "23456789abcdefghjkmnpqrstvwxyz01"  # 32: five bits of a byte each
_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class InvitedView:
    """Somebody who came by a code; ``rewarded_at`` is None until both sides have had their lot."""

    who: PartyView
    created_at: datetime
    rewarded_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReferralsView:
    """One's code, by whom one came, whom one invited (newest first), and what there is to gain."""

    code: str | None
    invited_by: PartyView | None
    invited: tuple[InvitedView, ...]
    for_inviter: Credits
    for_invited: Credits
    after_use_of: Credits


async def referrals(ledger: LedgerService, *, actor: Actor) -> ReferralsView:
    """Return one's referrals."""

    def find(connection: Connection) -> ReferralsView:
        org_id, me = actor.org_id, actor.member_id
        mine = store.referral_of(connection, org_id, me)
        invited = store.invited_by(connection, org_id, me, MAX_SHOWN)
        wallets = {wallet_of(each.invited_id) for each in invited}
        wallets |= {wallet_of(mine.inviter_id)} if mine else set()
        sides = stored.sides(connection, {(org_id, wallet) for wallet in wallets})
        policy = Policy.of(organizations.policy(connection, org_id=org_id))
        return ReferralsView(
            store.code_of(connection, org_id, me),
            party(org_id, sides[wallet_of(mine.inviter_id)]) if mine else None,
            tuple(
                InvitedView(party(org_id, sides[wallet_of(each.invited_id)]), each.created_at, each.rewarded_at)
                for each in invited
            ),
            policy.referral_inviter or ZERO,
            policy.referral_invited or ZERO,
            policy.referral_min_used or ZERO,
        )

    return await ledger.read(find)


async def make_code(ledger: LedgerService, *, actor: Actor) -> str:
    """Return one's code, made when first asked for. Raises Refused(not_verified)."""
    codes, now = [_new_code(ledger) for _ in range(_TRIES)], ledger.clock()

    def keep(connection: Connection) -> str | None:
        me = people.member(connection, org_id=actor.org_id, member_id=actor.member_id)
        if me is None or me.verified_at is None or me.kind != "person":
            raise Refused(Code.NOT_VERIFIED, "Inviting needs a verified identity. Ask an admin.")
        for code in codes:
            known = store.code_of(connection, actor.org_id, actor.member_id)
            if known is not None or store.add_code(connection, actor.org_id, actor.member_id, code, now):
                return known or code
        return None

    code = await ledger.write(keep)
    if code is None:
        raise Refused(Code.OVERLOADED, "No code could be made. Try again.")
    return code


async def use_code(ledger: LedgerService, *, actor: Actor, code: str) -> CommandResult[ReferralsView]:
    """Say that one came by a code; both sides get their lots once one is verified and has used credits.

    Raises Refused: not_found, not_allowed (oneself, or a second inviter), not_verified, policy_refused.
    """

    def find(connection: Connection) -> tuple[int, ...]:
        written = code.strip().lower()
        known = written.isascii() and written.isprintable() and len(written) <= MAX_CODE
        owner = store.owner_of_code(connection, actor.org_id, written) if known else None
        if owner is None:
            raise Refused(Code.NOT_FOUND, "Code not found. Ask who invited you for theirs.")
        _check_two_people(connection, actor, owner)
        return store.chain_above(connection, actor.org_id, owner)

    chain = await ledger.read(find)
    receipt = await ledger.execute(RecordReferral(actor.org_id, actor.member_id, chain))
    return CommandResult(await referrals(ledger, actor=actor), receipt.replayed)


async def reward_due(ledger: LedgerService) -> SweepResult:
    """Reward every open referral whose invited is verified and has used enough; safe with several schedulers."""
    swept, after = SweepResult(), (0, 0)
    for _ in range(MAX_PAGES):
        found, worth = await ledger.read(lambda connection, after=after: _candidates(connection, ledger, after))  # type: ignore[misc]
        swept += await submit_all(
            ledger, (RewardReferral(each.org_id, each.invited_id, each.inviter_id) for each in worth)
        )
        if len(found) < PAGE:
            break
        after = (to_micros(found[-1].created_at), found[-1].invited_id)
    return swept


def _candidates(
    connection: Connection, ledger: LedgerService, after: tuple[int, int]
) -> tuple[list[Referral], list[Referral]]:
    """Return a page of open referrals, and those of them that have earned their reward."""
    found = store.open_referrals(connection, ledger.clock(), after=after, limit=PAGE)
    least = {
        org: Policy.of(organizations.policy(connection, org_id=org)).referral_min_used or ZERO
        for org in {each.referral.org_id for each in found}
    }
    worth = [each.referral for each in found if each.used and each.used >= least[each.referral.org_id]]
    return [each.referral for each in found], worth


def _check_two_people(connection: Connection, actor: Actor, owner: int) -> None:
    """Refuse a second account of one person: the same e-mail address, whatever follows a plus, or Slack user."""
    me, other = (people.member(connection, org_id=actor.org_id, member_id=each) for each in (actor.member_id, owner))
    if me is None or other is None:
        raise Refused(Code.NOT_FOUND, "Code not found.")
    same_slack = me.slack_user_id is not None and me.slack_user_id == other.slack_user_id
    if me.member_id != owner and (same_slack or (_mailbox(me) is not None and _mailbox(me) == _mailbox(other))):
        raise Refused(Code.NOT_ALLOWED, "That is your own code. Give it to somebody who is new here.")


def _mailbox(member: MemberRecord) -> str | None:
    if not member.email:
        return None
    name, _, domain = member.email.casefold().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _new_code(ledger: LedgerService) -> str:
    return "ref_" + "".join(_LETTERS[byte % 32] for byte in ledger.random_bytes(_LENGTH))
