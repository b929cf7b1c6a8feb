"""Referrals over HTTP: one's code, and saying by whom one came."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from core.api.dependencies import REPLAYED, GiveActor, LedgerDep, ReadActor, problems, replay_headers
from core.api.guard import GuardedRoute
from core.api.schemas.referrals import CodeShown, ReferralsShown, referrals_shown
from core.services.sharing import referrals

router = APIRouter(prefix="/v1/referrals", route_class=GuardedRoute, tags=["referrals"])

_USED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Your referrals as they are now.", "headers": REPLAYED},
    **problems(404, 409),
}


@router.get("", summary="Your referrals", responses=problems())
async def show(ledger: LedgerDep, actor: ReadActor) -> ReferralsShown:
    """Return one's code, by whom one came, and whom one invited, newest first, at most 200."""
    return referrals_shown(await referrals.referrals(ledger, actor=actor))


@router.post("/code", summary="Get your code", responses=problems())
async def make_code(ledger: LedgerDep, actor: GiveActor) -> CodeShown:
    """Return one's code; it is made when first asked for, so no key is needed."""
    return CodeShown(code=await referrals.make_code(ledger, actor=actor))


@router.post("/{code}/use", summary="Say by whom you came", responses=_USED)
async def use(code: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> ReferralsShown:
    """Both sides get their lots once you are verified and have used credits. One inviter each, for ever."""
    answer = await referrals.use_code(ledger, actor=actor, code=code)
    response.headers.update(replay_headers(answer))
    return referrals_shown(answer.item)
