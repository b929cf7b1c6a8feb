"""Requests for credits: somebody asks, several may pledge, and nothing is held until it is full or accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from core.ledger.credits import ZERO, Credits, total
from core.ledger.records import Record

DEFAULT_LASTS: Final = timedelta(hours=72)


class RequestState(StrEnum):
    """The states of a request."""

    OPEN = "open"  # pledges are welcome until it lapses
    FILLED = "filled"  # all of it was pledged and given, or came out of a pool
    ACCEPTED = "accepted"  # its asker took what was pledged by then
    DECLINED = "declined"  # everybody who was asked said no
    WITHDRAWN = "withdrawn"  # its asker no longer needs it
    LAPSED = "lapsed"  # its time was over


@dataclass(frozen=True, slots=True)
class CreditRequest(Record):
    """A request; its id is that of the transfer that made it, its reason that transfer's note.

    ``open_asker_id`` repeats the asker while it is open, so that the open requests of somebody are found.
    Whoever changes it, or a pledge to it, locks the asker's wallet.
    """

    TABLE: ClassVar[str] = "credit_request"
    KEY: ClassVar[tuple[str, ...]] = ("request_id",)

    request_id: int
    asker_id: int
    amount: Credits
    state: RequestState
    given: Credits
    created_at: datetime
    lapses_at: datetime
    open_asker_id: int | None
    closed_at: datetime | None = None

    @property
    def concerns(self) -> tuple[int, ...]:
        return (self.asker_id,)

    def state_at(self, now: datetime) -> RequestState:
        """Return its state by rule: from ``lapses_at`` on it has lapsed, whether or not the job has run."""
        return RequestState.LAPSED if self.state is RequestState.OPEN and self.lapses_at <= now else self.state


@dataclass(frozen=True, slots=True)
class Pledge(Record):
    """One person's part in a request: that they were asked, what they promise, and the gift it became."""

    TABLE: ClassVar[str] = "pledge"
    KEY: ClassVar[tuple[str, ...]] = ("request_id", "member_id")

    request_id: int
    member_id: int
    amount: Credits
    changed_at: datetime
    was_asked: bool = False
    has_declined: bool = False
    gift_id: int | None = None

    @property
    def concerns(self) -> tuple[int, ...]:
        return (self.member_id,)


def pledged(pledges: Iterable[Pledge]) -> Credits:
    """Return what is promised altogether."""
    return total(each.amount for each in pledges)


def missing(request: CreditRequest, pledges: Iterable[Pledge]) -> Credits:
    """Return what nobody has pledged yet, never below zero."""
    return max(request.amount - pledged(pledges), ZERO)
