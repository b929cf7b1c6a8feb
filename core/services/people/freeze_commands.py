"""Freezing a wallet, freeing it, and leaving (G4, G8). The gifts concerned go back by commands of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.members import Member
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of


@dataclass(frozen=True, slots=True)
class Freeze:
    """Freeze a wallet: no new gifts and holds, and every token of its owner is revoked (G8)."""

    org_id: int
    actor_id: int
    key: str
    member_id: int
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("freeze", self.member_id, self.reason)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.member_id,))

    def decide(self, batch: BatchState) -> None:
        member = _member(batch, self.member_id)
        if member.is_frozen:
            raise Refused(Code.NOT_ALLOWED, f"The wallet of {member.name} is frozen already.")
        batch.post(TransferKind.FREEZE, note=self.reason)
        batch.change_member(replace(member, frozen_at=batch.now))
        batch.revoke_tokens(self.member_id)


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """Free a wallet again; only an admin may, and never their own."""

    org_id: int
    actor_id: int
    key: str
    member_id: int
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("unfreeze", self.member_id, self.reason)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.member_id,))

    def decide(self, batch: BatchState) -> None:
        member = _member(batch, self.member_id)
        if not member.is_frozen:
            raise Refused(Code.NOT_ALLOWED, f"The wallet of {member.name} is not frozen.")
        batch.post(TransferKind.UNFREEZE, note=self.reason)
        batch.change_member(replace(member, frozen_at=None))


@dataclass(frozen=True, slots=True)
class Deactivate:
    """A member leaves: open gifts of theirs and to them go back, their tokens end (G4)."""

    org_id: int
    actor_id: int
    key: str
    member_id: int
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("leave", self.member_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.member_id,))

    def decide(self, batch: BatchState) -> None:
        member = _member(batch, self.member_id)
        batch.post(TransferKind.LEAVE)
        batch.change_member(replace(member, deactivated_at=batch.now))
        batch.revoke_tokens(self.member_id)


def _member(batch: BatchState, member_id: int) -> Member:
    member = batch.member(member_id)
    if member is None or member.has_left:
        raise Refused(Code.NOT_FOUND, "Member not found.")
    return member
