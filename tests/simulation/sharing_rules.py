"""What must be true of requests for credits: nothing is held for them, and each comes to one end, once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from core.ledger.accounts import wallet_of
from tests.simulation.books import Books, Request, Transfer

if TYPE_CHECKING:
    from tests.simulation.rules import Rules

MOST_OPEN = 5  # of one person
# What a command makes of an open request, for certain or perhaps: that depends on what pledges hold by then.
_ENDS = {"WithdrawRequest": "withdrawn", "ExpireRequest": "lapsed"}
_MAY_END = {"AcceptPledges": "accepted", "PledgeCredits": "filled", "DeclineRequest": "declined"}

Part = tuple[int, int, bool, bool, int | None]  # whose, how much, whether asked and declined, and the gift it became


def asked(rules: Rules, transfer: Transfer) -> None:
    """A request is made by somebody who may spend; it is closed in time, or lapses when its time is over."""
    command: Any = rules.command
    assert not transfer.lines, f"{transfer} holds something"
    if type(command).__name__ == "RequestCredits":
        _made(rules, transfer, command)
        return
    request = _request(rules, transfer)
    if command is None:  # beside what a pool paid
        assert request.state == "filled", f"{request}: a {transfer} without a cause"
        return
    _in_time(request, transfer, lapses=type(command).__name__ == "ExpireRequest")
    _moves_on(request, command)


def pledged(rules: Rules, transfer: Transfer) -> None:
    """Only promised while it is open, by somebody else who may give."""
    request, command = _request(rules, transfer), rules.command
    assert not transfer.lines, f"{transfer} holds something"
    assert command is not None
    assert command.actor_id != request.asker, f"{request}: its own asker pledges"
    _in_time(request, transfer)
    if type(command).__name__ == "PledgeCredits":
        rules.may_spend(wallet_of(command.actor_id))
        rules.is_here(wallet_of(request.asker))
        request.pledgers.append(command.actor_id)
    _moves_on(request, command)


def filled(rules: Rules, transfer: Transfer) -> None:
    """A pool pays all of it at once."""
    command: Any = rules.command
    request = rules.books.requests[command.request_id]
    _in_time(request, transfer)
    assert command.actor_id != request.asker, f"{request}: its own asker decides"
    assert (transfer.lines[1].account, transfer.amount) == (wallet_of(request.asker), request.amount)
    request.state, request.is_paid = "filled", True


def compare(books: Books, request: Request, stored: tuple[str, int], parts: Iterable[Part]) -> None:
    """Compare a request with what is stored after a batch: its end is one it may have, and its gifts make it up."""
    state, given = stored
    assert state in {request.state, *request.may_end}, f"{request} is stored as {state}"
    request.state = state
    request.may_end.clear()
    whole, gifts = list(parts), 0
    for member, amount, _, _, gift_id in whole:
        assert bool(amount) == (gift_id is not None) or state == "open", f"{request}: {member} has pledged for nothing"
        if gift_id is not None:
            gift = books.gifts[gift_id]
            sides = (gift.sender, gift.recipient, gift.amount)
            assert sides == (wallet_of(member), wallet_of(request.asker), amount), f"{request}: {gift} is another"
            gifts += amount
    assert given == (request.amount if request.is_paid else gifts), f"{request}: {given} is said to have been given"
    if state == "open":
        assert gifts == 0, f"{request} is open, but gifts were made"
        assert sum(part[1] for part in whole) < request.amount, f"{request} is full and open"
    if state == "filled":
        assert given == request.amount, f"{request} is filled with {given}"
    if state == "accepted":
        assert given, f"{request} was accepted, but nothing was given"
    if state == "declined":
        assert all(declined for _, _, was_asked, declined, _ in whole if was_asked), f"{request} is declined"


def _made(rules: Rules, transfer: Transfer, command: Any) -> None:
    lapses_at = transfer.at + round(command.lasts.total_seconds() * 1_000_000)
    facts = (transfer.org, transfer.number, command.actor_id, command.amount.micros, lapses_at, command.asked)
    request = rules.books.requests[transfer.number] = Request(*facts)
    assert transfer.cause == transfer.number
    rules.may_spend(wallet_of(request.asker))
    for member in request.asked:
        assert member != request.asker
        rules.is_here(wallet_of(member))
    mine = [each for each in rules.books.requests.values() if each.asker == request.asker and each.state == "open"]
    still = [each for each in mine if each.lapses_at > transfer.at and not each.may_end]
    assert len(still) <= MOST_OPEN, f"{request.asker} has {len(still)} open requests"


def _in_time(request: Request, transfer: Transfer, *, lapses: bool = False) -> None:
    assert request.state == "open", f"{request} came to two ends"
    assert lapses == (request.lapses_at <= transfer.at), f"{request}: {transfer} is not in time"


def _moves_on(request: Request, command: Any) -> None:
    name = type(command).__name__
    request.state = _ENDS.get(name, request.state)
    if name in _MAY_END:
        request.may_end.add(_MAY_END[name])


def _request(rules: Rules, transfer: Transfer) -> Request:
    assert transfer.cause is not None, f"{transfer} names no request"
    return rules.books.requests[transfer.cause]
