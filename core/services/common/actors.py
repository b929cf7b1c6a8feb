"""Who asks: an authenticated member, and what the token they came with lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a token may do."""

    READ = "read"  # see what its owner sees
    GIVE = "give"  # create and decide gifts
    SPEND = "spend"  # report and authorize usage
    ADMIN = "admin"  # grants, policy, members; only for admins


class Role(StrEnum):
    """What a member is in the organization."""

    ADMIN = "admin"  # grants, policy, freezes
    MEMBER = "member"  # a wallet


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an authenticated member with the scopes of the token (or the door) they came by."""

    org_id: int
    member_id: int
    role: Role
    scopes: frozenset[Scope]
    token_id: int | None = None
    is_service: bool = False

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN and Scope.ADMIN in self.scopes

    @property
    def spends_for_all(self) -> bool:
        """Whether usage of others is theirs to authorize and report: a gateway's, or an admin's."""
        return self.is_service or self.is_admin


@dataclass(frozen=True, slots=True)
class AuthSession:
    """What a token opens: who acts, and until when. ``digest`` names the token without being it."""

    actor: Actor
    digest: bytes
    expires_at: datetime | None
