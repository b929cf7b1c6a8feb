"""A request comes true: pledges become ordinary gifts, all decided together, or a pool pays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.lots import GiftOrder
from core.ledger.requests import CreditRequest, Pledge, RequestState
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of
from core.services.gifts.gift_commands import Give, PlannedGift, make_gift, plan_gift
from core.services.grants.grant_commands import Allocate
from core.services.sharing.request_commands import asker_name, check_asker, check_open, close, visible_request

_NEVER_KEPT: Final = ""  # a pledge becomes a gift under the key of the command that filled the request


@dataclass(frozen=True, slots=True)
class AcceptPledges:
    """The asker takes what is pledged so far, and the request is closed."""

    org_id: int
    actor_id: int
    key: str
    request_id: int
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("accept request", self.request_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.actor_id,), seats_of=(self.actor_id,), requests=(self.request_id,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, request_not_open, not_allowed, nothing_pledged."""
        request = visible_request(batch, self.request_id, self.actor_id, is_admin=False)
        check_open(batch, request)
        check_asker(request, self.actor_id)
        checked_asker(batch, request)
        if not any(each.amount for each in batch.records_of(Pledge, "request_id", self.request_id)):
            raise Refused(Code.NOTHING_PLEDGED, "Nobody has pledged anything yet. Wait, or withdraw the request.")
        batch.post(TransferKind.ASK, cause_id=request.request_id)
        fulfil(batch, request, RequestState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class FillFromPool:
    """A lead of a team, or an admin, pays the whole request out of a pool at once; pledges are freed."""

    org_id: int
    actor_id: int
    key: str
    request_id: int
    pool: int
    is_admin: bool
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("fill request", self.request_id, self.pool)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(
            members=(self.actor_id,),
            positions=(self.pool,),
            seats_of=(self.actor_id,),
            requests=(self.request_id,),
        )

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, request_not_open, not_allowed, insufficient_giftable, too_many_lots."""
        request = visible_request(batch, self.request_id, self.actor_id, is_admin=self.is_admin)
        check_open(batch, request)
        if self.actor_id == request.asker_id:
            raise Refused(Code.NOT_ALLOWED, "That is your own request. Another lead or an admin decides about it.")
        wallet = wallet_of(request.asker_id)
        paid = Allocate(
            self.org_id, self.actor_id, self.key, self.pool, wallet, request.amount, None, is_admin=self.is_admin
        )
        paid.decide(batch)
        batch.post(TransferKind.ASK, cause_id=request.request_id)
        close(batch, request, RequestState.FILLED, given=request.amount)
        body = {"amount": str(request.amount), "given": str(request.amount)}
        batch.add_notice(wallet, "request_filled", body=body)


def fulfil(batch: BatchState, request: CreditRequest, state: RequestState) -> None:
    """Turn every pledge into a gift of its pledger and close the request.

    Policy, freeze and funds are tested now, for all before any is made. A pledge that no longer works is dropped and
    both sides are told; then a request that was to be filled stays open with the rest, of which nothing is held.
    """
    plans, dropped = _tested(batch, request)
    for pledge, why in dropped:
        _revoke(batch, request, pledge, why)
    if not plans or (dropped and state is RequestState.FILLED):
        return
    for pledge, plan in plans:
        gift_id = make_gift(batch, plan)
        batch.put(replace(pledge, gift_id=gift_id, changed_at=batch.now))
    given = total(pledge.amount for pledge, _ in plans)
    close(batch, request, state, given=given)
    body = {"amount": str(request.amount), "given": str(given)}
    batch.add_notice(wallet_of(request.asker_id), "request_filled", body=body, for_editor=True)


def gift_of(request: CreditRequest, pledger: int, amount: Credits) -> Give:
    """Return the gift that a pledge would become."""
    wallet = wallet_of(request.asker_id)
    return Give(request.org_id, pledger, _NEVER_KEPT, (wallet,), amount, None, GiftOrder.SOONEST)


def checked_asker(batch: BatchState, request: CreditRequest) -> None:
    """Raise Refused(unknown_member) when there is nobody to receive anything any more."""
    asker = batch.member(request.asker_id)
    if asker is None or asker.has_left:
        raise Refused(Code.UNKNOWN_MEMBER, f"{asker_name(batch, request)} has left and cannot receive credits.")


def _tested(
    batch: BatchState, request: CreditRequest
) -> tuple[list[tuple[Pledge, PlannedGift]], list[tuple[Pledge, Refused]]]:
    plans: list[tuple[Pledge, PlannedGift]] = []
    dropped: list[tuple[Pledge, Refused]] = []
    for pledge in batch.records_of(Pledge, "request_id", request.request_id):
        if pledge.amount:
            gift = gift_of(request, pledge.member_id, pledge.amount)
            try:
                plans.append((pledge, plan_gift(batch, gift, wallet_of(request.asker_id))))
            except Refused as refused:
                dropped.append((pledge, refused))
    return plans, dropped


def _revoke(batch: BatchState, request: CreditRequest, pledge: Pledge, why: Refused) -> None:
    """Take a pledge away. The pledger is told why; the asker only that it does not hold."""
    batch.put(replace(pledge, amount=ZERO, changed_at=batch.now))
    pledger, amount = batch.member(pledge.member_id), str(pledge.amount)
    body = {"by": asker_name(batch, request), "amount": amount, "reason": why.detail}
    batch.add_notice(wallet_of(pledge.member_id), "pledge_dropped", body=body, for_editor=True)
    name = "Somebody" if pledger is None else pledger.name
    batch.add_notice(
        wallet_of(request.asker_id), "request_unpledged", body={"by": name, "amount": amount}, for_editor=True
    )
