"""A side of a gift, a grant or a movement, as people see it."""

from __future__ import annotations

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.ids import Prefix, shown_id
from core.services.common.views import PartyView
from core.store.queries.gifts import Side


def party(org_id: int, side: Side) -> PartyView:
    """Return one side of a gift: a member, a team's pool or the organization's."""
    owner = owner_of(side.account)
    if kind_of(side.account) is AccountKind.POOL:
        prefix = Prefix.ORG if owner == org_id else Prefix.TEAM
        return PartyView(shown_id(prefix, owner), side.name, is_pool=True)
    return PartyView(shown_id(Prefix.MEMBER, owner), side.name, slack_user_id=side.slack_user_id)
