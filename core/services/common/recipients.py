"""Recipients of credits, by the ids that people use: a member, a pool, a member of another organization."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom: a member, or a pool (a team's or the organization's), or a member of another organization, by ids."""

    member: str | None = None
    pool: str | None = None
    org: str | None = None


def account_of(recipient: Recipient) -> int:
    """Return the account a recipient means. Raises Refused(unknown_member, invalid_request)."""
    if (recipient.member is None) == (recipient.pool is None):
        raise Refused(Code.INVALID_REQUEST, "Name either a member or a pool.", field="to")
    if recipient.org is not None and recipient.member is None:
        raise Refused(Code.INVALID_REQUEST, "A gift to another organization goes to a member of it.", field="to")
    try:
        if recipient.member is not None:
            return wallet_of(parse_id(Prefix.MEMBER, recipient.member))
        pool = str(recipient.pool)
        return pool_of(parse_id(Prefix.ORG if pool.startswith(Prefix.ORG.value) else Prefix.TEAM, pool))
    except Refused as refused:
        raise Refused(Code.UNKNOWN_MEMBER, refused.detail, field="to") from None
