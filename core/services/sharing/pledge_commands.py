"""Pledging to a request: a promise that holds nothing. The pledge that fills it turns all of them into gifts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.ledger.accounts import wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.requests import CreditRequest, Pledge, RequestState, missing
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of
from core.services.gifts.gift_commands import plan_gift
from core.services.sharing.fulfillment_commands import checked_asker, fulfil, gift_of
from core.services.sharing.request_commands import check_open, close, visible_request


@dataclass(frozen=True, slots=True)
class PledgeCredits:
    """Pledge an amount, in place of what the same person pledged before; more than is missing is cut to that."""

    org_id: int
    actor_id: int
    key: str
    request_id: int
    amount: Credits
    is_admin: bool
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("pledge", self.request_id, self.amount.micros)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.actor_id, self.request_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused as a gift of it would now; what is no longer possible later is dropped then."""
        request = visible_request(batch, self.request_id, self.actor_id, is_admin=self.is_admin)
        check_open(batch, request)
        if self.actor_id == request.asker_id:
            raise Refused(Code.SELF_GIFT, "That is your own request. Somebody else has to pledge.")
        checked_asker(batch, request)
        pledges = batch.records_of(Pledge, "request_id", self.request_id)
        others = [each for each in pledges if each.member_id != self.actor_id]
        room = missing(request, others)
        amount = min(self.amount, room)
        plan_gift(batch, gift_of(request, self.actor_id, amount), wallet_of(request.asker_id))

        batch.post(TransferKind.PLEDGE, cause_id=request.request_id)
        before = part_of(pledges, self.actor_id)
        was_asked = before is not None and before.was_asked
        batch.put(Pledge(self.org_id, self.request_id, self.actor_id, amount, batch.now, was_asked=was_asked))
        if amount == room:
            fulfil(batch, request, RequestState.FILLED)
        else:
            body = {"by": _name(batch, self.actor_id), "amount": str(amount), "missing": str(room - amount)}
            batch.add_notice(wallet_of(request.asker_id), "request_pledged", body=body, for_editor=True)


@dataclass(frozen=True, slots=True)
class Unpledge:
    """Take one's pledge back while the request is open."""

    org_id: int
    actor_id: int
    key: str
    request_id: int
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("unpledge", self.request_id)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.actor_id, self.request_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, request_not_open, nothing_pledged."""
        request = visible_request(batch, self.request_id, self.actor_id, is_admin=False)
        check_open(batch, request)
        mine = part_of(batch.records_of(Pledge, "request_id", self.request_id), self.actor_id)
        if mine is None or not mine.amount:
            raise Refused(Code.NOTHING_PLEDGED, "You have not pledged anything to this request.")
        batch.post(TransferKind.PLEDGE, cause_id=request.request_id)
        batch.put(replace(mine, amount=ZERO, changed_at=batch.now))
        body = {"by": _name(batch, self.actor_id), "amount": str(mine.amount)}
        batch.add_notice(wallet_of(request.asker_id), "request_unpledged", body=body, for_editor=True)


@dataclass(frozen=True, slots=True)
class DeclineRequest:
    """Somebody who was asked says no, with a reason if they like; the last to say so closes an unpledged request."""

    org_id: int
    actor_id: int
    key: str
    request_id: int
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("decline request", self.request_id, self.reason)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.actor_id, self.request_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, request_not_open, not_allowed unless they were asked."""
        request = visible_request(batch, self.request_id, self.actor_id, is_admin=False)
        check_open(batch, request)
        mine = part_of(batch.records_of(Pledge, "request_id", self.request_id), self.actor_id)
        if mine is None or not mine.was_asked:
            raise Refused(Code.NOT_ALLOWED, "Only somebody who was asked can decline.")
        batch.post(TransferKind.PLEDGE, cause_id=request.request_id, note=self.reason)
        batch.put(replace(mine, amount=ZERO, has_declined=True, changed_at=batch.now))
        is_over = _nobody_left(batch, request)
        if is_over:
            close(batch, request, RequestState.DECLINED)
        body = {
            "by": _name(batch, self.actor_id),
            "amount": str(request.amount),
            "reason": self.reason,
            "over": is_over,
        }
        batch.add_notice(wallet_of(request.asker_id), "request_declined", body=body, for_editor=True)


def part_of(pledges: list[Pledge], member_id: int) -> Pledge | None:
    """Return somebody's part in a request, if they have one."""
    return next((each for each in pledges if each.member_id == member_id), None)


def _nobody_left(batch: BatchState, request: CreditRequest) -> bool:
    pledges = batch.records_of(Pledge, "request_id", request.request_id)
    return all(each.has_declined for each in pledges if each.was_asked) and not any(each.amount for each in pledges)


def _needs(actor: int, request_id: int) -> ReadSet:
    return ReadSet(
        members=(actor,),
        positions=(wallet_of(actor),),
        given_by=(actor,),
        seats_of=(actor,),
        requests=(request_id,),
    )


def _name(batch: BatchState, member_id: int) -> str:
    member = batch.member(member_id)
    assert member is not None, "who acts was read under the lock of their wallet"
    return member.name
