"""Tokens over HTTP. A secret is in one answer only, that of its issue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from core.api.dependencies import AdminActor, LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Id, Limit, PageShown
from core.api.schemas.people import TokenIssued, TokenRequest, TokenShown, token_shown
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.services.people import tokens

router = APIRouter(prefix="/v1/tokens", route_class=GuardedRoute, tags=["access"])


@router.get("", summary="Live tokens, newest first", responses=problems(404))
async def list_tokens(
    ledger: LedgerDep,
    actor: ReadActor,
    member: Annotated[Id | None, Query(description="Whose, for an admin; absent is one's own.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[TokenShown]:
    """Return tokens without their secrets."""
    page = await tokens.list_tokens(ledger, actor=actor, member_id=member, limit=limit, cursor=cursor)
    return PageShown(items=[token_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201, summary="Issue a token", responses=problems(404, 413, 415))
async def issue(given: TokenRequest, ledger: LedgerDep, actor: AdminActor) -> TokenIssued:
    """An admin issues a token; its secret is shown this once."""
    secret, token_id = await tokens.issue_token(
        ledger,
        actor=actor,
        scopes=given.scopes,
        label=given.label,
        member_id=given.member,
        expires_at=given.expires_at,
    )
    return TokenIssued(id=token_id, token=secret)


@router.delete("/current", status_code=204, summary="Sign out", responses=problems())
async def sign_out(ledger: LedgerDep, actor: ReadActor) -> None:
    """Revoke the very token that asks; its open streams end."""
    if actor.token_id is None:
        raise Refused(Code.NOT_FOUND, "There is no token to revoke.")
    await tokens.revoke_token(ledger, actor=actor, token_id=shown_id(Prefix.TOKEN, actor.token_id))


@router.delete("/{token_id}", status_code=204, summary="Revoke a token", responses=problems(404))
async def revoke(token_id: str, ledger: LedgerDep, actor: ReadActor) -> None:
    """Revoke an own token, or by an admin anybody's; its open streams end."""
    await tokens.revoke_token(ledger, actor=actor, token_id=token_id)
